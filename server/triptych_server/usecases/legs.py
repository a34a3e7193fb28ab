"""Which legs a search has: those asked for, or every space that can answer the input."""

from __future__ import annotations

from dataclasses import dataclass

from triptych_server.domain.collections import Collection, SpaceKind, VectorSpace
from triptych_server.domain.errors import InvalidInput, Reason, WrongState, clip, violation
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import (
    ItemIdInput,
    QueryInput,
    RankedQuery,
    SearchQuery,
    StoredVectorInput,
    TextInput,
    VectorInput,
    VectorQuery,
)
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.usecases.check_vectors import misfit, vector_kind
from triptych_server.usecases.stored_vectors import refusal


@dataclass(frozen=True, slots=True, eq=False)
class LegPlan:
    """One leg that will be asked, before its input is encoded.

    ``path`` is where the request names the leg; empty where it does not, and the space takes part
    because it can.
    """

    space: VectorSpace
    input: QueryInput
    weight: float
    candidate_count: int
    input_path: str
    path: str = ""
    score_threshold: float | None = None


def plan_legs(collection: Collection, query: SearchQuery, limits: Limits) -> tuple[LegPlan, ...]:
    """The legs that run, in order.

    Raises WrongState (VECTOR_NAME_UNKNOWN, QUERY_UNANSWERABLE, MODEL_MISMATCH), InvalidInput
    (QUERY_EMPTY, LIMIT_TOO_LARGE).
    """
    if query.vectors:
        return tuple(_named(collection, wanted, query) for wanted in query.vectors)
    if query.input is None:
        raise InvalidInput([violation("input", Reason.QUERY_EMPTY, "is not set")])
    return _able(collection, query, query.input, limits)


def _named(collection: Collection, wanted: VectorQuery, query: SearchQuery) -> LegPlan:
    space = find_space(collection, wanted.vector_name, wanted.path)
    check_answer(collection, space, wanted.input, wanted.input_path)
    return LegPlan(
        space,
        wanted.input,
        space.default_weight if wanted.weight is None else wanted.weight,
        wanted.candidate_count or query.default_candidates,
        wanted.input_path,
        wanted.path,
        wanted.score_threshold,
    )


def _able(
    collection: Collection, query: SearchQuery, given: QueryInput, limits: Limits
) -> tuple[LegPlan, ...]:
    able = able_spaces(collection, given, "input")
    if not able and isinstance(given, VectorInput):
        raise WrongState(
            Reason.QUERY_UNANSWERABLE,
            f"input.vector: no vector space takes it (got {_shape(given.vector)})",
            subject=f"collections/{collection.id}",
        )
    if not able:
        raise unanswerable(collection, "input", "no vector space can answer")
    if isinstance(given, VectorInput) and len(able) > 1:
        names = ", ".join(space.name for space in able)
        raise unanswerable(collection, "input", f"vectors must say which of {names} is asked with")
    check_default_candidates(len(able), query, limits)
    return tuple(
        LegPlan(space, given, space.default_weight, query.default_candidates, "input")
        for space in able
    )


def check_default_candidates(legs: int, query: RankedQuery, limits: Limits) -> None:
    """Refuse more candidates in all than are counted, where no leg names a count of its own.

    Raises InvalidInput (LIMIT_TOO_LARGE).
    """
    total = legs * query.default_candidates
    if total > limits.max_total_candidates:
        found = violation(
            "offset",
            Reason.LIMIT_TOO_LARGE,
            f"{legs} legs would need too many candidates in all",
            got=total,
            allowed=limits.max_total_candidates,
        )
        raise InvalidInput([found])


def find_space(collection: Collection, name: str, path: str) -> VectorSpace:
    """The space of that name. Raises WrongState (VECTOR_NAME_UNKNOWN)."""
    space = collection.space(name)
    if space is None:
        known = ", ".join(s.name for s in collection.vector_spaces)
        raise WrongState(
            Reason.VECTOR_NAME_UNKNOWN,
            f"{path}.vector_name: no such vector space (got {clip(name)}, allowed {known})",
            subject=f"collections/{collection.id}",
        )
    return space


def check_answer(collection: Collection, space: VectorSpace, given: QueryInput, path: str) -> None:
    """Refuse an input that ``space`` can't be asked with; ``path`` is where it stands.

    Raises WrongState (VECTOR_NAME_UNKNOWN, QUERY_UNANSWERABLE, MODEL_MISMATCH).
    """
    if isinstance(given, StoredVectorInput):
        path = f"{path}.stored_vector"
        source = find_space(collection, given.vector_name, path)
        refused = refusal(collection, source, space, path)
        if refused is not None:
            raise refused
    # A vector's fit is checked with its own, more exact errors when it is encoded.
    elif not isinstance(given, VectorInput) and not _answers(space, given):
        raise unanswerable(collection, path, f"{space.name!r} can't answer")


def able_spaces(collection: Collection, given: QueryInput, path: str) -> list[VectorSpace]:
    """The spaces that can be asked with ``given``. Raises WrongState (VECTOR_NAME_UNKNOWN)."""
    spaces = collection.vector_spaces
    if isinstance(given, StoredVectorInput):
        path = f"{path}.stored_vector"
        source = find_space(collection, given.vector_name, path)
        return [space for space in spaces if refusal(collection, source, space, path) is None]
    return [space for space in spaces if _answers(space, given)]


def _answers(space: VectorSpace, given: QueryInput) -> bool:
    """Whether ``space`` can be asked with ``given``, which is no stored vector."""
    if isinstance(given, ItemIdInput):
        return True
    if isinstance(given, VectorInput):
        return misfit(space, given.vector, "", as_query=True) is None
    if space.is_supplied:
        return False
    return isinstance(given, TextInput) or space.kind is not SpaceKind.SPARSE


def _shape(vector: Vector) -> str:
    kind = vector_kind(vector)
    if isinstance(vector, SparseVector):
        return kind.value
    return f"{kind.value} of {vector.shape[-1]} values"


def unanswerable(collection: Collection, path: str, what: str) -> WrongState:
    """The error for an input of a kind that can't be asked; ``what`` says of whom."""
    return WrongState(
        Reason.QUERY_UNANSWERABLE,
        f"{path}: {what} this kind of input",
        subject=f"collections/{collection.id}",
    )
