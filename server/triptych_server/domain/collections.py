"""What a collection is: its vector spaces, its payload indexes, and how text is read in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from triptych_server.domain.storage import STORE_DEFAULTS, StorageSettings


class Source(Enum):
    """What a vector space is made from."""

    IMAGE = "image"
    CAPTION = "caption"
    OCR_TEXT = "ocr_text"
    SUPPLIED = "supplied"


class SpaceKind(Enum):
    """The shape of a space's vectors."""

    DENSE = "dense"
    MULTI = "multi"
    SPARSE = "sparse"


class Distance(Enum):
    """How two vectors are compared; a higher similarity is always nearer.

    Sparse spaces always have DOT: with IDF where the service makes their terms itself.
    """

    COSINE = "cosine"
    DOT = "dot"


class FieldType(Enum):
    """The declared type of a payload field, which is also the type of its index."""

    KEYWORD = "keyword"
    INTEGER = "integer"
    FLOAT = "float"
    BOOL = "bool"
    TEXT = "text"
    DATETIME = "datetime"
    GEO = "geo"
    UUID = "uuid"


class UnindexedFilterPolicy(Enum):
    """What is done with a filter that no index serves: answered, with a warning, or refused."""

    ALLOW = "allow"
    WARN = "warn"
    REFUSE = "refuse"


class ImageRetention(Enum):
    """What a collection keeps of its items' pictures."""

    ORIGINAL = "original"
    THUMBNAIL = "thumbnail"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Windows:
    """How a long text is cut: ``tokens`` a window, ``overlap`` shared by neighbours.

    Tokens are counted without the model's begin and end tokens. Windows past ``max_windows`` are
    not encoded; the answer says how many were left out.
    """

    tokens: int
    overlap: int
    max_windows: int = 32


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a vector comes from. Vectors of one space all carry the same stamp.

    ``model`` is the model's own name, or ``bm25``. ``preprocessing`` is a hash over everything
    between the input and the model that moves a vector: resize, crop, normalisation, tokenizer,
    stemmer.
    """

    model: str
    revision: str
    preprocessing: str


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """One named vector of every item.

    ``stamp`` is None for SUPPLIED spaces: their vectors come from the caller.
    """

    name: str
    kind: SpaceKind
    sources: tuple[Source, ...]
    distance: Distance
    dimension: int | None = None
    encoder_id: str | None = None
    windows: Windows | None = None
    stamp: Stamp | None = None

    @property
    def is_supplied(self) -> bool:
        """Whether the caller brings this space's vectors."""
        return Source.SUPPLIED in self.sources

    @property
    def has_idf(self) -> bool:
        """Whether its dot products are weighted by inverse document frequency.

        Only the service's own terms are: supplied sparse vectors bring their weights with them.
        """
        return self.kind is SpaceKind.SPARSE and not self.is_supplied

    @property
    def default_weight(self) -> float:
        """How much a leg of this space counts unless the search says: chosen by measurement.

        Texts compared in the space of an encoder of pictures are the weakest witnesses: such an
        encoder has learnt which words a picture shows, not which sentences mean the same.
        """
        of_text = Source.IMAGE not in self.sources and not self.is_supplied
        return 0.25 if of_text and self.kind is not SpaceKind.SPARSE else 1.0


@dataclass(frozen=True, slots=True)
class PayloadField:
    """A payload field with an index. ``name`` is a path with dots, in its canonical text."""

    name: str
    type: FieldType


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of items that share their vector spaces. ``language`` is ISO 639-1."""

    id: str
    vector_spaces: tuple[VectorSpace, ...]
    payload_fields: tuple[PayloadField, ...]
    default_encoder_id: str
    language: str
    create_time: datetime
    storage: StorageSettings = STORE_DEFAULTS
    unindexed_filter_policy: UnindexedFilterPolicy = UnindexedFilterPolicy.WARN
    image_retention: ImageRetention = ImageRetention.NONE

    def space(self, name: str) -> VectorSpace | None:
        """The vector space of that name, or None."""
        return next((s for s in self.vector_spaces if s.name == name), None)
