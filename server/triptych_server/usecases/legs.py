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
    if isinstance(wanted.input, ComposedInput):
        path = f"{wanted.input_path}.composed"
        apart = composed_refusal(collection, space, wanted.input, path, named=True)
        if apart is not None:
            raise apart.error
    elif isinstance(wanted.input, StoredVectorInput):
        path = f"{wanted.input_path}.stored_vector"
        source = known_space(collection, wanted.input.vector_name, path)
        refused = refusal(collection, source, space, path)
        if refused is not None:
            raise refused
    # A vector's fit is checked with its own, more exact errors when it is encoded.
    elif not isinstance(wanted.input, VectorInput) and not _answers(space, wanted.input):
        raise _unanswerable(collection, wanted.input_path, f"{space.name!r} can't answer")
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
    if isinstance(given, ComposedInput):
        able = _able_composed(collection, given)
    elif isinstance(given, StoredVectorInput):
        path = "input.stored_vector"
        source = known_space(collection, given.vector_name, path)
        spaces = collection.vector_spaces
        able = [space for space in spaces if refusal(collection, source, space, path) is None]
    else:
        able = [space for space in collection.vector_spaces if _answers(space, given)]
    if not able and isinstance(given, VectorInput):
        raise WrongState(
            Reason.QUERY_UNANSWERABLE,
            f"input.vector: no vector space takes it (got {_shape(given.vector)})",
            subject=f"collections/{collection.id}",
        )
    if not able:
        raise _unanswerable(collection, "input", "no vector space can answer")
    plain = [part.input for part in given.parts] if isinstance(given, ComposedInput) else [given]
    if len(able) > 1 and any(isinstance(one, VectorInput) for one in plain):
        names = ", ".join(space.name for space in able)
        raise _unanswerable(collection, "input", f"vectors must say which of {names} is asked with")
    total = len(able) * query.default_candidates
    if total > limits.max_total_candidates:
        found = violation(
            "offset",
            Reason.LIMIT_TOO_LARGE,
            f"{len(able)} legs would need too many candidates in all",
            got=total,
            allowed=limits.max_total_candidates,
        )
        raise InvalidInput([found])
    return tuple(
        LegPlan(space, given, space.default_weight, query.default_candidates, "input")
        for space in able
    )


def _able_composed(collection: Collection, given: ComposedInput) -> list[VectorSpace]:
    """The spaces that take every part; raises what the nearest to that refuses, where none does."""
    checked = [
        (space, composed_refusal(collection, space, given, "input.composed", named=False))
        for space in collection.vector_spaces
    ]
    able = [space for space, apart in checked if apart is None]
    if not able:
        raise max((a for _, a in checked if a is not None), key=lambda apart: apart.place).error
    return able


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


def _unanswerable(collection: Collection, path: str, what: str) -> WrongState:
    return WrongState(
        Reason.QUERY_UNANSWERABLE,
        f"{path}: {what} this kind of input",
        subject=f"collections/{collection.id}",
    )
