"""Recommend, discover and context scores by their documented definitions, in numpy.

Written from https://qdrant.tech/documentation/concepts/explore/ and from the sigmoid and the margin
of Qdrant 1.18.3. Imports nothing of the product. Rows of the arrays are items, columns examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MARGIN = float(np.finfo(np.float32).eps)


def fast_sigmoid(x: Floats) -> Floats:
    """x / (1 + |x|)."""
    return x / (1.0 + np.abs(x))


def scaled(x: Floats) -> Floats:
    """The same, from 0 to 1."""
    return 0.5 * (fast_sigmoid(x) + 1.0)


def best_score(positives: Floats, negatives: Floats) -> Floats:
    """By the best positive and the best negative example of each item."""
    lowest = np.full((len(positives), 1), -1e30)
    best = np.hstack([positives, lowest]).max(axis=1)
    worst = np.hstack([negatives, lowest]).max(axis=1)
    return np.asarray(np.where(best > worst, scaled(best), -scaled(worst)))


def sum_scores(positives: Floats, negatives: Floats) -> Floats:
    """All positives less all negatives."""
    return np.asarray(positives.sum(axis=1) - negatives.sum(axis=1))


def discover(targets: Floats, positives: Floats, negatives: Floats) -> Floats:
    """The rank by the pairs, an integer, and within it the target."""
    return np.asarray(np.sign(positives - negatives).sum(axis=1) + scaled(targets))


def context(positives: Floats, negatives: Floats) -> Floats:
    """The loss of every pair, added up."""
    return np.asarray(fast_sigmoid(np.minimum(positives - negatives - MARGIN, 0.0)).sum(axis=1))


def average(
    positives: Sequence[Any], negatives: Sequence[Any], *, rows: bool = False
) -> Floats | dict[int, float]:
    """The vector of the strategy "average vector"; ``rows`` for a space of multivectors."""
    if isinstance(positives[0], Mapping):
        places = {place for example in (*positives, *negatives) for place in example}

        def mean(examples: Sequence[Any], place: int) -> float:
            return float(np.mean([example.get(place, 0.0) for example in examples]))

        return {
            place: 2 * mean(positives, place) - mean(negatives, place)
            if negatives
            else mean(positives, place)
            for place in places
        }
    if rows:
        return np.vstack([*map(np.atleast_2d, positives), *(-np.atleast_2d(n) for n in negatives)])
    toward: Floats = np.mean(np.asarray(positives, np.float64), axis=0)
    if not negatives:
        return toward
    return np.asarray(2 * toward - np.mean(np.asarray(negatives, np.float64), axis=0))
