"""Which spaces a stored vector can be asked of, beside its own."""

from __future__ import annotations

from triptych_server.domain.collections import Collection, SpaceKind, VectorSpace
from triptych_server.domain.errors import Reason, WrongState
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.usecases.check_vectors import as_compared


def refusal(
    collection: Collection, source: VectorSpace, target: VectorSpace, path: str
) -> WrongState | None:
    """Why ``target`` can't be asked with a vector of ``source``, or None.

    MODEL_MISMATCH where the two have another origin, QUERY_UNANSWERABLE where kind or dimension
    keep them apart. ``path`` is where the stored vector stands in the request.

    One origin is one model and revision: a picture's and a text's stamps differ in preprocessing,
    and lie in one space. Of supplied vectors only the caller knows, and so is taken at his word.
    """
    subject = f"collections/{collection.id}"
    if source == target:
        return None
    if _origin(source) != _origin(target):
        return WrongState(
            Reason.MODEL_MISMATCH,
            f"{path}.vector_name: {source.name!r} comes from {_told(source)}, "
            f"{target.name!r} from {_told(target)}",
            subject=subject,
        )
    kinds = {source.kind, target.kind}
    if SpaceKind.SPARSE in kinds and len(kinds) > 1:
        what = f"{source.name!r} is {source.kind.value}, {target.name!r} is {target.kind.value}"
    elif source.dimension != target.dimension:
        what = f"{source.name!r} has {source.dimension} values, {target.name!r} {target.dimension}"
    else:
        return None
    return WrongState(Reason.QUERY_UNANSWERABLE, f"{path}.vector_name: {what}", subject=subject)


def as_query(target: VectorSpace, vector: Vector, *, alone: bool = False) -> Vector | None:
    """A stored vector as ``target`` is asked with it; with ``alone`` as one vector in any case.

    None for a multivector of several vectors, where a dense space or ``alone`` wants one.
    """
    alone = alone or target.kind is SpaceKind.DENSE
    if alone and not isinstance(vector, SparseVector) and vector.ndim == 2:
        if vector.shape[0] > 1:
            return None
        vector = vector[0]
    return as_compared(target, vector)


def _origin(space: VectorSpace) -> tuple[str, str] | None:
    return None if space.stamp is None else (space.stamp.model, space.stamp.revision)


def _told(space: VectorSpace) -> str:
    return "the caller" if space.stamp is None else f"{space.stamp.model} {space.stamp.revision}"
