"""Words as sparse vectors: BM25 term weights by fastembed, the same way for texts and queries.

A stored text's weight for a term t that it holds f times, in a text of n terms, is
``f · (k + 1) / (f + k · (1 − b + b · n / avg_len))``; a query's weight is 1. The inverse document
frequency, the other half of BM25, is the store's part (Robertson and Zaragoza, "The Probabilistic
Relevance Framework: BM25 and Beyond", 2009). A term's index is the absolute value of the signed
32-bit MurmurHash3 of its stem.

A term is a run of letters and digits: "SN-4821-QX" is "sn", "4821" and "qx", "O'Brien" is "o" and
"brien". Runs of over 40 characters are left out. So that one text always gives one vector:

- NFC first, and lower case (Turkish by its own rule);
- marks that stay apart from their letter (Arabic vowel signs, an accent on a letter that has no
  composed form) and invisible format characters (soft hyphens, joiners) are dropped, where the
  tokenizer would break the word at each; an underscore parts words as a hyphen does.

Only English has stop words. In the other languages, common words lose their weight through the
inverse document frequency. Scripts without spaces (Chinese, Japanese, Thai) are not cut into words:
a run of theirs is one term, and is found by the same run alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from triptych_server.domain.collections import Stamp
from triptych_server.domain.vectors import SparseVector
from triptych_server.encode.stopwords import ENGLISH

if TYPE_CHECKING:
    from fastembed import SparseEmbedding, SparseTextEmbedding

K = 1.2
B = 0.75
AVERAGE_LENGTH = 256.0
MAX_TERM_LENGTH = 40
NORMALISATION = "nfc, lower case, marks and format characters dropped, underscore parts words; 1"

_MODEL = "Qdrant/bm25"
_WORKERS = 2
_DROPPED_CATEGORIES = frozenset({"Mn", "Mc", "Me", "Cf"})

# The Snowball stemmers that fastembed carries, by ISO 639-1. Tamil is not among them: most of its
# vowels are marks, which its stemmer would need and the tokenizer cannot keep.
_STEMMERS = MappingProxyType(
    {
        "ar": "arabic",
        "da": "danish",
        "de": "german",
        "el": "greek",
        "en": "english",
        "es": "spanish",
        "fi": "finnish",
        "fr": "french",
        "hu": "hungarian",
        "it": "italian",
        "nb": "norwegian",
        "nl": "dutch",
        "nn": "norwegian",
        "no": "norwegian",
        "pt": "portuguese",
        "ro": "romanian",
        "ru": "russian",
        "sv": "swedish",
        "tr": "turkish",
    }
)


class Bm25Terms:
    """BM25 terms in any language; those of ``languages`` are stemmed.

    Nothing is fetched: the stemmers are code, and the stop words are ours. fastembed is imported
    with the first text. Texts are worked on in threads of this object's own.
    """

    def __init__(self) -> None:
        self._models: dict[str | None, SparseTextEmbedding] = {}
        self._stamps: dict[str, Stamp] = {}
        self._making = threading.Lock()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="terms")

    @property
    def languages(self) -> tuple[str, ...]:
        """The ISO 639-1 languages it stems, sorted."""
        return tuple(sorted(_STEMMERS))

    def stamp(self, language: str) -> Stamp:
        """The stamp of a sparse space in that language."""
        # Every search compares it, and a hash over all stop words takes longer than its fusion.
        if language not in self._stamps:
            self._stamps[language] = _new_stamp(language)
        return self._stamps[language]

    async def encode_document(self, text: str, language: str) -> SparseVector:
        """Term weights of a stored text; empty where only stop words are left."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._document, text, language)

    async def encode_query(self, text: str, language: str) -> SparseVector:
        """Weight 1 for each term of a query; empty where only stop words are left."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._query, text, language)

    def close(self) -> None:
        """Wait for the texts being worked on; those still waiting are cancelled."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _document(self, text: str, language: str) -> SparseVector:
        (embedding,) = self._model(language).embed(normalised(text, language))
        return _sparse(embedding)

    def _query(self, text: str, language: str) -> SparseVector:
        (embedding,) = self._model(language).query_embed(normalised(text, language))
        return _sparse(embedding)

    def _model(self, language: str) -> SparseTextEmbedding:
        """One model a language; all languages without a stemmer share one."""
        key = language if language in _STEMMERS else None
        with self._making:
            if key not in self._models:
                self._models[key] = _new_model(language)
            return self._models[key]


def normalised(text: str, language: str) -> str:
    """``text`` as the tokenizer gets it; canonically equivalent texts become equal."""
    text = unicodedata.normalize("NFC", text)
    if language == "tr":
        text = text.replace("İ", "i").replace("I", "\N{LATIN SMALL LETTER DOTLESS I}")
    text = text.lower().replace("_", " ")
    if text.isascii():
        return text
    return "".join(c for c in text if unicodedata.category(c) not in _DROPPED_CATEGORIES)


def _stopwords(language: str) -> frozenset[str]:
    return ENGLISH if language == "en" else frozenset()


def _new_stamp(language: str) -> Stamp:
    parameters = {
        "language": language,
        "stemmer": _STEMMERS.get(language),
        "stopwords": sorted(_stopwords(language)),
        "k": K,
        "b": B,
        "average_length": AVERAGE_LENGTH,
        "max_term_length": MAX_TERM_LENGTH,
        "normalisation": NORMALISATION,
    }
    text = json.dumps(parameters, sort_keys=True, ensure_ascii=True)
    return Stamp("bm25", _revision(), hashlib.sha256(text.encode()).hexdigest()[:16])


def _new_model(language: str) -> SparseTextEmbedding:
    from fastembed import SparseTextEmbedding

    stemmer = _STEMMERS.get(language)
    # With a folder given, and stop words too, fastembed looks for no file and asks no network. It
    # makes sure that the cache folder exists, hence one that does.
    here = str(Path(__file__).parent)
    return SparseTextEmbedding(
        _MODEL,
        cache_dir=here,
        specific_model_path=here,
        k=K,
        b=B,
        avg_len=AVERAGE_LENGTH,
        language=stemmer or language,
        token_max_length=MAX_TERM_LENGTH,
        disable_stemmer=stemmer is None,
        stopwords=set(_stopwords(language)),
    )


def _sparse(embedding: SparseEmbedding) -> SparseVector:
    order = np.argsort(embedding.indices)
    return SparseVector(
        indices=embedding.indices[order].astype(np.uint32),
        values=embedding.values[order].astype(np.float32),
    )


def _revision() -> str:
    """fastembed's major and minor version: patches do not touch how terms are made."""
    try:
        version = metadata.version("fastembed")
    except metadata.PackageNotFoundError:
        version = metadata.version("fastembed-gpu")  # the same package built for CUDA
    return "fastembed-" + ".".join(version.split(".")[:2])
