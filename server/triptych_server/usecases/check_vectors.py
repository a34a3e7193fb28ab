"""Whether a space that a caller names is there, and a vector that he brings fits it."""

from __future__ import annotations

from triptych_server.domain.collections import Collection, Distance, SpaceKind, VectorSpace
from triptych_server.domain.errors import Reason, Violation, WrongState, clip, violation
from triptych_server.domain.vectors import SparseVector, Vector, unit


def known_space(collection: Collection, name: str, path: str) -> VectorSpace:
    """The space of that name. Raises WrongState (VECTOR_NAME_UNKNOWN), its field under ``path``."""
    space = collection.space(name)
    if space is None:
        known = ", ".join(s.name for s in collection.vector_spaces)
        raise WrongState(
            Reason.VECTOR_NAME_UNKNOWN,
            f"{path}.vector_name: no such vector space (got {clip(name)}, allowed {known})",
            subject=f"collections/{collection.id}",
        )
    return space


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
