"""The scores of legs by examples, over the figures of an answer."""

import math
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from triptych.v1.search_service_pb2 import (
    ContextSearchResponse,
    DiscoverResponse,
    PairScore,
    RecommendRequest,
    RecommendResponse,
    SearchResponse,
    VectorScore,
)

RankedResponse: TypeAlias = (
    SearchResponse | RecommendResponse | DiscoverResponse | ContextSearchResponse
)
"""An answer with hits, legs and the fusion that made them."""

_MARGIN = 2.0**-23
_VERDICTS = {
    1: PairScore.VERDICT_SATISFIED,
    -1: PairScore.VERDICT_VIOLATED,
    0: PairScore.VERDICT_TIE,
}

Figure: TypeAlias = tuple[str, float, float]
"""A field's name, what it should be, and what it is."""


def example_figures(response: RankedResponse, score: VectorScore) -> Iterator[Figure]:
    """What a leg makes of the similarities to its examples, of one hit.

    Nothing where that is a similarity of its own, which an answer can't show the reason of: that
    of a search, or to an average.
    """
    if isinstance(response, DiscoverResponse):
        yield from _pairs(score, [_side(pair) for pair in score.pairs])
        target = _share(score.target_similarity)
        yield "similarity", _added(pair.score for pair in score.pairs) + target, score.similarity
    elif isinstance(response, ContextSearchResponse):
        yield from _pairs(score, [_loss(pair) for pair in score.pairs])
        yield "similarity", _added(pair.score for pair in score.pairs), score.similarity
    elif isinstance(response, RecommendResponse):
        positives, negatives = score.positive_similarities, score.negative_similarities
        if response.strategy == RecommendRequest.STRATEGY_BEST_SCORE:
            best = max(positives, default=-math.inf)
            worst = max(negatives, default=-math.inf)
            expected = _share(best) if best > worst else -_share(worst)
            yield "similarity", expected, score.similarity
        elif response.strategy == RecommendRequest.STRATEGY_SUM_SCORES:
            yield "similarity", _added(positives) - _added(negatives), score.similarity


def _pairs(score: VectorScore, expected: Iterable[float]) -> Iterator[Figure]:
    for place, (pair, wanted) in enumerate(zip(score.pairs, expected, strict=True)):
        yield f"pairs[{place}].score", wanted, pair.score
        yield f"pairs[{place}].verdict", _VERDICTS[_side(pair)], pair.verdict


def _side(pair: PairScore) -> int:
    positive, negative = pair.positive_similarity, pair.negative_similarity
    return (positive > negative) - (positive < negative)


def _loss(pair: PairScore) -> float:
    apart = pair.positive_similarity - pair.negative_similarity
    return _squashed(min(apart - _MARGIN, 0.0))


def _squashed(x: float) -> float:
    return x / (1.0 + abs(x)) if math.isfinite(x) else math.nan


def _share(x: float) -> float:
    return 0.5 * (_squashed(x) + 1.0)


def _added(values: Iterable[float]) -> float:
    """The sum, rounded after each addition as the server's."""
    total = 0.0
    for value in values:
        total += value
    return total
