"""Short texts at their own length, against padding all of them to the 77 tokens of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.frame import Bench, Findings, Row, interleaved
from benchmarks.models import CONTEXT_LENGTH, clip_folder
from benchmarks.texts import queries
from triptych_server.domain.vectors import FloatArray, unit
from triptych_server.encode.model_folder import load_model_folder
from triptych_server.encode.session import Device, open_session
from triptych_server.encode.tokenize import TextTokenizer, TokenIds
from triptych_server.encode.towers import TextTower

TITLE = "Short texts"

_BATCH = 32


def run(bench: Bench) -> Findings:
    """The service's text tower on batches of 32, on one core, against the same session padded."""
    folder = clip_folder()
    stated = load_model_folder(folder)
    tokenizer = TextTokenizer(folder, stated.context_length)
    session = open_session(stated.text, device=Device.CPU, threads=1)
    tower = TextTower(stated, session, tokenizer)
    count = _BATCH if bench.quick else 4 * _BATCH
    rows = [tokenizer.wrap(tokenizer.content(text)) for text in queries(count, seed=3)]
    by_length = sorted(rows, key=len)

    def padded(given: Sequence[TokenIds]) -> FloatArray:
        ids, mask = _padded(tokenizer, given)
        return unit(session.run("text_embeds", {"input_ids": ids, "attention_mask": mask}))

    rounds = interleaved(
        {
            "padded to 77": lambda: _each(padded, rows),
            "as they come": lambda: _each(tower.encode, rows),
            "sorted by length": lambda: _each(tower.encode, by_length),
        },
        rounds=bench.rounds(5),
    )
    own, full = _all(tower.encode, rows), _all(padded, rows)
    displacement = 1.0 - float((own.astype(np.float64) * full.astype(np.float64)).sum(1).min())
    gained = rounds.ratio("padded to 77", "as they come")
    alike = rounds.ratio("as they come", "sorted by length")
    tokens = sum(map(len, rows)) / count
    return Findings(
        [
            Row(
                "texts a second at real length, over padding to 77",
                str(gained),
                "≥ 2.5×",
                gained.median >= 2.5,
                f"{count / rounds.median('as they come'):.0f}/s against "
                f"{count / rounds.median('padded to 77'):.0f}/s on one core; {tokens:.0f} tokens a "
                f"text on average, {_BATCH} texts a run",
            ),
            Row(
                "1 − cos of an embedding to the padded one, at most",
                f"{displacement:.1e}",
                "≤ 1e-6",
                displacement <= 1e-6,
            ),
            Row(
                "sorted by length, over as they come",
                str(alike),
                detail="what the queue gains by putting texts of like length together, at most",
            ),
        ]
    )


def _padded(
    tokenizer: TextTokenizer, rows: Sequence[TokenIds]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and mask of 77 places a row."""
    ids = np.full((len(rows), CONTEXT_LENGTH), tokenizer.pad_id, np.int64)
    mask = np.zeros((len(rows), CONTEXT_LENGTH), np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return ids, mask


def _each(encode: Callable[[Sequence[TokenIds]], FloatArray], rows: Sequence[TokenIds]) -> None:
    for start in range(0, len(rows), _BATCH):
        encode(rows[start : start + _BATCH])


def _all(
    encode: Callable[[Sequence[TokenIds]], FloatArray], rows: Sequence[TokenIds]
) -> FloatArray:
    return np.concatenate([encode(rows[n : n + _BATCH]) for n in range(0, len(rows), _BATCH)])
