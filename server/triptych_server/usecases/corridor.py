"""The corridor that every search walks, whatever it is asked by.

plan → encode, each distinct input once → the legs, and the exact scores of the union of what they
find, in one call of the store → fusion → the winners' items. Each step can be called alone; the
one that asks for candidates takes several searches of one collection, and asks for them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from triptych_server.domain.collections import Collection
from triptych_server.domain.errors import InvalidInput, Reason, WrongState, violation
from triptych_server.domain.filters import Filter, PointIds
from triptych_server.domain.fusion import Fused, LegScores, Ranking, fuse
from triptych_server.domain.items import Item, Notice, WarningCode
from triptych_server.domain.limits import Limits
from triptych_server.domain.ports import UnionQuery, VectorStore
from triptych_server.domain.queries import (
    ComposedInput,
    ExamplesQuery,
    RankedQuery,
    SearchHit,
    SearchQuery,
)
from triptych_server.domain.questions import Nearest, Question, filled, members
from triptych_server.usecases.apart import apart
from triptych_server.usecases.asked_legs import AskedLeg, ExactLeg, asked_leg
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.example_legs import plan_example_legs
from triptych_server.usecases.filter_use import check_filter
from triptych_server.usecases.items import check_vector_names, to_item
from triptych_server.usecases.legs import LegPlan, plan_legs
from triptych_server.usecases.once import Once
from triptych_server.usecases.query_vectors import QueryVectors
from triptych_server.usecases.score_checks import check_scores
from triptych_server.usecases.workings import vector_scores

Candidates = tuple[tuple[str, ...], ...]
"""The ids that each leg brings in, leg by leg."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A search before anything is encoded: each of ``legs`` holds one plan for each input."""

    collection: Collection
    query: RankedQuery
    legs: tuple[Question[LegPlan], ...]
    notices: tuple[Notice, ...]

    @property
    def similarities(self) -> int:
        """How many similarities the store may be asked for: one of every candidate and input."""
        heads = [members(leg)[0] for leg in self.legs]
        inputs = sum(len(members(leg)) for leg in self.legs)
        return inputs * sum(head.candidate_count for head in heads)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A search that is ready to be asked: the legs that run, and the filter they run under.

    ``own_ids`` are the points given as input, which are no hits.
    """

    collection: Collection
    query: RankedQuery
    legs: tuple[AskedLeg, ...]
    filter: Filter
    own_ids: tuple[str, ...]
    notices: tuple[Notice, ...]


class Corridor:
    """The steps, in their order."""

    def __init__(
        self,
        store: VectorStore,
        encoders: EncoderSet,
        query_vectors: QueryVectors,
        limits: Limits,
    ) -> None:
        self._store = store
        self._encoders = encoders
        self._query_vectors = query_vectors
        self._limits = limits

    async def plan(self, query: RankedQuery) -> Plan:
        """Which legs there are, and what each is to be asked with.

        Raises NotFound, WrongState, InvalidInput, Unavailable.
        """
        collection = await self._store.get_collection(query.collection_id)
        check_vector_names(collection, query.fields)
        notices = check_filter(collection, query.filter)
        legs: tuple[Question[LegPlan], ...]
        if isinstance(query, SearchQuery):
            legs = tuple(map(Nearest, plan_legs(collection, query, self._limits)))
        elif isinstance(query, ExamplesQuery):
            legs = plan_example_legs(collection, query, self._limits)
        else:
            raise TypeError(f"no legs are known of {type(query)}")
        self._encoders.check(collection, [members(leg)[0].space for leg in legs])
        plan = Plan(collection, query, legs, notices)
        self.check_size([plan], "vectors")
        return plan

    def check_size(self, plans: Sequence[Plan], path: str) -> None:
        """Refuse what would keep the store busy for seconds. Raises InvalidInput."""
        total = sum(plan.similarities for plan in plans)
        if total > self._limits.max_similarities:
            found = violation(
                path,
                Reason.LIMIT_TOO_LARGE,
                "too many similarities in all: one for each input, leg and candidate",
                got=total,
                allowed=self._limits.max_similarities,
            )
            raise InvalidInput([found])

    async def encode(self, plan: Plan, once: Once | None = None) -> Course:
        """The legs with their vectors; one that lacks an input is left out, with a notice.

        ``once``, where several searches share it, encodes what they have in common once.

        Raises InvalidInput (pictures, vectors that do not fit, scores of unlike scales), NotFound
        (ITEM_NOT_FOUND), Exhausted, WrongState (QUERY_UNANSWERABLE).
        """
        collection, query = plan.collection, plan.query
        plans = tuple(one for leg in plan.legs for one in members(leg))
        encoded = await self._query_vectors.encode(
            collection, plans, once, bypass_cache=query.bypass_query_cache
        )
        by_plan = {id(one.plan): one for one in encoded.legs}
        legs = tuple(
            asked_leg(filled(leg, [by_plan[id(one)] for one in members(leg)]), self._limits)
            for leg in plan.legs
            if all(id(one) in by_plan for one in members(leg))
        )
        if not any(leg.plan.weight for leg in legs):
            raise _nothing_to_ask(plan, encoded.notices)
        check_scores(query, [members(leg)[0].weight for leg in plan.legs], legs)
        own = encoded.own_ids
        notices = (*encoded.notices, *plan.notices)
        return Course(collection, query, legs, _without(query.filter, own), own, notices)

    async def candidates(
        self, courses: Sequence[Course], *, also: tuple[str, ...] = ()
    ) -> list[tuple[Candidates, tuple[ExactLeg, ...]]]:
        """What each leg of each course brings in, and the exact score of all of that on every leg
        of its course; and of the points ``also``, whoever brought them in.

        All courses are of one collection. Raises NotFound, InvalidInput, Exhausted, Unavailable.
        """
        collection = courses[0].collection
        unions = [_union(course, also) for course in courses]
        answers = await self._store.query_unions(
            collection.id, unions, created=collection.create_time
        )
        found = []
        for course, answer in zip(courses, answers, strict=True):
            own = iter(answer.candidates)
            candidates = tuple(next(own) if leg.ask is not None else () for leg in course.legs)
            size = sum(map(len, answer.scores))
            exact = await apart(size, partial(_exact, course.legs, iter(answer.scores)))
            found.append((candidates, exact))
        return found

    async def hits(
        self, course: Course, exact: Sequence[ExactLeg], ranking: Ranking
    ) -> tuple[SearchHit, ...]:
        """The items of the page that is asked for, each with its working."""
        query = course.query
        # Part by part a similarity is told by the item's own vector.
        shared = any(
            isinstance(leg.question, Nearest) and isinstance(leg.plan.input, ComposedInput)
            for leg in course.legs
        )
        kept: list[tuple[Fused, Item]] = []
        rest = ranking.items[query.offset :]
        # An item deleted since the legs ran is no hit any more: the next best takes its place.
        while rest and len(kept) < query.limit:
            wanted = rest[: query.limit - len(kept)]
            rest = rest[len(wanted) :]
            points = await self._store.retrieve(
                course.collection.id,
                [f.id for f in wanted],
                vectors=shared or query.fields.wants_vectors,
            )
            items = {point.id: to_item(point) for point in points}
            kept += [(f, items[f.id]) for f in wanted if f.id in items]
        size = len(kept) * sum(len(leg.examples) for leg in course.legs)
        return await apart(size, partial(_shown, course, exact, ranking, kept))


async def ranked(course: Course, candidates: Candidates, exact: Sequence[ExactLeg]) -> Ranking:
    """The fused order of the candidates."""
    legs = [
        LegScores(leg.plan.weight, found, known.scores, leg.plan.score_threshold)
        for leg, found, known in zip(course.legs, candidates, exact, strict=True)
    ]
    size = sum(len(known.scores) for known in exact)
    query = course.query
    return await apart(size, partial(fuse, legs, query.fusion, threshold=query.score_threshold))


def _union(course: Course, also: tuple[str, ...]) -> UnionQuery:
    legs = tuple(query for leg in course.legs for query in leg.candidates(course.filter))
    exact = tuple(query for leg in course.legs for query in leg.completion())
    return UnionQuery(legs, exact, also)


def _exact(legs: Sequence[AskedLeg], scores: Iterator[Mapping[str, float]]) -> tuple[ExactLeg, ...]:
    return tuple(leg.exact([next(scores) for _ in leg.completion()]) for leg in legs)


def _shown(
    course: Course,
    exact: Sequence[ExactLeg],
    ranking: Ranking,
    kept: Sequence[tuple[Fused, Item]],
) -> tuple[SearchHit, ...]:
    hits = []
    for place, (fused, item) in enumerate(kept, start=course.query.offset + 1):
        scores = vector_scores(ranking.parts(fused.id), item, course.legs, exact)
        hits.append(SearchHit(item, place, fused.score, scores))
    return tuple(hits)


def _nothing_to_ask(plan: Plan, notices: Sequence[Notice]) -> WrongState:
    skipped = next(n for n in notices if n.code is WarningCode.LEG_SKIPPED)
    return WrongState(
        Reason.QUERY_UNANSWERABLE,
        f"{skipped.field}: {skipped.message}; every leg of a weight above 0 was skipped for such a "
        "reason",
        subject=f"collections/{plan.collection.id}",
    )


def _without(filter: Filter, ids: tuple[str, ...]) -> Filter:
    if not ids:
        return filter
    return replace(filter, must_not=(*filter.must_not, PointIds(ids)))
