"""What a search asks and what it answers, in the service's own types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from triptych_server.domain.collections import Stamp
from triptych_server.domain.filters import Filter
from triptych_server.domain.fusion import Fusion
from triptych_server.domain.items import Item, Notice, TokenUse
from triptych_server.domain.normalization import Bounds
from triptych_server.domain.questions import ByExamples
from triptych_server.domain.vectors import Vector

# Enough that a hit of one leg is usually a candidate of the others too.
DEFAULT_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class TextInput:
    """Words, NFC-normalised and not blank."""

    text: str


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The bytes of a picture."""

    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class VectorInput:
    """A ready vector."""

    vector: Vector


@dataclass(frozen=True, slots=True)
class ItemIdInput:
    """A stored item: on each leg its own vector of that leg's name."""

    item_id: str


@dataclass(frozen=True, slots=True)
class StoredVectorInput:
    """One named vector of a stored item, for legs of other names too."""

    item_id: str
    vector_name: str


PlainInput = TextInput | ImageInput | VectorInput | ItemIdInput | StoredVectorInput


@dataclass(frozen=True, slots=True)
class ComposedPart:
    """One input of a composed one; ``weight`` is finite and not 0."""

    input: PlainInput
    weight: float


@dataclass(frozen=True, slots=True)
class ComposedInput:
    """Several inputs put together into one query vector, at least one; see
    ``domain.composition``."""

    parts: tuple[ComposedPart, ...]


QueryInput = PlainInput | ComposedInput


@dataclass(frozen=True, slots=True)
class FieldSelection:
    """What comes with an item. ``vectors`` is None for all of them, else their names."""

    caption: bool = True
    ocr_text: bool = True
    payload: bool = True
    image_info: bool = True
    ocr: bool = True
    ocr_words: bool = False
    create_time: bool = True
    update_time: bool = True
    vectors: frozenset[str] | None = frozenset()
    payload_keys: frozenset[str] = frozenset()

    @property
    def wants_vectors(self) -> bool:
        """Whether any vector has to be read."""
        return self.vectors is None or bool(self.vectors)


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """One leg as asked for; ``path`` is where it stands in the request, for error messages.

    ``weight`` is None where the space's own default counts.
    """

    vector_name: str
    input: QueryInput
    weight: float | None
    candidate_count: int | None
    path: str
    input_path: str
    score_threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedQuery:
    """What every search says of the ranking that it wants, and of its hits."""

    collection_id: str
    fusion: Fusion
    filter: Filter
    offset: int
    limit: int
    score_threshold: float | None
    fields: FieldSelection
    bypass_query_cache: bool = False

    @property
    def default_candidates(self) -> int:
        """How many candidates a leg brings in that names no count of its own."""
        return max(DEFAULT_CANDIDATES, self.offset + self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery(RankedQuery):
    """A search. ``input`` is None only where every one of ``vectors`` has its own."""

    input: QueryInput | None
    vectors: tuple[VectorQuery, ...]


@dataclass(frozen=True, slots=True)
class GivenInput:
    """An example, and where it stands in the request."""

    input: QueryInput
    path: str


@dataclass(frozen=True, slots=True)
class VectorWeight:
    """One leg of a query by examples, which is asked with all of them; as ``VectorQuery``."""

    vector_name: str
    weight: float | None
    candidate_count: int | None
    path: str
    score_threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamplesQuery(RankedQuery):
    """A recommendation, a discovery or a search by context.

    Without ``vectors`` every space takes part that can answer all examples.
    """

    question: ByExamples[GivenInput]
    vectors: tuple[VectorWeight, ...]


class InputKind(Enum):
    """What a leg was asked with."""

    TEXT = "text"
    IMAGE = "image"
    VECTOR = "vector"
    ITEM_ID = "item_id"
    STORED_VECTOR = "stored_vector"
    COMPOSED = "composed"


_KINDS: Mapping[type[QueryInput], InputKind] = MappingProxyType(
    {
        TextInput: InputKind.TEXT,
        ImageInput: InputKind.IMAGE,
        VectorInput: InputKind.VECTOR,
        ItemIdInput: InputKind.ITEM_ID,
        StoredVectorInput: InputKind.STORED_VECTOR,
        ComposedInput: InputKind.COMPOSED,
    }
)


def kind_of(given: QueryInput) -> InputKind:
    """The kind of an input."""
    return _KINDS[type(given)]


@dataclass(frozen=True, slots=True)
class PartUse:
    """One part of a leg's composed input; ``tokens`` for a text."""

    kind: InputKind
    weight: float
    tokens: TokenUse | None


@dataclass(frozen=True, slots=True)
class LegExample:
    """One of the examples that a leg was asked with, and where it stands in the request."""

    path: str
    input_kind: InputKind
    tokens: TokenUse | None


@dataclass(frozen=True, slots=True)
class Leg:
    """What one leg did. A search's has an ``input_kind``, one by examples has these.

    ``from_cache``: it had something to encode, and all of it had been encoded before.
    """

    vector_name: str
    input_kind: InputKind | None
    weight: float
    candidate_count: int
    candidates_found: int
    stamp: Stamp | None
    tokens: TokenUse | None
    score_threshold: float | None
    bounds: Bounds | None
    parts: tuple[PartUse, ...] = ()
    examples: tuple[LegExample, ...] = ()
    from_cache: bool = False


class ScoreState(Enum):
    """Whether a leg has something to say of an item."""

    SCORED = "scored"
    BELOW_THRESHOLD = "below_threshold"
    NO_SHARED_TERM = "no_shared_term"
    NO_SUCH_VECTOR = "no_such_vector"


@dataclass(frozen=True, slots=True)
class VectorScore:
    """What one leg says of one hit.

    ``similarity`` is that to the input, or what the leg makes of the similarities to its examples,
    which are then in ``examples``; ``part_shares`` for a composed input, one for each part.
    """

    state: ScoreState
    similarity: float | None
    rank: int | None
    normalized: float | None
    contribution: float
    examples: ByExamples[float] | None = None
    part_shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SearchHit:
    """One item found, with its working, in the order of the legs."""

    item: Item
    rank: int
    score: float
    vector_scores: tuple[VectorScore, ...]


@dataclass(frozen=True, slots=True)
class Timings:
    """Stages in the order in which they began, in microseconds."""

    stages: tuple[tuple[str, int], ...]
    total_us: int


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """The answer of a search."""

    hits: tuple[SearchHit, ...]
    legs: tuple[Leg, ...]
    fusion: Fusion
    score_threshold: float | None
    notices: tuple[Notice, ...]
    filter: Filter
