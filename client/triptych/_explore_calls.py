"""The client's calls of SearchService by examples, and of several searches at once."""

from collections.abc import Mapping, Sequence

from triptych import _example_requests as requests
from triptych._calls import Calls
from triptych._status import from_status
from triptych.errors import TriptychError
from triptych.exploring import PairLike
from triptych.filters import Where
from triptych.requests import context_search_request, discover_request, recommend_request
from triptych.v1.filter_pb2 import Filter
from triptych.v1.search_service_pb2 import (
    BatchSearchResult,
    ContextSearchResponse,
    DiscoverResponse,
    Fusion,
    QueryInput,
    RecommendRequest,
    RecommendResponse,
    SearchRequest,
    SearchResponse,
    VectorWeight,
)


class ExploreCalls(Calls):
    """Finds items by examples, and carries out several searches together."""

    def recommend(
        self,
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
        timeout: float | None = None,
    ) -> RecommendResponse:
        """Finds what is like some examples and unlike others.

        Examples are texts, pictures, vectors and stored items, mixed freely, up to 64 in all; a
        stored item stands for its own vector on each leg, and is not among the hits. Each hit
        shows its similarity to each example.

        Args:
            collection_id: the collection to search.
            positives: what hits should be like, made with `examples` or `query_input`.
            negatives: what they should be unlike.
            strategy: `average_vector`, for which one positive example is needed, `best_score` or
                `sum_scores`; the first where None. The contract has the formulas, at
                `RecommendRequest.Strategy`.
            vectors: the legs, made with `vector_weight`; where empty, every dense and multi space
                that can answer all examples.
            weights: a short form of `vectors`: the names of the legs, each with its weight.
            where: which items take part, as in `search`.
            fusion: how the legs are put together; reciprocal rank where None.
            offset: how many of the first places to pass over.
            limit: how many hits at most; 10 where 0.
            score_threshold: the least score of a hit, on the fusion's own scale.
            return_fields, payload_keys: what comes with each hit's item; those of `get_item`.
            bypass_query_cache: have texts and pictures encoded anew, as in `search`.
            timeout: seconds for this call; the client's own where None.

        Raises:
            InvalidArgument: POSITIVES_MISSING, TOO_MANY_EXAMPLES, and those of `search`.
            NotFound: COLLECTION_NOT_FOUND, ITEM_NOT_FOUND.
            FailedPrecondition: those of `search`; QUERY_UNANSWERABLE, too, where each leg lacks a
                vector of one of the examples.
            ResourceExhausted: QUEUE_FULL, with `retry_after_s`.

        >>> from triptych import examples
        >>> likes, dislikes = examples(texts=["a cat", "a kitten"]), examples(texts=["a dog"])
        >>> answer = client.recommend(
        ...     "pictures", positives=likes, negatives=dislikes, weights={"caption": 1}
        ... )
        >>> [(hit.item.id, len(hit.vector_scores[0].positive_similarities)) for hit in answer.hits]
        [('cat-1', 2)]
        """
        request = recommend_request(
            collection_id,
            positives=positives,
            negatives=negatives,
            strategy=strategy,
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
        return self._channel.call(self._searches.Recommend, request, timeout)

    def discover(
        self,
        collection_id: str,
        *,
        target: QueryInput,
        pairs: Sequence[PairLike] = (),
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
        timeout: float | None = None,
    ) -> DiscoverResponse:
        """Finds what is like a target, among what is on the right side of pairs of examples.

        First of all counts on how many sides of the pairs an item is right, within that how near
        it is to the target. Each hit shows its verdict on each pair, with both similarities.

        Args:
            target: what hits should be like, made with `query_input`.
            pairs: on whose positive sides they should be, each made with `pair`, or a tuple of two
                inputs; up to 64.
            collection_id, vectors, weights, where, fusion, offset, limit, score_threshold,
                return_fields, payload_keys, bypass_query_cache, timeout: as in `recommend`.

        Raises:
            InvalidArgument: PAIR_IDENTICAL, TOO_MANY_EXAMPLES, and those of `search`.
            NotFound, FailedPrecondition, ResourceExhausted: those of `recommend`.

        >>> from triptych import pair, query_input
        >>> cat, dog, fox = (query_input(text=f"a {name}") for name in ("cat", "dog", "fox"))
        >>> answer = client.discover(
        ...     "pictures", target=fox, pairs=[pair(cat, dog)], weights={"caption": 1}
        ... )
        >>> [(hit.item.id, hit.vector_scores[0].pairs[0].score) for hit in answer.hits]
        [('cat-1', 1.0)]
        """
        request = discover_request(
            collection_id,
            target=target,
            pairs=pairs,
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
        return self._channel.call(self._searches.Discover, request, timeout)

    def context_search(
        self,
        collection_id: str,
        *,
        pairs: Sequence[PairLike],
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
        timeout: float | None = None,
    ) -> ContextSearchResponse:
        """Finds what is on the right side of pairs of examples, with no target.

        No score of a leg is above 0, and an item on the right side of every pair has 0. Those are
        ordered by point id, so `candidate_count` says how many of them can come.

        Args:
            pairs: on whose positive sides hits should be, as in `discover`; 1 to 64.
            collection_id, vectors, weights, where, fusion, offset, limit, score_threshold,
                return_fields, payload_keys, bypass_query_cache, timeout: as in `recommend`.

        Raises:
            InvalidArgument: POSITIVES_MISSING, PAIR_IDENTICAL, TOO_MANY_EXAMPLES, and those of
                `search`.
            NotFound, FailedPrecondition, ResourceExhausted: those of `recommend`.

        >>> from triptych import query_input
        >>> sides = (query_input(text="a cat"), query_input(text="a dog"))
        >>> answer = client.context_search("pictures", pairs=[sides], weights={"terms": 1})
        >>> [(hit.item.id, round(hit.vector_scores[0].similarity, 3)) for hit in answer.hits]
        [('cat-1', 0.0)]
        """
        request = context_search_request(
            collection_id,
            pairs=pairs,
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
        return self._channel.call(self._searches.ContextSearch, request, timeout)

    def batch_search(
        self, searches: Sequence[SearchRequest], *, timeout: float | None = None
    ) -> list[SearchResponse | TriptychError]:
        """Carries out up to 64 searches together; what they have in common is done once.

        Args:
            searches: made with `search_request`, of one or of several collections.
            timeout: seconds for all of them; the client's own where None.

        Returns:
            for each search, in order, its answer, or what `search` would have raised: one that
            fails does not take the others with it.

        Raises:
            InvalidArgument: QUERY_EMPTY without any search, LIMIT_TOO_LARGE where they are too
                many or ask for too much together.

        >>> from triptych import search_request
        >>> searches = [search_request(name, text="a cat") for name in ("pictures", "paintings")]
        >>> found, refused = client.batch_search(searches)
        >>> [hit.item.id for hit in found.hits], refused.reason
        (['cat-1'], 'COLLECTION_NOT_FOUND')
        """
        request = requests.batch_search(searches)
        answer = self._channel.call(self._searches.BatchSearch, request, timeout)
        return [_result(one) for one in answer.results]


def _result(one: BatchSearchResult) -> SearchResponse | TriptychError:
    return from_status(one.error) if one.HasField("error") else one.response
