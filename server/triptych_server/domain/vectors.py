"""The three shapes of a vector.

- dense: ``numpy.ndarray`` float32 of shape (dimension,)
- multivector: ``numpy.ndarray`` float32 of shape (n, dimension), n ≥ 1, compared by max-sim
- sparse: ``SparseVector``
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SparseVector:
    """A vector that names only its non-zero places.

    ``indices`` are uint32, strictly increasing; ``values`` are float32 of the same length.
    """

    indices: NDArray[np.uint32]
    values: FloatArray

    def __len__(self) -> int:
        return int(self.indices.shape[0])


Vector = FloatArray | SparseVector

# Beyond it a dot product of many dimensions no longer fits a float32.
MAX_MAGNITUDE = 1e15


def unit(vector: FloatArray) -> FloatArray:
    """``vector`` (or each row of it) scaled to length 1, in float32; a zero vector stays zero."""
    wide = vector.astype(np.float64)
    norms = np.linalg.norm(wide, axis=-1, keepdims=True)
    return (wide / np.where(norms == 0, 1.0, norms)).astype(np.float32)
