"""Which legs a search has: those asked for, or every space that can answer the input."""

from __future__ import annotations

from dataclasses import dataclass, replace

from triptych_server.domain.collections import Collection, SpaceKind, VectorSpace
from triptych_server.domain.errors import InvalidInput, Reason, WrongState, violation
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import (
    ComposedInput,
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
from triptych_server.usecases.check_vectors import known_space, misfit, vector_kind
from triptych_server.usecases.composed import composed_refusal
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
    is_part: bool = False

    @property
    def parts(self) -> tuple[LegPlan, ...]:
        """The leg once for each part of a composed input, with that part for its input."""
        if not isinstance(self.input, ComposedInput):
            return (self,)
        path = f"{self.input_path}.composed.parts"
        return tuple(
            replace(self, input=part.input, input_path=f"{path}[{place}]", is_part=True)
            for place, part in enumerate(self.input.parts)
        )


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
    space = known_space(collection, wanted.vector_name, wanted.path)
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
            f"input.vector: no vector space takes it (got {_shape(given.vector)}, allowed "
            f"{', '.join(map(_takes, collection.vector_spaces))})",
            subject=f"collections/{collection.id}",
        )
    if not able:
        raise unanswerable(collection, "input", "no vector space can answer")
    if len(able) > 1 and brings_vector(given):
        names = ", ".join(space.name for space in able)
        raise unanswerable(collection, "input", f"vectors must say which of {names} is asked with")
    check_default_candidates(len(able), query, limits)
    return tuple(
        LegPlan(space, given, space.default_weight, query.default_candidates, "input")
        for space in able
    )


def brings_vector(given: QueryInput) -> bool:
    """Whether a ready vector is in it, of which nobody says where it belongs."""
    plain = [part.input for part in given.parts] if isinstance(given, ComposedInput) else [given]
    return any(isinstance(one, VectorInput) for one in plain)


def _able_composed(collection: Collection, given: ComposedInput, path: str) -> list[VectorSpace]:
    """The spaces that take every part; raises what the nearest to that refuses, where none does."""
    checked = [
        (space, composed_refusal(collection, space, given, f"{path}.composed", named=False))
        for space in collection.vector_spaces
    ]
    able = [space for space, apart in checked if apart is None]
    if not able:
        raise max((a for _, a in checked if a is not None), key=lambda apart: apart.place).error
    return able


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


def check_answer(collection: Collection, space: VectorSpace, given: QueryInput, path: str) -> None:
    """Refuse an input that ``space`` can't be asked with; ``path`` is where it stands.

    Raises WrongState (VECTOR_NAME_UNKNOWN, QUERY_UNANSWERABLE, MODEL_MISMATCH).
    """
    if isinstance(given, ComposedInput):
        apart = composed_refusal(collection, space, given, f"{path}.composed", named=True)
        if apart is not None:
            raise apart.error
    elif isinstance(given, StoredVectorInput):
        path = f"{path}.stored_vector"
        source = known_space(collection, given.vector_name, path)
        refused = refusal(collection, source, space, path)
        if refused is not None:
            raise refused
    # A vector's fit is checked with its own, more exact errors when it is encoded.
    elif not isinstance(given, VectorInput) and not _answers(space, given):
        raise unanswerable(collection, path, f"{space.name!r} can't answer")


def able_spaces(collection: Collection, given: QueryInput, path: str) -> list[VectorSpace]:
    """The spaces that can be asked with ``given``.

    Raises WrongState (VECTOR_NAME_UNKNOWN; where no space takes all parts of a composed input,
    QUERY_UNANSWERABLE or MODEL_MISMATCH).
    """
    spaces = collection.vector_spaces
    if isinstance(given, ComposedInput):
        return _able_composed(collection, given, path)
    if isinstance(given, StoredVectorInput):
        path = f"{path}.stored_vector"
        source = known_space(collection, given.vector_name, path)
        return [space for space in spaces if refusal(collection, source, space, path) is None]
    return [space for space in spaces if _answers(space, given)]


def _answers(space: VectorSpace, given: QueryInput) -> bool:
    """Whether ``space`` can be asked with ``given``, neither a stored vector nor composed."""
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


def _takes(space: VectorSpace) -> str:
    shape = (
        space.kind.value if space.dimension is None else f"{space.kind.value} of {space.dimension}"
    )
    return f"{space.name} {shape}"


def unanswerable(collection: Collection, path: str, what: str) -> WrongState:
    """The error for an input of a kind that can't be asked; ``what`` says of whom."""
    return WrongState(
        Reason.QUERY_UNANSWERABLE,
        f"{path}: {what} this kind of input",
        subject=f"collections/{collection.id}",
    )
