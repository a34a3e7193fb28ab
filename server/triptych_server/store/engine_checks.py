"""What must not reach an engine.

Qdrant, embedded or not, writes an operation to its log before it carries it out, and carries the
log out again at the next start. So one that it cannot bear does not fail alone: part of its batch
may be kept, and where it makes the engine panic, or cannot be read back from the log, the
collection can never be opened again. Seen on the embedded engine with rows of unequal length, with
sparse vectors of unequal halves, with payloads nested 200 deep, and with a deletion by a filter
nested 32 deep. The wire has refused all of it; this is the fence in front of the cliff.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from triptych_server.domain.collections import SpaceKind, VectorSpace
from triptych_server.domain.filters import Elements, Filter, Group
from triptych_server.domain.items import Json
from triptych_server.domain.vectors import SparseVector, Vector

# The engine's log takes about 120.
MAX_PAYLOAD_DEPTH = 64
# The engine's log takes 24 of the dearest kind, lists in lists; here a little is left for what a
# condition itself is made of.
MAX_FILTER_DEPTH = 20


def check_vector(space: VectorSpace, vector: Vector) -> None:
    """Raises ValueError where the vector is not one that the space can hold or be asked for."""
    if isinstance(vector, SparseVector):
        if space.kind is not SpaceKind.SPARSE:
            raise ValueError(f"a sparse vector for the space {space.name!r}")
        indices, values = vector.indices, vector.values
        if indices.ndim != 1 or indices.dtype != np.uint32 or indices.shape != values.shape:
            raise ValueError(f"indices and values of shapes {indices.shape} and {values.shape}")
        if not np.all(indices[1:] > indices[:-1]):
            raise ValueError("indices that do not increase")
    else:
        values = vector
        if space.kind is SpaceKind.SPARSE:
            raise ValueError(f"a dense vector for the space {space.name!r}")
        rows = space.kind is SpaceKind.MULTI and values.ndim == 2
        if (values.ndim != 1 and not rows) or 0 in values.shape:
            raise ValueError(f"a vector of shape {values.shape} for the space {space.name!r}")
        if values.shape[-1] != space.dimension:
            raise ValueError(f"dimension {values.shape[-1]}, not {space.dimension}")
    if not np.isfinite(values).all():
        raise ValueError("a number that is not finite")


def check_payload(payload: Mapping[str, Json]) -> None:
    """Raises ValueError where the payload is nested deeper than the engine can read back.

    And where it holds a number that is not finite, for which JSON has no text.
    """
    level: list[Json] = [dict(payload)]
    for _ in range(MAX_PAYLOAD_DEPTH):
        inner: list[Json] = []
        for value in level:
            if isinstance(value, dict):
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
        if not all(math.isfinite(value) for value in inner if isinstance(value, float)):
            raise ValueError("a number in the payload that is not finite")
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return
    raise ValueError(f"a payload nested deeper than {MAX_PAYLOAD_DEPTH}")


def check_filter(filter: Filter) -> None:
    """Raises ValueError where the filter is nested deeper than the engine can read back."""
    level = [filter]
    for _ in range(MAX_FILTER_DEPTH):
        level = [
            condition.filter
            for outer in level
            for condition in (*outer.must, *outer.should, *outer.must_not)
            if isinstance(condition, Group | Elements)
        ]
        if not level:
            return
    raise ValueError(f"a filter nested deeper than {MAX_FILTER_DEPTH}")
