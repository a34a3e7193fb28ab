"""Whether a search's similarities can be put together, and its thresholds be reached."""

from __future__ import annotations

from collections.abc import Sequence

from triptych_server.domain.collections import Distance
from triptych_server.domain.errors import InvalidInput, Reason, Violation, violation
from triptych_server.domain.fusion import MaxScore, MinScore, ReciprocalRank, score_range
from triptych_server.domain.normalization import Normalization
from triptych_server.domain.queries import SearchQuery
from triptych_server.usecases.legs import LegPlan
from triptych_server.usecases.query_vectors import EncodedLeg

# Of unlike measures so many are named, each with one leg.
_MOST_NAMED = 4


def check_scores(query: SearchQuery, plans: Sequence[LegPlan], legs: Sequence[EncodedLeg]) -> None:
    """Refuse what would compare numbers of different scales.

    ``legs`` are those of ``plans`` that run.

    Raises InvalidInput: SCORE_THRESHOLD_INVALID, MEASURES_UNLIKE.
    """
    found = [problem for leg in legs if (problem := _threshold(leg)) is not None]
    counting = [leg for leg in legs if leg.plan.weight]
    unlike = _unlike(query, counting)
    if unlike is not None:
        found.append(unlike)
    else:
        # A leg that is skipped makes a score smaller, and a threshold no more wrong than it was.
        out_of_range = _score(query, [plan.weight for plan in plans], counting)
        found += [] if out_of_range is None else [out_of_range]
    if found:
        raise InvalidInput(found)


def _threshold(leg: EncodedLeg) -> Violation | None:
    threshold, reach = leg.plan.score_threshold, _reach(leg)
    if threshold is None or reach is None or -reach <= threshold <= reach:
        return None
    return violation(
        f"{leg.plan.path}.score_threshold",
        Reason.SCORE_THRESHOLD_INVALID,
        f"is out of the range of {_measure(leg)}",
        got=threshold,
        allowed=f"{-reach:g} to {reach:g}",
    )


def _unlike(query: SearchQuery, legs: Sequence[EncodedLeg]) -> Violation | None:
    fusion = query.fusion
    if isinstance(fusion, ReciprocalRank) or fusion.normalization is not Normalization.NONE:
        return None
    by_measure: dict[str, str] = {}
    for leg in legs:
        by_measure.setdefault(_measure(leg), leg.plan.space.name)
    if len(by_measure) < 2:
        return None
    named = [f"{name!r} by {measure}" for measure, name in by_measure.items()]
    method = {MaxScore: "max_score", MinScore: "min_score"}.get(type(fusion), "weighted_sum")
    return violation(
        f"fusion.{method}.normalization",
        Reason.MEASURES_UNLIKE,
        "NONE needs legs of one measure: here compare "
        + ", ".join(named[:_MOST_NAMED])
        + "; normalize by MIN_MAX or DISTRIBUTION",
    )


def _score(
    query: SearchQuery, weights: Sequence[float], legs: Sequence[EncodedLeg]
) -> Violation | None:
    if query.score_threshold is None:
        return None
    # Without a normalisation the legs have one measure, and so one reach.
    reach = max((reach for leg in legs if (reach := _reach(leg)) is not None), default=None)
    possible = score_range(query.fusion, weights, reach)
    if possible is None or possible[0] <= query.score_threshold <= possible[1]:
        return None
    return violation(
        "score_threshold",
        Reason.SCORE_THRESHOLD_INVALID,
        "is out of the range of this fusion's scores",
        got=query.score_threshold,
        allowed=f"{possible[0]:g} to {possible[1]:g}",
    )


def _reach(leg: EncodedLeg) -> float | None:
    """The largest magnitude of a similarity, where there is one."""
    return float(leg.added_up) if leg.plan.space.distance is Distance.COSINE else None


def _measure(leg: EncodedLeg) -> str:
    space = leg.plan.space
    if space.has_idf:
        return "BM25"
    if space.distance is Distance.DOT:
        return "dot product"
    return "cosine" if leg.added_up == 1 else f"the sum of {leg.added_up} cosines"
