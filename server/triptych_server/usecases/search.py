"""Searches of every kind, one at a time or several together."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from triptych_server.domain.errors import TriptychError, Unavailable
from triptych_server.domain.fusion import Ranking
from triptych_server.domain.queries import RankedQuery, SearchResult
from triptych_server.usecases.asked_legs import ExactLeg
from triptych_server.usecases.corridor import Candidates, Corridor, Course, Plan, ranked
from triptych_server.usecases.once import Once
from triptych_server.usecases.stopwatch import Stopwatch
from triptych_server.usecases.together import together
from triptych_server.usecases.workings import shown_leg

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """A search that the store has answered."""

    course: Course
    candidates: Candidates
    exact: tuple[ExactLeg, ...]


class Search:
    """The use case of SearchService: Search, Recommend, Discover and ContextSearch."""

    def __init__(self, corridor: Corridor) -> None:
        self._corridor = corridor

    async def __call__(self, query: RankedQuery, watch: Stopwatch) -> SearchResult:
        """Raises NotFound, WrongState, InvalidInput, Exhausted, Unavailable."""
        plan = await self._corridor.plan(query)
        with watch.stage("encode"):
            course = await self._corridor.encode(plan)
        with watch.stage("legs"):
            [(candidates, exact)] = await self._corridor.candidates([course])
        with watch.stage("fuse"):
            ranking = await ranked(course, candidates, exact)
        with watch.stage("fetch"):
            return await self._result(course, exact, ranking)

    async def batch(
        self, queries: Sequence[RankedQuery | TriptychError], watch: Stopwatch
    ) -> list[SearchResult | TriptychError]:
        """One result or one error for each query; for an error given as one, that itself.

        Equal inputs are encoded once, and the legs of one collection asked together.

        Raises InvalidInput (LIMIT_TOO_LARGE) where all together need too many similarities.
        """
        plans = await _all(queries, self._corridor.plan)
        self._corridor.check_size([p for p in plans if isinstance(p, Plan)], "searches")
        async with Once() as once:
            with watch.stage("encode"):
                courses = await _all(plans, lambda plan: self._corridor.encode(plan, once))
        with watch.stage("legs"):
            scored = await self._scored(courses)
        with watch.stage("fetch"):
            return await _all(scored, self._ranked)

    async def _scored(
        self, courses: Sequence[Course | TriptychError]
    ) -> list[_Scored | TriptychError]:
        """The courses of each collection together, the collections side by side."""
        groups: dict[tuple[str, datetime], list[Course]] = {}
        for course in courses:
            if isinstance(course, Course):
                made = course.collection
                groups.setdefault((made.id, made.create_time), []).append(course)
        answers = await together(self._group(group) for group in groups.values())
        by_course = {
            id(course): scored
            for group, answered in zip(groups.values(), answers, strict=True)
            for course, scored in zip(group, answered, strict=True)
        }
        return [by_course[id(c)] if isinstance(c, Course) else c for c in courses]

    async def _group(self, courses: list[Course]) -> list[_Scored | TriptychError]:
        try:
            found = await self._corridor.candidates(courses)
        except TriptychError as error:
            if len(courses) == 1 or isinstance(error, Unavailable):
                return [error] * len(courses)
            # One that the store refuses must not take the others with it.
            return [(await self._group([course]))[0] for course in courses]
        return [_Scored(course, *made) for course, made in zip(courses, found, strict=True)]

    async def _ranked(self, scored: _Scored) -> SearchResult:
        ranking = await ranked(scored.course, scored.candidates, scored.exact)
        return await self._result(scored.course, scored.exact, ranking)

    async def _result(
        self, course: Course, exact: tuple[ExactLeg, ...], ranking: Ranking
    ) -> SearchResult:
        hits = await self._corridor.hits(course, exact, ranking)
        query = course.query
        return SearchResult(
            hits=hits,
            legs=tuple(
                shown_leg(leg, found, bounds)
                for leg, found, bounds in zip(
                    course.legs, ranking.found, ranking.bounds, strict=True
                )
            ),
            fusion=query.fusion,
            score_threshold=query.score_threshold,
            notices=course.notices,
            filter=query.filter,
        )


async def _all(
    given: Sequence[S | TriptychError], step: Callable[[S], Coroutine[Any, Any, T]]
) -> list[T | TriptychError]:
    """A step for all that have come so far, side by side; an error stays in its place."""

    async def one(value: S | TriptychError) -> T | TriptychError:
        if isinstance(value, TriptychError):
            return value
        try:
            return await step(value)
        except TriptychError as error:
            return error

    return await together(one(value) for value in given)
