"""Words as sparse vectors: BM25 term weights as fastembed's, the same way for texts and queries.

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

The vectors are those of fastembed's ``Qdrant/bm25``, number by number, made with the two libraries
that it makes them with. It is not imported itself: with all that it has for other things, its
imports would be a quarter of the service's start.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import mmh3
import numpy as np
from py_rust_stemmers import SnowballStemmer

from triptych_server.domain.collections import Stamp
from triptych_server.domain.vectors import SparseVector
from triptych_server.encode.stopwords import ENGLISH

K = 1.2
B = 0.75
AVERAGE_LENGTH = 256.0
MAX_TERM_LENGTH = 40
NORMALISATION = "nfc, lower case, marks and format characters dropped, underscore parts words; 1"

# The version of fastembed whose vectors these are; part of the stamp of every collection.
_REVISION = "fastembed-0.9"
_WORKERS = 2
# Up to this length a text is worked on where it is asked for (0.1 ms), a longer one in a thread.
_SHORT_TEXT = 1024
_NO_WORD = re.compile(r"\W")
_DROPPED_CATEGORIES = frozenset({"Mn", "Mc", "Me", "Cf"})

# The Snowball stemmers that there are, by ISO 639-1. Tamil is not among them: most of its
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

    Long texts are worked on in threads of this object's own.
    """

    def __init__(self) -> None:
        self._stemmers = {code: SnowballStemmer(name) for code, name in _STEMMERS.items()}
        self._stamps: dict[str, Stamp] = {}
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
        if len(text) <= _SHORT_TEXT:
            return self._document(text, language)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._document, text, language)

    async def encode_query(self, text: str, language: str) -> SparseVector:
        """Weight 1 for each term of a query; empty where only stop words are left."""
        if len(text) <= _SHORT_TEXT:
            return self._query(text, language)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._query, text, language)

    def close(self) -> None:
        """Wait for the texts being worked on; those still waiting are cancelled."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _document(self, text: str, language: str) -> SparseVector:
        stems = self._stems(text, language)
        norm = K * (1 - B + B * len(stems) / AVERAGE_LENGTH)
        return _sparse(
            {
                _index_of(stem): count * (K + 1) / (count + norm)
                for stem, count in Counter(stems).items()
            }
        )

    def _query(self, text: str, language: str) -> SparseVector:
        return _sparse(dict.fromkeys(map(_index_of, self._stems(text, language)), 1.0))

    def _stems(self, text: str, language: str) -> list[str]:
        """The terms of ``text`` in their order, each as often as it is there."""
        stopwords = _stopwords(language)
        words = [
            word
            for word in _NO_WORD.sub(" ", normalised(text, language)).split()
            if word not in stopwords and len(word) <= MAX_TERM_LENGTH
        ]
        if language not in self._stemmers:
            return words
        stem = self._stemmers[language].stem_word
        return [found for word in words if (found := stem(word))]


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
    return Stamp("bm25", _REVISION, hashlib.sha256(text.encode()).hexdigest()[:16])


def _index_of(term: str) -> int:
    return abs(mmh3.hash(term))


def _sparse(weights: dict[int, float]) -> SparseVector:
    """A vector of ``weights`` by index."""
    indices = np.fromiter(weights, np.uint32, len(weights))
    values = np.fromiter(weights.values(), np.float32, len(weights))
    order = np.argsort(indices)
    return SparseVector(indices=indices[order], values=values[order])
