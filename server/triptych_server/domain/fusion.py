"""Fusion over exact similarities, in pure functions that show their working.

For an item *i* and legs *v* with weights w_v, exact similarities s_v(i), their normalised values
n(s_v(i)) (``domain.normalization``), and r_v(i) the place from 1 of *i* among the leg's own
candidates, sorted by (similarity descending, id ascending):

- reciprocal rank: ``Σ_v w_v / (k + r_v(i))``; a leg whose candidates do not hold *i* adds 0;
- weighted sum: ``(Σ_v w_v · n(s_v(i))) / Σ_v w_v``; a leg without a similarity of *i* adds 0;
- max and min: over ``w_v · n(s_v(i))`` of the legs with w_v > 0 and a similarity of *i*; the whole
  score is the contribution of the winning leg, the first of equals.

What is fused are the items that a leg of weight above 0 has among its own candidates. A similarity
below its leg's threshold makes no candidate, has no place and no normalised value, and adds 0.
All in doubles, summed in the order of the legs.

Sources: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual
Rank Learning Methods", SIGIR 2009; Fox, Shaw, "Combination of Multiple Searches", TREC-2, 1994
(CombSUM, CombMAX, CombMIN). The weights are added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from triptych_server.domain.normalization import (
    DEFAULT_NORMALIZATION,
    Bounds,
    Normalization,
    bounds_of,
    normalized,
)

DEFAULT_K = 2.0


@dataclass(frozen=True, slots=True)
class ReciprocalRank:
    """By place; ``k`` ≥ 0."""

    k: float = DEFAULT_K


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """By similarity: all legs together."""

    normalization: Normalization = DEFAULT_NORMALIZATION


@dataclass(frozen=True, slots=True)
class MaxScore:
    """By similarity: the leg that speaks best for the item."""

    normalization: Normalization = DEFAULT_NORMALIZATION


@dataclass(frozen=True, slots=True)
class MinScore:
    """By similarity: the leg that speaks worst for the item."""

    normalization: Normalization = DEFAULT_NORMALIZATION


SimilarityFusion = WeightedSum | MaxScore | MinScore
Fusion = ReciprocalRank | SimilarityFusion


@dataclass(frozen=True, slots=True)
class LegScores:
    """What one leg knows; ``weight`` ≥ 0.

    ``candidates`` are the ids that the leg itself brought in; ``similarities`` holds the exact
    similarity of every candidate of any leg that the leg can score. A candidate that has none (it
    was deleted meanwhile) is left out. ``threshold`` is the least similarity accepted.
    """

    weight: float
    candidates: Collection[str]
    similarities: Mapping[str, float]
    threshold: float | None = None

    def accepts(self, similarity: float) -> bool:
        """Whether it reaches the threshold."""
        return self.threshold is None or similarity >= self.threshold


@dataclass(frozen=True, slots=True)
class LegPart:
    """What one leg says of one item: None for what it has not.

    ``below_threshold``: the leg has a similarity, and it does not count.
    """

    similarity: float | None
    rank: int | None
    normalized: float | None
    contribution: float
    below_threshold: bool = False


@dataclass(frozen=True, slots=True)
class Fused:
    """One item of the fused ranking; the contributions of ``parts`` add up to ``score``."""

    id: str
    score: float
    parts: tuple[LegPart, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The fused items, best first: by score descending, then id ascending.

    For each leg ``found`` says how many candidates it had at or above its threshold, and
    ``bounds`` what its similarities were normalised with.
    """

    items: tuple[Fused, ...]
    found: tuple[int, ...]
    bounds: tuple[Bounds | None, ...]


def fuse(legs: Sequence[LegScores], fusion: Fusion, *, threshold: float | None = None) -> Ranking:
    """Ranks what the legs brought in; items with a score below ``threshold`` are left out."""
    places = [_places(leg) for leg in legs]
    union = sorted({i for leg, own in zip(legs, places, strict=True) if leg.weight for i in own})
    bounds = [_bounds(leg, union, fusion) for leg in legs]
    weights = [leg.weight for leg in legs]
    fused = []
    for item in union:
        heard = [
            _heard(leg, own.get(item), scale, item, fusion)
            for leg, own, scale in zip(legs, places, bounds, strict=True)
        ]
        score, contributions = _score(fusion, weights, heard)
        if threshold is None or score >= threshold:
            parts = (
                LegPart(h.similarity, h.rank, h.normalized, c, h.below_threshold)
                for h, c in zip(heard, contributions, strict=True)
            )
            fused.append(Fused(item, score, tuple(parts)))
    # The union is sorted by id and sort() is stable, so equal scores stay in the order of ids.
    fused.sort(key=lambda f: -f.score)
    return Ranking(tuple(fused), tuple(len(own) for own in places), tuple(bounds))


def score_range(
    fusion: Fusion, weights: Sequence[float], reach: float | None
) -> tuple[float, float] | None:
    """The least and the largest score that ``fusion`` can give; None where there is no such.

    ``reach`` is the largest magnitude of a similarity on any of the legs, None where there is
    none.
    """
    if isinstance(fusion, ReciprocalRank):
        return 0.0, _added(weight / (fusion.k + 1) for weight in weights)
    largest = 1.0 if isinstance(fusion, WeightedSum) else max(weights)
    if fusion.normalization is not Normalization.NONE:
        return 0.0, largest
    return None if reach is None else (-largest * reach, largest * reach)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a leg says of an item, before it is weighed."""

    similarity: float | None
    rank: int | None
    normalized: float | None
    below_threshold: bool


def _places(leg: LegScores) -> dict[str, int]:
    """The leg's own candidates with their places from 1."""
    own = [c for c in leg.candidates if c in leg.similarities and leg.accepts(leg.similarities[c])]
    own.sort(key=lambda c: (-leg.similarities[c], c))
    return {item: place for place, item in enumerate(own, start=1)}


def _bounds(leg: LegScores, union: Sequence[str], fusion: Fusion) -> Bounds | None:
    if isinstance(fusion, ReciprocalRank):
        return None
    known = [leg.similarities[item] for item in union if item in leg.similarities]
    return bounds_of(fusion.normalization, [s for s in known if leg.accepts(s)])


def _heard(
    leg: LegScores, rank: int | None, bounds: Bounds | None, item: str, fusion: Fusion
) -> _Heard:
    similarity = leg.similarities.get(item)
    if similarity is None:
        return _Heard(None, None, None, False)
    if not leg.accepts(similarity):
        return _Heard(similarity, None, None, True)
    by_rank = isinstance(fusion, ReciprocalRank)
    return _Heard(similarity, rank, None if by_rank else normalized(bounds, similarity), False)


def _score(
    fusion: Fusion, weights: Sequence[float], heard: Sequence[_Heard]
) -> tuple[float, list[float]]:
    """The score of one item, and what each leg contributes to it."""
    if isinstance(fusion, ReciprocalRank):
        contributions = [
            0.0 if h.rank is None else weight / (fusion.k + h.rank)
            for weight, h in zip(weights, heard, strict=True)
        ]
        return _added(contributions), contributions
    weighted = [
        None if h.normalized is None or not weight else weight * h.normalized
        for weight, h in zip(weights, heard, strict=True)
    ]
    if isinstance(fusion, WeightedSum):
        products = [product or 0.0 for product in weighted]
        total = _added(weights)
        return _added(products) / total, [product / total for product in products]
    best = max if isinstance(fusion, MaxScore) else min
    score = best(value for value in weighted if value is not None)
    winner = weighted.index(score)
    return score, [score if leg == winner else 0.0 for leg in range(len(weighted))]


def _added(values: Iterable[float]) -> float:
    """The sum, rounded after each addition: ``sum`` does more since Python 3.12, and other
    languages' loops do not."""
    total = 0.0
    for value in values:
        total += value
    return total
