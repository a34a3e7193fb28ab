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
    similarity of every candidate of any leg that the leg can score; for reciprocal rank those of
    its own candidates do. A candidate that has none (it was deleted meanwhile) is left out.
    ``threshold`` is the least similarity accepted.
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
    """One item of the fused ranking."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The fused items, best first: by score descending, then id ascending.

    For each leg ``found`` says how many candidates it had at or above its threshold, and
    ``bounds`` what its similarities were normalised with.
    """

    items: tuple[Fused, ...]
    bounds: tuple[Bounds | None, ...]
    _fusion: Fusion
    _legs: tuple[LegScores, ...]
    _places: tuple[Mapping[str, int], ...]
    _levels: tuple[Mapping[str, float], ...]

    @property
    def found(self) -> tuple[int, ...]:
        """How many candidates each leg had."""
        return tuple(len(own) for own in self._places)

    def parts(
        self, item: str, similarities: Sequence[float | None] | None = None
    ) -> tuple[LegPart, ...]:
        """What each leg says of an item; the contributions add up to its score.

        Of an item that is not ranked it is what the legs know; nothing of it contributes.
        ``similarities``: those to the legs, where more of them are known by now. By places an item
        is ranked without those of the legs that have not found it.
        """
        weights = [leg.weight for leg in self._legs]
        ranks = [own.get(item) for own in self._places]
        levels = [known.get(item) for known in self._levels]
        contributions = _contributions(self._fusion, weights, ranks, levels)
        parts = []
        if similarities is None:
            similarities = [leg.similarities.get(item) for leg in self._legs]
        for leg, similarity, rank, level, contribution in zip(
            self._legs, similarities, ranks, levels, contributions, strict=True
        ):
            below = similarity is not None and not leg.accepts(similarity)
            parts.append(LegPart(similarity, rank, level, contribution, below))
        return tuple(parts)


def fuse(legs: Sequence[LegScores], fusion: Fusion, *, threshold: float | None = None) -> Ranking:
    """Ranks what the legs brought in; items with a score below ``threshold`` are left out."""
    places = tuple(_places(leg) for leg in legs)
    if isinstance(fusion, ReciprocalRank):
        bounds: tuple[Bounds | None, ...] = (None,) * len(legs)
        levels: tuple[Mapping[str, float], ...] = ({},) * len(legs)
    else:
        union = {i for leg, own in zip(legs, places, strict=True) if leg.weight for i in own}
        scored = [_scored(leg, union) for leg in legs]
        bounds = tuple(bounds_of(fusion.normalization, known.values()) for known in scored)
        levels = tuple(
            {item: normalized(scale, s) for item, s in known.items()}
            for scale, known in zip(bounds, scored, strict=True)
        )
    scores = _scores(fusion, [leg.weight for leg in legs], places, levels)
    kept = [(-s, i) for i, s in scores.items() if threshold is None or s >= threshold]
    kept.sort()
    items = tuple(Fused(i, -negated) for negated, i in kept)
    return Ranking(items, bounds, fusion, tuple(legs), places, levels)


def score_range(
    fusion: Fusion, weights: Sequence[float], span: tuple[float, float] | None
) -> tuple[float, float] | None:
    """The least and the largest score that ``fusion`` can give; None where there is no such.

    ``span`` are the least and the largest similarity on any of the legs, of which 0 lies between;
    None where there are none.
    """
    if isinstance(fusion, ReciprocalRank):
        return 0.0, _added(weight / (fusion.k + 1) for weight in weights)
    largest = 1.0 if isinstance(fusion, WeightedSum) else max(weights)
    if fusion.normalization is not Normalization.NONE:
        return 0.0, largest
    return None if span is None else (largest * span[0], largest * span[1])


def _places(leg: LegScores) -> dict[str, int]:
    """The leg's own candidates with their places from 1."""
    known = leg.similarities
    own = [(-known[c], c) for c in leg.candidates if c in known and leg.accepts(known[c])]
    own.sort()
    return {item: place for place, (_, item) in enumerate(own, start=1)}


def _scored(leg: LegScores, union: Collection[str]) -> dict[str, float]:
    """The similarities that count, of the fused items."""
    return {i: s for i, s in leg.similarities.items() if i in union and leg.accepts(s)}


def _scores(
    fusion: Fusion,
    weights: Sequence[float],
    places: Sequence[Mapping[str, int]],
    levels: Sequence[Mapping[str, float]],
) -> dict[str, float]:
    """The score of every item that a leg of weight above 0 brought in."""
    scores: dict[str, float] = {}
    counting = [leg for leg, weight in enumerate(weights) if weight]
    if isinstance(fusion, ReciprocalRank):
        k = fusion.k
        for leg in counting:
            weight = weights[leg]
            for item, place in places[leg].items():
                scores[item] = scores.get(item, 0.0) + weight / (k + place)
    elif isinstance(fusion, WeightedSum):
        for leg in counting:
            for item, level in levels[leg].items():
                scores[item] = scores.get(item, 0.0) + weights[leg] * level
        total = _added(weights)
        scores = {item: score / total for item, score in scores.items()}
    else:
        best = max if isinstance(fusion, MaxScore) else min
        for leg in counting:
            for item, level in levels[leg].items():
                product = weights[leg] * level
                scores[item] = best(scores.get(item, product), product)
    return scores


def _contributions(
    fusion: Fusion,
    weights: Sequence[float],
    ranks: Sequence[int | None],
    levels: Sequence[float | None],
) -> list[float]:
    """What each leg contributes to the score of one item."""
    if isinstance(fusion, ReciprocalRank):
        return [
            0.0 if rank is None else weight / (fusion.k + rank)
            for weight, rank in zip(weights, ranks, strict=True)
        ]
    products = [
        None if level is None or not weight else weight * level
        for weight, level in zip(weights, levels, strict=True)
    ]
    if isinstance(fusion, WeightedSum):
        total = _added(weights)
        return [(product or 0.0) / total for product in products]
    best = max if isinstance(fusion, MaxScore) else min
    score = best((product for product in products if product is not None), default=0.0)
    winner = products.index(score) if score in products else None
    return [score if leg == winner else 0.0 for leg in range(len(products))]


def _added(values: Iterable[float]) -> float:
    """The sum, rounded after each addition: ``sum`` does more since Python 3.12, and other
    languages' loops do not."""
    total = 0.0
    for value in values:
        total += value
    return total
