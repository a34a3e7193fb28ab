"""Several vectors put together into one question, and what each has put into a similarity.

For parts j with weights w_j and vectors v_j, brought to unit length:

    q = (Σ_j w_j · v_j) / N, where N = ‖Σ_j w_j · v_j‖,

and for an item's vector x the share of part j is ``w_j · (v_j · x) / N``; the shares add up to
``q · x``. Against a multivector x is the row nearest to q, as in max-sim. In doubles; only q is
rounded to single precision, in which the engine compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych_server.domain.vectors import FloatArray

# Of the sum of the weights' magnitudes. Vectors of single precision that ought to cancel each other
# out leave some 1e-7 of it, of half precision 1e-3: what is shorter points anywhere.
LEAST_LENGTH = 1e-3


class CancelledOut(ArithmeticError):
    """The sum has length ``length``, where less than ``least`` has no direction to speak of."""

    def __init__(self, length: float, least: float) -> None:
        super().__init__(f"a sum of length {length:g}, at least {least:g}")
        self.length = length
        self.least = least


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """``vector`` is q: float32 of shape (dimension,), unit length.

    ``terms`` are the summands ``w_j · v_j / N``: shape (parts, dimension).
    """

    vector: FloatArray
    terms: NDArray[np.float64]

    def shares(self, stored: FloatArray) -> tuple[float, ...]:
        """What each part has put into the similarity of ``stored``, of shape (dimension,) or
        (n, dimension)."""
        rows = np.atleast_2d(stored).astype(np.float64)
        nearest = rows[int(np.argmax(rows @ self.terms.sum(axis=0)))]
        return tuple((self.terms @ nearest).tolist())


def compose(vectors: Sequence[FloatArray], weights: Sequence[float]) -> Composition:
    """Puts ``vectors`` of shape (dimension,), none of them zero, together by ``weights``.

    These are finite and not 0. Raises CancelledOut where N is less than ``LEAST_LENGTH`` of the sum
    of their magnitudes.
    """
    scale = max(map(abs, weights))
    # By the largest, so that no square of a small weight vanishes.
    proportions = np.array(weights, dtype=np.float64) / scale
    rows = np.stack(vectors).astype(np.float64)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    terms = proportions[:, None] * units
    total = terms.sum(axis=0)
    length = float(np.linalg.norm(total))
    least = LEAST_LENGTH * float(np.abs(proportions).sum())
    if length < least:
        raise CancelledOut(length * scale, least * scale)
    return Composition((total / length).astype(np.float32), terms / length)
