"""Whether a vector that a caller brings fits a space."""

from __future__ import annotations

from triptych_server.domain.collections import Distance, SpaceKind, VectorSpace
from triptych_server.domain.errors import Reason, Violation, violation
from triptych_server.domain.vectors import SparseVector, Vector, unit


def vector_kind(vector: Vector) -> SpaceKind:
    """The kind of space that a vector of this shape lies in."""
    if isinstance(vector, SparseVector):
        return SpaceKind.SPARSE
    return SpaceKind.DENSE if vector.ndim == 1 else SpaceKind.MULTI


def misfit(
    space: VectorSpace, vector: Vector, path: str, *, as_query: bool = False
) -> Violation | None:
    """What keeps ``vector`` from lying in ``space``, or None.

    As a query, a dense vector may be asked of a multivector space.
    """
    kind = vector_kind(vector)
    asks_multi = as_query and kind is SpaceKind.DENSE and space.kind is SpaceKind.MULTI
    if kind is not space.kind and not asks_multi:
        return violation(
            path,
            Reason.VECTOR_KIND,
            f"wrong kind of vector for {space.name!r}",
            got=kind.value,
            allowed=space.kind.value,
        )
    if not isinstance(vector, SparseVector) and vector.shape[-1] != space.dimension:
        return violation(
            path,
            Reason.VECTOR_DIM,
            f"wrong dimension for {space.name!r}",
            got=vector.shape[-1],
            allowed=space.dimension,
        )
    return None


def as_compared(space: VectorSpace, vector: Vector) -> Vector:
    """``vector`` as ``space`` compares it: of unit length where that is by cosine.

    Here and not in the engine, which would do it in float32: long vectors overflow there and short
    ones vanish.
    """
    if space.distance is not Distance.COSINE or isinstance(vector, SparseVector):
        return vector
    return unit(vector)
