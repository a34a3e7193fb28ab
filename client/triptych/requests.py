"""Searches by examples as requests, such as `Client.explain` takes."""

from collections.abc import Iterable, Mapping, Sequence

from triptych import _example_requests as requests
from triptych.exploring import PairLike
from triptych.filters import Where
from triptych.v1.filter_pb2 import Filter
from triptych.v1.search_service_pb2 import (
    ContextSearchRequest,
    DiscoverRequest,
    Fusion,
    QueryInput,
    RecommendRequest,
    VectorWeight,
)

__all__ = ["context_search_request", "discover_request", "recommend_request"]


def recommend_request(
    collection_id: str,
    *,
    positives: Sequence[QueryInput] = (),
    negatives: Sequence[QueryInput] = (),
    strategy: str | RecommendRequest.Strategy.ValueType | None = None,
    vectors: Sequence[VectorWeight] = (),
    weights: Mapping[str, float] | None = None,
    where: Where | Filter | str | None = None,
    fusion: Fusion | None = None,
    offset: int = 0,
    limit: int = 0,
    score_threshold: float | None = None,
    return_fields: Sequence[str] = (),
    payload_keys: Sequence[str] = (),
    bypass_query_cache: bool = False,
) -> RecommendRequest:
    """The request that `Client.recommend` sends, of the same arguments.

    Raises:
        ArgumentError: what can't be put into a message.

    >>> from triptych import examples, recommend_request
    >>> liked = recommend_request("pictures", positives=examples(texts=["a cat"]), limit=3)
    >>> client.explain(liked, "cat-1").hit.rank
    1
    """
    shared = requests.ranked(
        vectors=vectors,
        weights=weights,
        where=where,
        fusion=fusion,
        offset=offset,
        limit=limit,
        score_threshold=score_threshold,
        return_fields=return_fields,
        payload_keys=payload_keys,
        bypass_query_cache=bypass_query_cache,
    )
    return requests.recommend(collection_id, positives, negatives, strategy, shared)


def discover_request(
    collection_id: str,
    *,
    target: QueryInput,
    pairs: Iterable[PairLike] = (),
    vectors: Sequence[VectorWeight] = (),
    weights: Mapping[str, float] | None = None,
    where: Where | Filter | str | None = None,
    fusion: Fusion | None = None,
    offset: int = 0,
    limit: int = 0,
    score_threshold: float | None = None,
    return_fields: Sequence[str] = (),
    payload_keys: Sequence[str] = (),
    bypass_query_cache: bool = False,
) -> DiscoverRequest:
    """The request that `Client.discover` sends, of the same arguments.

    Raises:
        ArgumentError: what can't be put into a message.
    """
    shared = requests.ranked(
        vectors=vectors,
        weights=weights,
        where=where,
        fusion=fusion,
        offset=offset,
        limit=limit,
        score_threshold=score_threshold,
        return_fields=return_fields,
        payload_keys=payload_keys,
        bypass_query_cache=bypass_query_cache,
    )
    return requests.discover(collection_id, target, pairs, shared)


def context_search_request(
    collection_id: str,
    *,
    pairs: Iterable[PairLike],
    vectors: Sequence[VectorWeight] = (),
    weights: Mapping[str, float] | None = None,
    where: Where | Filter | str | None = None,
    fusion: Fusion | None = None,
    offset: int = 0,
    limit: int = 0,
    score_threshold: float | None = None,
    return_fields: Sequence[str] = (),
    payload_keys: Sequence[str] = (),
    bypass_query_cache: bool = False,
) -> ContextSearchRequest:
    """The request that `Client.context_search` sends, of the same arguments.

    Raises:
        ArgumentError: what can't be put into a message.
    """
    shared = requests.ranked(
        vectors=vectors,
        weights=weights,
        where=where,
        fusion=fusion,
        offset=offset,
        limit=limit,
        score_threshold=score_threshold,
        return_fields=return_fields,
        payload_keys=payload_keys,
        bypass_query_cache=bypass_query_cache,
    )
    return requests.context_search(collection_id, pairs, shared)
