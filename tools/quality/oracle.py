"""Reciprocal rank fusion written out in numpy. Imports nothing of the product.

All arrays have one row for each item, in the order of the items' point ids, and one column for each
leg, in the order of the collection's vector spaces.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def ranks_of(similarities: Floats, candidate_count: int) -> Floats:
    """Places from 1 among each leg's own candidates; infinity where an item is not among them.

    NaN stands for a similarity that there is not. Equal similarities keep the order of the rows.
    """
    ranks = np.full(similarities.shape, np.inf)
    for leg in range(similarities.shape[1]):
        column = similarities[:, leg]
        held = np.flatnonzero(~np.isnan(column))
        best = held[np.argsort(-column[held], kind="stable")][:candidate_count]
        ranks[best, leg] = np.arange(1, len(best) + 1)
    return ranks


def fused_scores(ranks: Floats, weights: Sequence[float], k: float) -> Floats:
    """``sum over the legs of weight / (k + rank)``, in doubles and in the order of the legs."""
    scores = np.zeros(len(ranks))
    for leg, weight in enumerate(weights):
        scores += weight / (k + ranks[:, leg])
    return scores


def best_first(scores: Floats) -> Places:
    """The rows that scored at all, by score descending, then in the order of the rows."""
    order = np.argsort(-scores, kind="stable")
    return order[scores[order] > 0]
