"""What a composed input should find, by brute force in numpy. Imports nothing of the product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OracleQuestion:
    """Parts put together: the question, each part's summand in it, and how much was left of them.

    ``kept`` is the length of the sum over the sum of the weights' magnitudes, from 0 to 1.
    """

    question: Floats
    summands: Floats
    kept: float


def put_together(parts: Sequence[Sequence[float]], weights: Sequence[float]) -> OracleQuestion:
    """``normalised(sum of w_j * normalised(v_j))``."""
    rows = np.array(parts, dtype=np.float64)
    directions = rows / np.sqrt((rows**2).sum(axis=1))[:, None]
    factors = np.array(weights, dtype=np.float64)[:, None]
    total = (factors * directions).sum(axis=0)
    length = float(np.sqrt((total**2).sum()))
    return OracleQuestion(
        total / length, factors * directions / length, length / float(np.abs(factors).sum())
    )


def compare(
    asked: OracleQuestion, stored: Sequence[Sequence[float]], *, by_cosine: bool
) -> tuple[float, list[float]]:
    """The similarity of an item with these rows, and each part's share of it.

    A dense vector is one row; of several the best counts.
    """
    rows = np.array(stored, dtype=np.float64)
    if by_cosine:
        rows /= np.sqrt((rows**2).sum(axis=1))[:, None]
    similarities = rows @ asked.question
    best = rows[int(np.argmax(similarities))]
    return float(similarities.max()), [float(summand @ best) for summand in asked.summands]
