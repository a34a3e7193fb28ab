"""How similarities of unlike measures are made comparable, leg by leg.

With s the exact similarities that one leg has of the fused items:

- none: ``n(s) = s``;
- min-max: ``n(s) = (s - min) / (max - min)``, and 0.5 where max = min;
- distribution: ``n(s) = (s - μ + 3σ) / 6σ`` clipped to 0..1, and 0.5 where σ = 0, with the
  population's σ: the items at hand are all that is scaled, not a sample of more.

Source of the last: M. Mazzeschi, "Distribution-Based Score Fusion", 2023. Qdrant's own fusion has
the same formula with the sample's σ, and does not clip.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

TIED = 0.5


class Normalization(Enum):
    """How similarities become comparable."""

    NONE = "none"
    MIN_MAX = "min_max"
    DISTRIBUTION = "distribution"


# BM25 beside a cosine would be the whole sum without it.
DEFAULT_NORMALIZATION = Normalization.MIN_MAX


@dataclass(frozen=True, slots=True)
class MinMaxBounds:
    """The least and the largest similarity of one leg."""

    min: float
    max: float

    def normalize(self, similarity: float) -> float:
        """Where it lies between the two, from 0 to 1."""
        if self.max == self.min:
            return TIED
        return (similarity - self.min) / (self.max - self.min)


@dataclass(frozen=True, slots=True)
class DistributionBounds:
    """The mean and the population's standard deviation of one leg's similarities."""

    mean: float
    sigma: float

    def normalize(self, similarity: float) -> float:
        """Where it lies between three σ below the mean and three above, from 0 to 1."""
        if self.sigma == 0:
            return TIED
        three = 3 * self.sigma
        return min(1.0, max(0.0, (similarity - self.mean + three) / (2 * three)))


Bounds = MinMaxBounds | DistributionBounds


def bounds_of(normalization: Normalization, similarities: Collection[float]) -> Bounds | None:
    """What ``similarities`` are normalised with; None for nothing to do, or nothing to do it to.

    The order of ``similarities`` does not matter.
    """
    if normalization is Normalization.NONE or not similarities:
        return None
    least, largest = min(similarities), max(similarities)
    if normalization is Normalization.MIN_MAX:
        return MinMaxBounds(least, largest)
    if least == largest:
        # The mean of equal numbers need not come out as that number.
        return DistributionBounds(least, 0.0)
    count = len(similarities)
    mean = math.fsum(similarities) / count
    variance = math.fsum((s - mean) ** 2 for s in similarities) / count
    return DistributionBounds(mean, math.sqrt(variance))


def normalized(bounds: Bounds | None, similarity: float) -> float:
    """``n(similarity)``; the similarity itself without bounds."""
    return similarity if bounds is None else bounds.normalize(similarity)
