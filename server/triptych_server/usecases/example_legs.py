"""Which legs a query by examples has: those asked for, or the spaces that can answer them all."""

from __future__ import annotations

from triptych_server.domain.collections import Collection, SpaceKind, VectorSpace
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import ExamplesQuery, GivenInput, VectorWeight
from triptych_server.domain.questions import ByExamples, mapped_examples, members
from triptych_server.usecases.check_vectors import known_space
from triptych_server.usecases.legs import (
    LegPlan,
    able_spaces,
    brings_vector,
    check_answer,
    check_default_candidates,
    unanswerable,
)


def plan_example_legs(
    collection: Collection, query: ExamplesQuery, limits: Limits
) -> tuple[ByExamples[LegPlan], ...]:
    """The legs that run, in order: each holds a plan for each of its examples.

    Raises WrongState (VECTOR_NAME_UNKNOWN, QUERY_UNANSWERABLE, MODEL_MISMATCH), InvalidInput
    (LIMIT_TOO_LARGE).
    """
    if query.vectors:
        return tuple(_named(collection, wanted, query) for wanted in query.vectors)
    return _able(collection, query, limits)


def _named(
    collection: Collection, wanted: VectorWeight, query: ExamplesQuery
) -> ByExamples[LegPlan]:
    space = known_space(collection, wanted.vector_name, wanted.path)
    for given in members(query.question):
        check_answer(collection, space, given.input, given.path)
    return _leg(space, query, wanted)


def _able(
    collection: Collection, query: ExamplesQuery, limits: Limits
) -> tuple[ByExamples[LegPlan], ...]:
    able = list(collection.vector_spaces)
    for given in members(query.question):
        answering = able_spaces(collection, given.input, given.path)
        able = [space for space in able if space in answering]
        if not able:
            raise unanswerable(
                collection, given.path, "no vector space can answer all examples, with"
            )
    # Of most items a sparse space knows no term of any example: they are all alike to it, and its
    # places would be places by id. So it is asked where it is named, or is all there is.
    able = [space for space in able if space.kind is not SpaceKind.SPARSE] or able
    ready = [g for g in members(query.question) if brings_vector(g.input)]
    if ready and len(able) > 1:
        names = ", ".join(space.name for space in able)
        raise unanswerable(
            collection, ready[0].path, f"vectors must say which of {names} is asked with"
        )
    check_default_candidates(len(able), query, limits)
    return tuple(_leg(space, query, None) for space in able)


def _leg(
    space: VectorSpace, query: ExamplesQuery, wanted: VectorWeight | None
) -> ByExamples[LegPlan]:
    weight = space.default_weight
    count, path, threshold = query.default_candidates, "", None
    if wanted is not None:
        weight = weight if wanted.weight is None else wanted.weight
        count, path = wanted.candidate_count or count, wanted.path
        threshold = wanted.score_threshold

    def plan(given: GivenInput) -> LegPlan:
        return LegPlan(space, given.input, weight, count, given.path, path, threshold)

    return mapped_examples(query.question, plan)
