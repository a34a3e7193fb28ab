"""The request of Explain."""

from typing import TypeAlias

from triptych._texts import checked_text
from triptych.errors import argument_error
from triptych.v1.search_service_pb2 import (
    ContextSearchRequest,
    DiscoverRequest,
    ExplainRequest,
    RecommendRequest,
    SearchRequest,
)

Explainable: TypeAlias = SearchRequest | RecommendRequest | DiscoverRequest | ContextSearchRequest
"""What can be explained."""


def explain(request: Explainable, item_id: str) -> ExplainRequest:
    """The request of Explain."""
    asked = ExplainRequest(item_id=checked_text(item_id, "item_id"))
    match request:
        case SearchRequest():
            asked.search.CopyFrom(request)
        case RecommendRequest():
            asked.recommend.CopyFrom(request)
        case DiscoverRequest():
            asked.discover.CopyFrom(request)
        case ContextSearchRequest():
            asked.context_search.CopyFrom(request)
        case _:
            what = "is no request of a search"
            raise argument_error("request", "FIELD_INVALID", what, got=repr(request))
    return asked
