"""Whether a search's similarities can be put together, and its thresholds be reached."""

from __future__ import annotations

from collections.abc import Sequence

from triptych_server.domain.errors import InvalidInput, Reason, Violation, violation
from triptych_server.domain.fusion import MaxScore, MinScore, ReciprocalRank, score_range
from triptych_server.domain.normalization import Normalization
from triptych_server.domain.queries import RankedQuery
from triptych_server.usecases.asked_legs import AskedLeg

# Of unlike measures so many are named, each with one leg.
_MOST_NAMED = 4


def check_scores(query: RankedQuery, weights: Sequence[float], legs: Sequence[AskedLeg]) -> None:
    """Refuse what would compare numbers of different scales.

    ``weights`` are those of all legs that were planned, ``legs`` those of them that run.

    Raises InvalidInput: SCORE_THRESHOLD_INVALID, MEASURES_UNLIKE.
    """
    found = [problem for leg in legs if (problem := _threshold(leg)) is not None]
    counting = [leg for leg in legs if leg.plan.weight]
    unlike = _unlike(query, counting)
    if unlike is not None:
        found.append(unlike)
    else:
        # A leg that is skipped makes a score smaller, and a threshold no more wrong than it was.
        out_of_range = _score(query, weights, counting)
        found += [] if out_of_range is None else [out_of_range]
    if found:
        raise InvalidInput(found)


def _threshold(leg: AskedLeg) -> Violation | None:
    threshold, span = leg.plan.score_threshold, leg.span
    if threshold is None or span is None or span[0] <= threshold <= span[1]:
        return None
    return violation(
        f"{leg.plan.path}.score_threshold",
        Reason.SCORE_THRESHOLD_INVALID,
        f"is out of the range of {leg.measure}",
        got=threshold,
        allowed=f"{span[0]:g} to {span[1]:g}",
    )


def _unlike(query: RankedQuery, legs: Sequence[AskedLeg]) -> Violation | None:
    fusion = query.fusion
    if isinstance(fusion, ReciprocalRank) or fusion.normalization is not Normalization.NONE:
        return None
    by_measure: dict[str, str] = {}
    for leg in legs:
        by_measure.setdefault(leg.measure, leg.plan.space.name)
    if len(by_measure) < 2:
        return None
    first, *others = list(by_measure.items())[:_MOST_NAMED]
    method = {MaxScore: "max_score", MinScore: "min_score"}.get(type(fusion), "weighted_sum")
    return violation(
        f"fusion.{method}.normalization",
        Reason.MEASURES_UNLIKE,
        f"NONE needs legs of one measure: here {first[1]!r} compares by {first[0]}, "
        + ", ".join(f"{name!r} by {measure}" for measure, name in others)
        + "; normalize by MIN_MAX or DISTRIBUTION",
    )


def _score(
    query: RankedQuery, weights: Sequence[float], legs: Sequence[AskedLeg]
) -> Violation | None:
    if query.score_threshold is None:
        return None
    # Without a normalisation the legs have one measure, and so one span.
    span = next((leg.span for leg in legs), None)
    possible = score_range(query.fusion, weights, span)
    if possible is None or possible[0] <= query.score_threshold <= possible[1]:
        return None
    return violation(
        "score_threshold",
        Reason.SCORE_THRESHOLD_INVALID,
        "is out of the range of this fusion's scores",
        got=query.score_threshold,
        allowed=f"{possible[0]:g} to {possible[1]:g}",
    )
