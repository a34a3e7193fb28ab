"""Why an item stands where it stands in a search, or why it is not in its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from triptych_server.domain.filter_clauses import Clause
from triptych_server.domain.items import Notice
from triptych_server.domain.legs import Scored
from triptych_server.domain.queries import Leg, RankedQuery, ScoreState, SearchHit, VectorScore

MOST_RANKED = 10_000
"""So far the items at least as near as the one asked about are counted."""


class Outcome(IntEnum):
    """What becomes of an item; but for the first in the order in which it meets them."""

    IN_ANSWER = 1
    USED_AS_INPUT = 2
    FILTERED_OUT = 3
    NO_SUCH_VECTOR = 4
    NO_SHARED_TERM = 5
    BELOW_LEG_THRESHOLD = 6
    OUTSIDE_CANDIDATES = 7
    BELOW_SCORE_THRESHOLD = 8
    OUTSIDE_PAGE = 9


@dataclass(frozen=True, slots=True)
class Standing:
    """The exact place from 1 among all items that pass the filter, and how many of them are at
    least as near, the item itself counted; None where they are more than ``MOST_RANKED``."""

    rank: int | None
    at_least_as_near: int | None


@dataclass(frozen=True, slots=True)
class LegExplanation:
    """What one leg says of the item; ``standing`` is None where it has no similarity.

    ``causes`` is why the leg does not bring it in, or would not if it passed the filter.
    """

    leg: Leg
    score: VectorScore
    causes: tuple[Outcome, ...]
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the item passes one clause of the filter."""

    clause: Clause
    passes: bool


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The answer of Explain.

    ``causes`` is empty where the item is in the answer. ``hit`` is it as a hit, where it is ranked.
    ``ranked_count`` counts the items whose score reaches the query's threshold.
    """

    query: RankedQuery
    causes: tuple[Outcome, ...]
    hit: SearchHit | None
    legs: tuple[LegExplanation, ...]
    verdicts: tuple[Verdict, ...]
    ranked_count: int
    notices: tuple[Notice, ...]


def standing_of(own: Scored, near: Sequence[Scored]) -> Standing:
    """The place of ``own`` in ``near``, whose order is (similarity descending, id).

    ``near`` are the nearest items that pass the filter, up to ``MOST_RANKED`` + 1 of them and at
    least all that are as near as ``own``, which may be among them or not.
    """
    # A store that compares many at a time may round its similarity otherwise than alone.
    own = next((scored for scored in near if scored.id == own.id), own)
    others = [scored for scored in near if scored.id != own.id]
    if len(near) > MOST_RANKED and near[-1].similarity >= own.similarity:
        return Standing(None, None)
    before = sum((-s.similarity, s.id) < (-own.similarity, own.id) for s in others)
    as_near = sum(s.similarity >= own.similarity for s in others)
    return Standing(before + 1, as_near + 1)


def leg_causes(score: VectorScore, is_candidate: bool) -> tuple[Outcome, ...]:
    """Why a leg does not bring an item in, in the order of the corridor.

    ``is_candidate`` says whether it is among the ``candidate_count`` nearest of the leg.
    """
    if score.state is ScoreState.NO_SUCH_VECTOR:
        return (Outcome.NO_SUCH_VECTOR,)
    if score.state is ScoreState.NO_SHARED_TERM:
        return (Outcome.NO_SHARED_TERM,)
    below = score.state is ScoreState.BELOW_THRESHOLD
    return (
        *((Outcome.BELOW_LEG_THRESHOLD,) if below else ()),
        *(() if is_candidate else (Outcome.OUTSIDE_CANDIDATES,)),
    )


def causes_of(
    query: RankedQuery,
    legs: Sequence[LegExplanation],
    hit: SearchHit | None,
    *,
    used_as_input: bool,
    passes: bool,
) -> tuple[Outcome, ...]:
    """All that keeps the item out by itself, in the order of the corridor."""
    causes = [Outcome.USED_AS_INPUT] if used_as_input else []
    if not passes:
        causes.append(Outcome.FILTERED_OUT)
    counting = [leg.causes for leg in legs if leg.leg.weight]
    if all(counting):
        # One leg is enough, so it came as far as the one that lost it last.
        causes.append(max(lost[0] for lost in counting))
    if hit is not None:
        if query.score_threshold is not None and hit.score < query.score_threshold:
            causes.append(Outcome.BELOW_SCORE_THRESHOLD)
        if not query.offset < hit.rank <= query.offset + query.limit:
            causes.append(Outcome.OUTSIDE_PAGE)
    return tuple(causes)
