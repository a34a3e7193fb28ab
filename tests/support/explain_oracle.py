"""What Explain should say, by brute force. Imports nothing of the product."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tests.support import oracle

# The names of the contract, in the order of the corridor.
ORDER = (
    "USED_AS_INPUT",
    "FILTERED_OUT",
    "NO_SUCH_VECTOR",
    "NO_SHARED_TERM",
    "BELOW_LEG_THRESHOLD",
    "OUTSIDE_CANDIDATES",
    "BELOW_SCORE_THRESHOLD",
    "OUTSIDE_PAGE",
)


@dataclass(frozen=True)
class AskedLeg:
    """A leg: ``similarities`` of all items that have any, whatever the filter, ``having`` it."""

    weight: float
    candidate_count: int
    threshold: float
    similarities: Mapping[str, float]
    having: Collection[str]


@dataclass(frozen=True)
class Asked:
    """A search. ``passing`` are the ids that pass the filter, ``inputs`` those it is asked with."""

    legs: Sequence[AskedLeg]
    passing: Collection[str]
    inputs: Collection[str]
    method: str = "reciprocal_rank"
    normalization: str = "min_max"
    k: float = 2.0
    threshold: float = -math.inf
    offset: int = 0
    limit: int = 10


@dataclass(frozen=True)
class ToldLeg:
    """What one leg should say."""

    state: str
    similarity: float | None
    causes: tuple[str, ...]
    exact_rank: int | None
    least_count: int | None


@dataclass(frozen=True)
class Told:
    """What should be said."""

    causes: tuple[str, ...]
    hit: oracle.OracleHit | None
    legs: tuple[ToldLeg, ...]
    ranked_count: int
    whole: oracle.OracleRanking


def explain(asked: Asked, item: str) -> Told:
    """All of it, for one item."""
    others = set(asked.passing) - set(asked.inputs)
    whole = oracle.fuse(
        [
            oracle.OracleLeg(
                leg.weight,
                leg.candidate_count,
                {i: s for i, s in leg.similarities.items() if i in others},
                leg.threshold,
            )
            for leg in asked.legs
        ],
        asked.method,
        normalization=asked.normalization,
        k=asked.k,
        limit=10**6,
    )
    hit = next((hit for hit in whole.hits if hit.id == item), None)
    legs = tuple(_leg(leg, others, item) for leg in asked.legs)
    causes = set()
    if item in asked.inputs:
        causes.add("USED_AS_INPUT")
    if item not in asked.passing:
        causes.add("FILTERED_OUT")
    weighted = [told for leg, told in zip(asked.legs, legs, strict=True) if leg.weight]
    if all(told.causes for told in weighted):
        causes.add(max((told.causes[0] for told in weighted), key=ORDER.index))
    if hit is not None and hit.score < asked.threshold:
        causes.add("BELOW_SCORE_THRESHOLD")
    if hit is not None and not asked.offset + 1 <= hit.rank <= asked.offset + asked.limit:
        causes.add("OUTSIDE_PAGE")
    return Told(
        tuple(sorted(causes, key=ORDER.index)),
        hit,
        legs,
        sum(one.score >= asked.threshold for one in whole.hits),
        whole,
    )


def _leg(leg: AskedLeg, others: Collection[str], item: str) -> ToldLeg:
    own = leg.similarities.get(item)
    if own is None:
        why = "NO_SHARED_TERM" if item in leg.having else "NO_SUCH_VECTOR"
        return ToldLeg(why, None, (why,), None, None)
    rest = {i: s for i, s in leg.similarities.items() if i in others and i != item}
    rank = 1 + sum(s > own or (s == own and i < item) for i, s in rest.items())
    count = 1 + sum(s >= own for s in rest.values())
    below = own < leg.threshold
    causes = ["BELOW_LEG_THRESHOLD"] if below else []
    causes += ["OUTSIDE_CANDIDATES"] if rank > leg.candidate_count else []
    state = "BELOW_THRESHOLD" if below else "SCORED"
    return ToldLeg(state, own, tuple(causes), rank, count)
