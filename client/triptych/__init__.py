"""The client of Triptych, a search service over how pictures look and what is said and written.

>>> from triptych import Client
>>> with Client("127.0.0.1:50051") as client:
...     answer = client.search("pictures", text="a cup of coffee")
...     for hit in answer.hits:
...         print(hit.rank, hit.item.id)
1 cat-1

`Client` makes the calls, and `AsyncClient` makes them for asyncio. `make_item`, `leg`,
`query_input`, `part`, `Field`, and the fusions `reciprocal_rank`, `weighted_sum`, `max_score` and
`min_score` build what they take; `payload` and `error_of` read what they return, which is the
contract's own messages, and `recompute` checks the scores in it. `examples`, `pair` and
`vector_weight` are for searches by examples, `search_request` for several together; it and
`recommend_request`, `discover_request` and `context_search_request` make what `Client.explain`
takes, and `explanation_text` puts its answer in words. The most used of these are here, the rest in
`triptych.v1`. `triptych.testing` has a transport for tests without a server.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from triptych._status import error_of
from triptych.client import Client
from triptych.errors import (
    AlreadyExists,
    ArgumentError,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    TriptychError,
    Unauthenticated,
    Unavailable,
    UnexpectedStatus,
    Unimplemented,
    Violation,
)
from triptych.explaining import explanation_text
from triptych.exploring import examples, pair, search_request, vector_weight
from triptych.filters import Field, Where, at_least, elements, has_vector, ids
from triptych.fusions import max_score, min_score, reciprocal_rank, weighted_sum
from triptych.images import ItemImage
from triptych.items import make_item, payload
from triptych.queries import composed, leg, part, query_input
from triptych.requests import context_search_request, discover_request, recommend_request
from triptych.tls import Tls
from triptych.v1.collection_pb2 import (
    Collection,
    HnswConfig,
    PayloadField,
    StorageSettings,
    TextWindows,
    VectorSpace,
)
from triptych.v1.filter_pb2 import Filter
from triptych.v1.item_pb2 import Item, KeptImage, Ocr, OcrOptions
from triptych.v1.item_service_pb2 import UpsertOutcome
from triptych.v1.search_service_pb2 import (
    Composed,
    ComposedPart,
    ContextPair,
    ContextSearchRequest,
    ContextSearchResponse,
    DiscoverRequest,
    DiscoverResponse,
    ExplainResponse,
    FilterClause,
    Fusion,
    Leg,
    LegExplanation,
    PairScore,
    QueryInput,
    RecommendRequest,
    RecommendResponse,
    SearchHit,
    SearchRequest,
    SearchResponse,
    StoredVector,
    VectorQuery,
    VectorScore,
    VectorWeight,
)
from triptych.v1.vector_pb2 import Vector

if TYPE_CHECKING:
    from triptych.aio import AsyncClient
    from triptych.recomputing import Difference, RecomputedHit, ScoreMismatch, recompute

__all__ = [
    "AlreadyExists",
    "ArgumentError",
    "AsyncClient",
    "Client",
    "Collection",
    "Composed",
    "ComposedPart",
    "ContextPair",
    "ContextSearchRequest",
    "ContextSearchResponse",
    "DataLoss",
    "DeadlineExceeded",
    "Difference",
    "DiscoverRequest",
    "DiscoverResponse",
    "ExplainResponse",
    "FailedPrecondition",
    "Field",
    "Filter",
    "FilterClause",
    "Fusion",
    "HnswConfig",
    "Internal",
    "InvalidArgument",
    "Item",
    "ItemImage",
    "KeptImage",
    "Leg",
    "LegExplanation",
    "NotFound",
    "Ocr",
    "OcrOptions",
    "PairScore",
    "PayloadField",
    "QueryInput",
    "RecommendRequest",
    "RecommendResponse",
    "RecomputedHit",
    "ResourceExhausted",
    "ScoreMismatch",
    "SearchHit",
    "SearchRequest",
    "SearchResponse",
    "StorageSettings",
    "StoredVector",
    "TextWindows",
    "Tls",
    "TriptychError",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedStatus",
    "Unimplemented",
    "UpsertOutcome",
    "Vector",
    "VectorQuery",
    "VectorScore",
    "VectorSpace",
    "VectorWeight",
    "Violation",
    "Where",
    "at_least",
    "composed",
    "context_search_request",
    "discover_request",
    "elements",
    "error_of",
    "examples",
    "explanation_text",
    "has_vector",
    "ids",
    "leg",
    "make_item",
    "max_score",
    "min_score",
    "pair",
    "part",
    "payload",
    "query_input",
    "reciprocal_rank",
    "recommend_request",
    "recompute",
    "search_request",
    "vector_weight",
    "weighted_sum",
]

# Loaded when they are first used: a sixth of what `import triptych` would take otherwise.
_LATER: Mapping[str, str] = MappingProxyType(
    {
        "AsyncClient": "triptych.aio",
        "Difference": "triptych.recomputing",
        "RecomputedHit": "triptych.recomputing",
        "ScoreMismatch": "triptych.recomputing",
        "recompute": "triptych.recomputing",
    }
)


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return __all__
