"""Texts become token ids, of their real length and never parsed for the model's own tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from triptych_server.encode.errors import ModelFolderError
from triptych_server.encode.model_folder import TOKENIZER

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TokenIds = Sequence[int]


class TextTokenizer:
    """The tokenizer of a model folder.

    "Content" tokens are those of the text itself; ``wrap`` puts the model's begin and end tokens
    around them. A caller who writes the end token's name into a text gets the words of that name,
    not the token: the text of a stranger cannot end the model's reading early.
    """

    def __init__(self, folder: Path, context_length: int) -> None:
        """Raises ModelFolderError for a tokenizer that cannot be read or used."""
        from tokenizers import Tokenizer

        try:
            data = (folder / TOKENIZER).read_bytes()
            # tokenizers raises plain Exception for every kind of bad file.
            tokenizer: Tokenizer = Tokenizer.from_str(data.decode("utf-8"))
        except Exception as error:
            raise ModelFolderError(folder, f"{TOKENIZER} cannot be read: {error}") from error
        padding = tokenizer.padding or {}
        if padding.get("direction", "right") != "right":
            raise ModelFolderError(folder, f"{TOKENIZER}: padding on the left is not supported")
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self._begin, self._end = _specials(tokenizer)
        if "pad_id" in padding:
            self._pad_id = int(padding["pad_id"])
        elif self._end:
            self._pad_id = self._end[-1]
        else:
            raise ModelFolderError(folder, f"{TOKENIZER}: has neither padding nor an end token")
        self._context_length = context_length
        if self.capacity < 1:
            raise ModelFolderError(
                folder,
                f"context_length {context_length} leaves no room beside {self.specials} "
                "begin and end tokens",
            )
        self._data_hash = hashlib.sha256(data).hexdigest()

    @property
    def context_length(self) -> int:
        """The most tokens that the model reads, begin and end tokens included."""
        return self._context_length

    @property
    def specials(self) -> int:
        """How many begin and end tokens the model wants around a text."""
        return len(self._begin) + len(self._end)

    @property
    def capacity(self) -> int:
        """The most content tokens that fit into the context."""
        return self._context_length - self.specials

    @property
    def pad_id(self) -> int:
        """The id that fills up the shorter texts of a batch, masked from the model."""
        return self._pad_id

    @property
    def fingerprint(self) -> str:
        """12 hex digits over tokenizer.json's bytes and the context length."""
        canonical = json.dumps({"context_length": self._context_length, "file": self._data_hash})
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def content(self, text: str) -> list[int]:
        """All content tokens of ``text``, uncut; lets other threads run meanwhile."""
        # The batch call, unlike `encode`, releases the interpreter lock: 64 KiB take 20-100 ms.
        return list(self._tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids)

    def wrap(self, content: TokenIds) -> list[int]:
        """``content``, at most ``capacity`` of it, between the begin and end tokens."""
        return [*self._begin, *content[: self.capacity], *self._end]

    def batch(self, rows: Sequence[TokenIds]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and attention mask, each int64 of shape (rows, longest row), padded on the right."""
        longest = max(len(row) for row in rows)
        ids = np.full((len(rows), longest), self._pad_id, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        return ids, mask


def _specials(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids that the tokenizer's post-processor puts before and after a text."""
    probe = tokenizer.encode("a")
    ids, mask = list(probe.ids), list(probe.special_tokens_mask)
    if 0 not in mask:
        return ids, []
    first = mask.index(0)
    last = len(mask) - mask[::-1].index(0)
    return ids[:first], ids[last:]
