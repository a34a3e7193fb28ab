"""The requests of Recommend, Discover, ContextSearch and BatchSearch."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from triptych._kinds import checked_kind, checked_kinds, checked_mapping
from triptych._numbers import checked_count, checked_number
from triptych._requests import checked_fusion, filter_of
from triptych._texts import checked_text, checked_texts
from triptych.errors import argument_error
from triptych.exploring import PairLike, vector_weight
from triptych.filters import Where
from triptych.v1.filter_pb2 import Filter
from triptych.v1.search_service_pb2 import (
    BatchSearchRequest,
    ContextPair,
    ContextSearchRequest,
    DiscoverRequest,
    Fusion,
    QueryInput,
    RecommendRequest,
    SearchRequest,
    VectorWeight,
)

STRATEGIES: Mapping[str, RecommendRequest.Strategy.ValueType] = MappingProxyType(
    {
        "average_vector": RecommendRequest.STRATEGY_AVERAGE_VECTOR,
        "best_score": RecommendRequest.STRATEGY_BEST_SCORE,
        "sum_scores": RecommendRequest.STRATEGY_SUM_SCORES,
    }
)

_MADE_WITH = "query_input or examples"


def ranked(
    *,
    vectors: Sequence[VectorWeight],
    weights: Mapping[str, float] | None,
    where: Where | Filter | str | None,
    fusion: Fusion | None,
    offset: int,
    limit: int,
    score_threshold: float | None,
    return_fields: Sequence[str],
    payload_keys: Sequence[str],
    bypass_query_cache: bool,
) -> Mapping[str, Any]:
    """The fields that all three requests by examples share."""
    if weights is not None and vectors:
        raise argument_error("weights", "FIELD_INVALID", "give either vectors or weights")
    weighted = {} if weights is None else checked_mapping(weights, "weights")
    return MappingProxyType(
        {
            "vectors": [vector_weight(name, weight=w) for name, w in weighted.items()]
            or checked_kinds(vectors, VectorWeight, "vectors", "vector_weight"),
            "fusion": checked_fusion(fusion),
            "filter": filter_of(where),
            "limit": checked_count(limit, "limit"),
            "offset": checked_count(offset, "offset"),
            "score_threshold": checked_number(score_threshold, "score_threshold"),
            "return_fields": checked_texts(return_fields, "return_fields"),
            "payload_keys": checked_texts(payload_keys, "payload_keys"),
            "bypass_query_cache": bypass_query_cache,
        }
    )


def recommend(
    collection_id: str,
    positives: Iterable[QueryInput],
    negatives: Iterable[QueryInput],
    strategy: str | RecommendRequest.Strategy.ValueType | None,
    shared: Mapping[str, Any],
) -> RecommendRequest:
    """The request of Recommend; `shared` is what `ranked` gives."""
    return RecommendRequest(
        collection_id=checked_text(collection_id, "collection_id"),
        positives=checked_kinds(positives, QueryInput, "positives", _MADE_WITH),
        negatives=checked_kinds(negatives, QueryInput, "negatives", _MADE_WITH),
        strategy=_strategy(strategy),
        **shared,
    )


def discover(
    collection_id: str, target: QueryInput, pairs: Iterable[PairLike], shared: Mapping[str, Any]
) -> DiscoverRequest:
    """The request of Discover; `shared` is what `ranked` gives."""
    return DiscoverRequest(
        collection_id=checked_text(collection_id, "collection_id"),
        target=checked_kind(target, QueryInput, "target", _MADE_WITH),
        pairs=_pairs(pairs),
        **shared,
    )


def context_search(
    collection_id: str, pairs: Iterable[PairLike], shared: Mapping[str, Any]
) -> ContextSearchRequest:
    """The request of ContextSearch; `shared` is what `ranked` gives."""
    return ContextSearchRequest(
        collection_id=checked_text(collection_id, "collection_id"), pairs=_pairs(pairs), **shared
    )


def batch_search(searches: Iterable[SearchRequest]) -> BatchSearchRequest:
    """The request of BatchSearch."""
    return BatchSearchRequest(
        searches=checked_kinds(searches, SearchRequest, "searches", "search_request")
    )


def _pairs(pairs: Iterable[PairLike]) -> list[ContextPair]:
    made = []
    for place, given in enumerate(pairs):
        if isinstance(given, ContextPair):
            made.append(given)
        elif isinstance(given, tuple) and len(given) == 2:
            positive, negative = (
                checked_kind(one, QueryInput, f"pairs[{place}].{side}", _MADE_WITH)
                for side, one in zip(("positive", "negative"), given, strict=True)
            )
            made.append(ContextPair(positive=positive, negative=negative))
        else:
            what = "needs a positive and a negative example"
            raise argument_error(f"pairs[{place}]", "FIELD_INVALID", what, got=repr(given))
    return made


def _strategy(
    strategy: str | RecommendRequest.Strategy.ValueType | None,
) -> RecommendRequest.Strategy.ValueType:
    if strategy is None:
        return RecommendRequest.STRATEGY_UNSPECIFIED
    if not isinstance(strategy, str):
        return strategy
    if strategy not in STRATEGIES:
        raise argument_error(
            "strategy", "FIELD_INVALID", "is none", got=strategy, allowed=", ".join(STRATEGIES)
        )
    return STRATEGIES[strategy]
