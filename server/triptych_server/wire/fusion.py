"""How legs are put together: methods, thresholds and normalisation, to and from messages."""

from __future__ import annotations

import math

from triptych.v1 import search_service_pb2 as pb
from triptych_server.domain.errors import Reason
from triptych_server.domain.fusion import (
    DEFAULT_K,
    Fusion,
    MaxScore,
    MinScore,
    ReciprocalRank,
    WeightedSum,
)
from triptych_server.domain.normalization import (
    DEFAULT_NORMALIZATION,
    MinMaxBounds,
    Normalization,
)
from triptych_server.domain.queries import Leg
from triptych_server.wire.violations import Violations

MAX_K = 10_000.0

_NORMALIZATIONS = {
    pb.Fusion.NORMALIZATION_UNSPECIFIED: DEFAULT_NORMALIZATION,
    pb.Fusion.NORMALIZATION_NONE: Normalization.NONE,
    pb.Fusion.NORMALIZATION_MIN_MAX: Normalization.MIN_MAX,
    pb.Fusion.NORMALIZATION_DISTRIBUTION: Normalization.DISTRIBUTION,
}
_NUMBERS = {
    Normalization.NONE: pb.Fusion.NORMALIZATION_NONE,
    Normalization.MIN_MAX: pb.Fusion.NORMALIZATION_MIN_MAX,
    Normalization.DISTRIBUTION: pb.Fusion.NORMALIZATION_DISTRIBUTION,
}


def parse_fusion(message: pb.Fusion, violations: Violations) -> Fusion:
    """The method with every default filled in; reciprocal rank where none is set."""
    method = message.WhichOneof("method")
    if method == "weighted_sum":
        return WeightedSum(_parse_normalization(message.weighted_sum, method, violations))
    if method == "max_score":
        return MaxScore(_parse_normalization(message.max_score, method, violations))
    if method == "min_score":
        return MinScore(_parse_normalization(message.min_score, method, violations))
    return ReciprocalRank(_parse_k(message, violations))


def parse_threshold(given: float, violations: Violations, path: str) -> float:
    """A threshold that is set; whether it fits its scale is not known here."""
    if not math.isfinite(given):
        violations.add(path, Reason.SCORE_THRESHOLD_INVALID, "is not finite", got=given)
    return given


def render_fusion(fusion: Fusion) -> pb.Fusion:
    """The method as it ran."""
    if isinstance(fusion, ReciprocalRank):
        return pb.Fusion(reciprocal_rank=pb.ReciprocalRank(k=fusion.k))
    number = _NUMBERS[fusion.normalization]
    if isinstance(fusion, WeightedSum):
        return pb.Fusion(weighted_sum=pb.WeightedSum(normalization=number))
    if isinstance(fusion, MaxScore):
        return pb.Fusion(max_score=pb.MaxScore(normalization=number))
    return pb.Fusion(min_score=pb.MinScore(normalization=number))


def set_bounds(message: pb.Leg, leg: Leg) -> None:
    """Puts the figures of a leg's normalisation into its message; none stays unset."""
    if leg.bounds is None:
        return
    if isinstance(leg.bounds, MinMaxBounds):
        message.min_max.CopyFrom(pb.MinMaxBounds(min=leg.bounds.min, max=leg.bounds.max))
    else:
        bounds = pb.DistributionBounds(mean=leg.bounds.mean, sigma=leg.bounds.sigma)
        message.distribution.CopyFrom(bounds)


def _parse_k(message: pb.Fusion, violations: Violations) -> float:
    if not message.reciprocal_rank.HasField("k"):
        return DEFAULT_K
    k = message.reciprocal_rank.k
    if not (math.isfinite(k) and 0 <= k <= MAX_K):
        violations.add(
            "fusion.reciprocal_rank.k",
            Reason.LIMIT_INVALID,
            "is out of range",
            got=k,
            allowed=f"0 to {MAX_K:g}",
        )
    return k


def _parse_normalization(
    message: pb.WeightedSum | pb.MaxScore | pb.MinScore, method: str, violations: Violations
) -> Normalization:
    number = message.normalization
    if number not in _NORMALIZATIONS:
        violations.add(
            f"fusion.{method}.normalization",
            Reason.FIELD_INVALID,
            "is no normalization",
            got=number,
            allowed=", ".join(normalization.name for normalization in Normalization),
        )
    return _NORMALIZATIONS.get(number, DEFAULT_NORMALIZATION)
