"""How the legs of a search are put together."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from triptych._numbers import checked_number
from triptych.errors import argument_error
from triptych.v1.search_service_pb2 import (
    Fusion,
    MaxScore,
    MinScore,
    ReciprocalRank,
    WeightedSum,
)

__all__ = ["max_score", "min_score", "reciprocal_rank", "weighted_sum"]

NORMALIZATIONS: Mapping[str, Fusion.Normalization.ValueType] = MappingProxyType(
    {
        "none": Fusion.NORMALIZATION_NONE,
        "min_max": Fusion.NORMALIZATION_MIN_MAX,
        "distribution": Fusion.NORMALIZATION_DISTRIBUTION,
    }
)

NormalizationLike: TypeAlias = str | Fusion.Normalization.ValueType


def reciprocal_rank(*, k: float | None = None) -> Fusion:
    """By place: an item's score is the sum over the legs of weight / (k + rank).

    Args:
        k: 0 to 10000; the server's default is 2. The smaller, the more a first place counts.

    Raises:
        ArgumentError: `k` is no number.
    """
    return Fusion(reciprocal_rank=ReciprocalRank(k=checked_number(k, "fusion.reciprocal_rank.k")))


def weighted_sum(*, normalization: NormalizationLike | None = None) -> Fusion:
    """By similarity: the sum over the legs of weight * n(similarity), over the sum of the weights.

    Args:
        normalization: what n is. `"min_max"`, the server's default, gives the best item of each leg
            1 and the last 0; `"distribution"` reaches from three standard deviations below the
            mean to three above; `"none"` takes similarities as they are, and needs legs of one
            measure.

    Raises:
        ArgumentError: there is no such normalization.

    >>> answer = client.search("pictures", text="a cat", fusion=weighted_sum())
    >>> answer.hits[0].score <= 1
    True
    """
    return Fusion(weighted_sum=WeightedSum(normalization=_number(normalization, "weighted_sum")))


def max_score(*, normalization: NormalizationLike | None = None) -> Fusion:
    """By similarity: the largest weight * n(similarity) of the legs that know the item.

    Takes and raises what `weighted_sum` does.
    """
    return Fusion(max_score=MaxScore(normalization=_number(normalization, "max_score")))


def min_score(*, normalization: NormalizationLike | None = None) -> Fusion:
    """By similarity: the smallest weight * n(similarity) of the legs that know the item.

    Takes and raises what `weighted_sum` does.
    """
    return Fusion(min_score=MinScore(normalization=_number(normalization, "min_score")))


def _number(normalization: NormalizationLike | None, method: str) -> Fusion.Normalization.ValueType:
    if normalization is None:
        return Fusion.NORMALIZATION_UNSPECIFIED
    if not isinstance(normalization, str):
        return normalization
    if normalization not in NORMALIZATIONS:
        raise argument_error(
            f"fusion.{method}.normalization",
            "FIELD_INVALID",
            "is no normalization",
            got=normalization,
            allowed=", ".join(NORMALIZATIONS),
        )
    return NORMALIZATIONS[normalization]
