"""The scores of questions by examples, in pure functions, as Qdrant defines them.

With s(x, i) the similarity of item *i* to example *x*, φ(x) = x / (1 + |x|), which lies between -1
and 1, and σ(x) = (φ(x) + 1) / 2, between 0 and 1:

- average vector: s(a, i) with a = mean(positives), or 2 · mean(positives) - mean(negatives);
- best score: with p and n the largest similarities to a positive and to a negative example, σ(p)
  where p > n, else -σ(n); without examples of a kind its largest is -∞;
- sum of scores: Σ s(positive, i) - Σ s(negative, i);
- discovery: Σ over the pairs of sign(s(positive, i) - s(negative, i)), plus σ(s(target, i));
- context: Σ over the pairs of φ(min(s(positive, i) - s(negative, i) - ε, 0)), ε = 2^-23: never
  above 0, and 0 on the positive side of every pair.

Arithmetic in doubles, over the engine's similarities.

Source: Qdrant, "Explore the data" (https://qdrant.tech/documentation/concepts/explore/), and for φ
and ε, which that page leaves out, Qdrant 1.18.3: lib/segment/src/vector_storage/query and
lib/common/common/src/math.rs; for the average lib/collection/src/recommendations.rs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from triptych_server.domain.questions import (
    ByExamples,
    Context,
    Discover,
    Pair,
    Recommend,
    Strategy,
)
from triptych_server.domain.vectors import FloatArray, SparseVector, Vector

# The distance from 1 to the next float32, Qdrant's own margin.
MARGIN = 2.0**-23


def score(question: ByExamples[float]) -> float:
    """The score of an item from its similarities to the examples.

    Raises ValueError for AVERAGE_VECTOR, whose score is a similarity of its own.
    """
    match question:
        case Recommend(Strategy.BEST_SCORE, positives, negatives):
            return _best(positives, negatives)
        case Recommend(Strategy.SUM_SCORES, positives, negatives):
            return _added(positives) - _added(negatives)
        case Recommend():
            raise ValueError("the score of an average is no function of the similarities")
        case Discover(target, pairs):
            return _added(map(side, pairs)) + _share(target)
        case Context(pairs):
            return _added(map(loss, pairs))


def side(pair: Pair[float]) -> int:
    """1 on the positive side of a pair, -1 on the negative, 0 between them."""
    return (pair.positive > pair.negative) - (pair.positive < pair.negative)


def loss(pair: Pair[float]) -> float:
    """How far on the negative side of a pair: from above -1 up to 0."""
    return _squashed(min(pair.positive - pair.negative - MARGIN, 0.0))


def span(question: ByExamples[float]) -> tuple[float, float]:
    """The least and the largest score, where ``question`` holds how large each similarity's
    magnitude can be. Raises as ``score``."""
    match question:
        case Recommend(Strategy.BEST_SCORE, _, _):
            return -1.0, 1.0
        case Recommend(Strategy.SUM_SCORES, positives, negatives):
            largest = _added((*positives, *negatives))
            return -largest, largest
        case Recommend():
            raise ValueError("the score of an average is no function of the similarities")
        case Discover(_, pairs):
            return 0.0 - len(pairs), len(pairs) + 1.0
        case Context(pairs):
            return -float(len(pairs)), 0.0


def average(positives: Sequence[Vector], negatives: Sequence[Vector]) -> Vector:
    """The vector that AVERAGE_VECTOR asks with; ``positives`` is not empty.

    Dense and sparse: mean(positives), or 2 · mean(positives) - mean(negatives). Multivectors: all
    vectors of the positives and, negated, of the negatives, shape (n, dimension). The members are
    all sparse, all dense, or dense and multivectors, of which the dense are single rows.
    """
    if any(isinstance(vector, SparseVector) for vector in positives):
        return _sparse_average(_sparse(positives), _sparse(negatives))
    rows, against = _arrays(positives), _arrays(negatives)
    if any(array.ndim == 2 for array in (*rows, *against)):
        parts = [np.atleast_2d(array) for array in rows]
        parts += [-np.atleast_2d(array) for array in against]
        return np.concatenate(parts).astype(np.float32)
    mean = _mean(rows)
    return (2 * mean - _mean(against) if against else mean).astype(np.float32)


def _best(positives: Sequence[float], negatives: Sequence[float]) -> float:
    positive = max(positives, default=-np.inf)
    negative = max(negatives, default=-np.inf)
    return _share(positive) if positive > negative else -_share(negative)


def _squashed(x: float) -> float:
    return x / (1.0 + abs(x))


def _share(x: float) -> float:
    return 0.5 * (_squashed(x) + 1.0)


def _added(values: Iterable[float]) -> float:
    """The sum, rounded after each addition, as any client's loop has it."""
    total = 0.0
    for value in values:
        total += value
    return total


def _mean(vectors: Sequence[FloatArray]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.mean(np.stack(vectors).astype(np.float64), axis=0)
    return mean


def _arrays(vectors: Sequence[Vector]) -> list[FloatArray]:
    found = [vector for vector in vectors if not isinstance(vector, SparseVector)]
    if len(found) < len(vectors):
        raise ValueError("sparse and dense vectors have no average")
    return found


def _sparse(vectors: Sequence[Vector]) -> list[SparseVector]:
    found = [vector for vector in vectors if isinstance(vector, SparseVector)]
    if len(found) < len(vectors):
        raise ValueError("sparse and dense vectors have no average")
    return found


def _sparse_average(
    positives: Sequence[SparseVector], negatives: Sequence[SparseVector]
) -> SparseVector:
    totals: dict[int, float] = {}
    for vectors, factor in ((positives, 2.0 if negatives else 1.0), (negatives, -1.0)):
        for vector in vectors:
            for index, value in zip(vector.indices.tolist(), vector.values.tolist(), strict=True):
                totals[index] = totals.get(index, 0.0) + factor * value / len(vectors)
    order = sorted(totals)
    values = [totals[index] for index in order]
    return SparseVector(np.array(order, np.uint32), np.array(values, np.float32))
