"""Says why an item stands where it stands in a search, by walking the same corridor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from triptych_server.domain import layout
from triptych_server.domain.collections import Collection
from triptych_server.domain.errors import item_not_found
from triptych_server.domain.explanation import (
    MOST_RANKED,
    Explanation,
    LegExplanation,
    Standing,
    Verdict,
    causes_of,
    leg_causes,
    standing_of,
)
from triptych_server.domain.filter_clauses import clauses
from triptych_server.domain.fusion import Ranking
from triptych_server.domain.items import Item
from triptych_server.domain.legs import LegQuery, Scored
from triptych_server.domain.ports import VectorStore
from triptych_server.domain.queries import RankedQuery, SearchHit, VectorScore
from triptych_server.usecases.corridor import Candidates, Corridor, Course, ranked
from triptych_server.usecases.items import to_item
from triptych_server.usecases.stopwatch import Stopwatch
from triptych_server.usecases.workings import shown_leg, vector_scores

# Of single precision, with room: what is as near as the item must not be cut off by its last bit.
_ROUNDING = 1e-6


class Explain:
    """The use case of SearchService.Explain."""

    def __init__(self, corridor: Corridor, store: VectorStore) -> None:
        self._corridor = corridor
        self._store = store

    async def __call__(self, query: RankedQuery, item_id: str, watch: Stopwatch) -> Explanation:
        """Raises NotFound (ITEM_NOT_FOUND for the item, too), and what a search raises."""
        plan = await self._corridor.plan(query)
        item = await self._item(plan.collection, item_id)
        with watch.stage("encode"):
            course = await self._corridor.encode(plan)
        with watch.stage("legs"):
            [(candidates, exact)] = await self._corridor.candidates([course], also=(item.point_id,))
        with watch.stage("fuse"):
            # The threshold cuts off the end of the ranking, where the item may be.
            whole = replace(course, query=replace(query, score_threshold=None))
            ranking = await ranked(whole, candidates, exact)
            scores = vector_scores(ranking.parts(item.point_id), item, course.legs, exact)
        with watch.stage("ranks"):
            standings = await self._standings(course, item)
        with watch.stage("filter"):
            verdicts = await self._verdicts(course, item)
        used = item.point_id in course.own_ids
        passes = all(verdict.passes for verdict in verdicts)
        own = candidates if passes and not used else None
        legs = _legs(course, own, ranking, item, scores, standings)
        hit = _hit(ranking, item, scores)
        least = query.score_threshold
        return Explanation(
            query=query,
            causes=causes_of(query, legs, hit, used_as_input=used, passes=passes),
            hit=hit,
            legs=legs,
            verdicts=verdicts,
            ranked_count=sum(least is None or found.score >= least for found in ranking.items),
            notices=course.notices,
        )

    async def _item(self, collection: Collection, item_id: str) -> Item:
        found = await self._store.retrieve(collection.id, [layout.point_id(item_id)], vectors=True)
        if not found:
            raise item_not_found(item_id, field="item_id")
        return to_item(found[0])

    async def _standings(self, course: Course, item: Item) -> list[Standing | None]:
        """Where the item stands on each leg by the engine's own scores, which are also those by
        which it finds candidates; None where it has none."""
        own = await self._own_scores(course, item)
        standings: list[Standing | None] = []
        # One at a time: the embedded engine does one thing at a time, and other searches should not
        # wait for all of it.
        for leg, scored in zip(course.legs, own, strict=True):
            if leg.ask is None or scored is None:
                standings.append(None)
                continue
            near = LegQuery(
                leg.plan.space.name,
                leg.ask,
                MOST_RANKED + 1,
                course.filter,
                exact=True,
                at_least=scored.similarity - _ROUNDING * max(1.0, abs(scored.similarity)),
            )
            [found] = await self._query(course, [near])
            standings.append(standing_of(scored, found))
        return standings

    async def _own_scores(self, course: Course, item: Item) -> list[Scored | None]:
        within = (item.point_id,)
        asked = [
            [] if leg.ask is None else [LegQuery(leg.plan.space.name, leg.ask, 1, within=within)]
            for leg in course.legs
        ]
        answers = iter(await self._query(course, [query for leg in asked for query in leg]))
        return [next((hit for _ in leg for hit in next(answers)), None) for leg in asked]

    async def _query(
        self, course: Course, legs: Sequence[LegQuery]
    ) -> tuple[tuple[Scored, ...], ...]:
        made = course.collection
        return await self._store.query(made.id, legs, created=made.create_time)

    async def _verdicts(self, course: Course, item: Item) -> tuple[Verdict, ...]:
        cut = clauses(course.query.filter)
        if not cut:
            return ()
        passed = await self._store.passes(
            course.collection.id, item.point_id, [clause.filter for clause in cut]
        )
        return tuple(map(Verdict, cut, passed))


def _legs(
    course: Course,
    candidates: Candidates | None,
    ranking: Ranking,
    item: Item,
    scores: Sequence[VectorScore],
    standings: Sequence[Standing | None],
) -> tuple[LegExplanation, ...]:
    """``candidates`` is None where the filter has left the item out: then its place says whether
    it would be one."""
    explained = []
    for place, (leg, score, standing) in enumerate(
        zip(course.legs, scores, standings, strict=True)
    ):
        if candidates is not None:
            is_candidate = item.point_id in candidates[place]
        else:
            rank = None if standing is None else standing.rank
            is_candidate = rank is not None and rank <= leg.plan.candidate_count
        shown = shown_leg(leg, ranking.found[place], ranking.bounds[place])
        explained.append(LegExplanation(shown, score, leg_causes(score, is_candidate), standing))
    return tuple(explained)


def _hit(ranking: Ranking, item: Item, scores: tuple[VectorScore, ...]) -> SearchHit | None:
    for place, fused in enumerate(ranking.items, start=1):
        if fused.id == item.point_id:
            return SearchHit(item, place, fused.score, scores)
    return None
