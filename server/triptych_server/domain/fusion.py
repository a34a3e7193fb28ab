"""Reciprocal rank fusion over exact similarities, in pure functions that show their working.

Formula: ``score(i) = Σ_v w_v / (k + r_v(i))`` in doubles, summed in the order of the legs, where
``r_v(i)`` is the place from 1 of item *i* among leg *v*'s own candidates, sorted by (similarity
descending, id ascending). A leg whose candidates do not hold *i* adds 0.

Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual
Rank Learning Methods", SIGIR 2009; the weights are added.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

DEFAULT_K = 2.0


@dataclass(frozen=True, slots=True)
class LegScores:
    """What one leg knows.

    ``candidates`` are the ids that the leg itself brought in; ``similarities`` holds the exact
    similarity of every item of the union that the leg can score, candidates included.
    """

    weight: float
    candidates: Collection[str]
    similarities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LegPart:
    """What one leg says of one item: None for a similarity or rank that it has not."""

    similarity: float | None
    rank: int | None
    contribution: float


@dataclass(frozen=True, slots=True)
class Fused:
    """One item of the fused ranking; the contributions of ``parts`` add up to ``score``."""

    id: str
    score: float
    parts: tuple[LegPart, ...]


def reciprocal_rank(legs: Sequence[LegScores], k: float = DEFAULT_K) -> list[Fused]:
    """The union of the legs' items, best first: by score descending, then id ascending.

    ``k`` ≥ 0; weights ≥ 0. A candidate that has no similarity (it was deleted meanwhile) is left
    out of that leg.
    """
    ranks = [_ranks(leg) for leg in legs]
    union = sorted({item for leg in legs for item in leg.similarities})
    fused = []
    for item in union:
        score = 0.0
        parts = []
        for leg, places in zip(legs, ranks, strict=True):
            place = places.get(item)
            contribution = leg.weight / (k + place) if place is not None else 0.0
            score += contribution
            parts.append(LegPart(leg.similarities.get(item), place, contribution))
        fused.append(Fused(item, score, tuple(parts)))
    # The union is sorted by id and sort() is stable, so equal scores stay in the order of ids.
    fused.sort(key=lambda f: -f.score)
    return fused


def _ranks(leg: LegScores) -> dict[str, int]:
    present = [c for c in leg.candidates if c in leg.similarities]
    present.sort(key=lambda c: (-leg.similarities[c], c))
    return {item: place for place, item in enumerate(present, start=1)}
