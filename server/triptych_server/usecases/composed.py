"""Which spaces a composed input can be asked of, and its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triptych_server.domain.collections import Collection, SpaceKind, VectorSpace
from triptych_server.domain.composition import CancelledOut, Composition, compose
from triptych_server.domain.errors import InvalidInput, Reason, WrongState, violation
from triptych_server.domain.queries import (
    ComposedInput,
    ImageInput,
    PlainInput,
    StoredVectorInput,
    TextInput,
    VectorInput,
    kind_of,
)
from triptych_server.domain.vectors import FloatArray
from triptych_server.usecases.check_vectors import known_space, misfit
from triptych_server.usecases.stored_vectors import refusal


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a space can't be asked; ``place`` is that of the part in the way, -1 for all of them."""

    place: int
    error: WrongState


def composed_refusal(
    collection: Collection, space: VectorSpace, given: ComposedInput, path: str, *, named: bool
) -> Refusal | None:
    """Why ``space`` can't be asked with ``given``, which stands at ``path``, or None.

    Where the request has ``named`` the leg, the fit of a bare vector is left to be checked when it
    is encoded, with an error of its own. Raises WrongState (VECTOR_NAME_UNKNOWN).
    """
    if space.kind is SpaceKind.SPARSE:
        what = f"{path}: {space.name!r} is sparse, and takes no composed input"
        return Refusal(-1, _unanswerable(collection, what))
    for place, part in enumerate(given.parts):
        where = f"{path}.parts[{place}]"
        error = _part_refusal(collection, space, part.input, where, named=named)
        if error is not None:
            return Refusal(place, error)
    return None


def put_together(
    space: VectorSpace, given: ComposedInput, vectors: Sequence[FloatArray], path: str
) -> Composition:
    """The parts' ``vectors`` as one. Raises InvalidInput (PARTS_CANCEL_OUT)."""
    try:
        return compose(vectors, [part.weight for part in given.parts])
    except CancelledOut as cancelled:
        problem = violation(
            path,
            Reason.PARTS_CANCEL_OUT,
            f"the parts cancel each other out for {space.name!r}",
            got=f"a sum of length {cancelled.length:.3g}",
            allowed=f"from {cancelled.least:.3g} for these weights",
        )
        raise InvalidInput([problem]) from None


def _part_refusal(
    collection: Collection, space: VectorSpace, given: PlainInput, path: str, *, named: bool
) -> WrongState | None:
    if isinstance(given, StoredVectorInput):
        where = f"{path}.stored_vector"
        source = known_space(collection, given.vector_name, where)
        return refusal(collection, source, space, where)
    if isinstance(given, TextInput | ImageInput) and space.is_supplied:
        what = f"{path}.{kind_of(given).value}: the caller supplies the vectors of {space.name!r}"
        return _unanswerable(collection, f"{what}, so nothing can be encoded for it")
    if isinstance(given, VectorInput) and not named:
        problem = misfit(space, given.vector, f"{path}.vector", as_query=True)
        if problem is not None:
            return _unanswerable(collection, f"{problem.field}: {problem.message}")
    return None


def _unanswerable(collection: Collection, message: str) -> WrongState:
    subject = f"collections/{collection.id}"
    return WrongState(Reason.QUERY_UNANSWERABLE, message, subject=subject)
