"""A search: legs in one batch, completion of the union, fusion, and the winners' payloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from triptych_server.domain.collections import Collection
from triptych_server.domain.errors import Reason, WrongState
from triptych_server.domain.filters import Filter, PointIds
from triptych_server.domain.fusion import Fused, LegPart, LegScores, Ranking, fuse
from triptych_server.domain.items import Item
from triptych_server.domain.limits import Limits
from triptych_server.domain.normalization import Bounds
from triptych_server.domain.ports import LegQuery, VectorStore
from triptych_server.domain.queries import (
    Leg,
    ScoreState,
    SearchHit,
    SearchQuery,
    SearchResult,
    VectorScore,
    kind_of,
)
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.filter_use import check_filter
from triptych_server.usecases.items import check_vector_names, to_item
from triptych_server.usecases.legs import plan_legs
from triptych_server.usecases.part_shares import part_shares
from triptych_server.usecases.query_vectors import EncodedLeg, QueryVectors
from triptych_server.usecases.score_checks import check_scores
from triptych_server.usecases.stopwatch import Stopwatch


class Search:
    """The use case of SearchService.Search."""

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

    async def __call__(self, query: SearchQuery, watch: Stopwatch) -> SearchResult:
        """Raises NotFound, WrongState, InvalidInput, Exhausted, Unavailable."""
        collection = await self._store.get_collection(query.collection_id)
        check_vector_names(collection, query.fields)
        notices = check_filter(collection, query.filter)
        plans = plan_legs(collection, query, self._limits)
        self._encoders.check(collection, [plan.space for plan in plans])
        with watch.stage("encode"):
            encoded = await self._query_vectors.encode(collection, plans)
        legs = encoded.legs
        if not any(leg.plan.weight for leg in legs):
            raise WrongState(
                Reason.QUERY_UNANSWERABLE,
                "input: every leg of a weight above 0 was skipped: an item given lacks its vector, "
                "or has several where one is taken",
                subject=f"collections/{collection.id}",
            )
        check_scores(query, plans, legs)
        filter = _without(query.filter, encoded.own_ids)
        with watch.stage("legs"):
            candidates = await self._candidates(collection, legs, filter)
        with watch.stage("complete"):
            scores = await self._complete(collection, legs, candidates)
        with watch.stage("fuse"):
            ranking = fuse(scores, query.fusion, threshold=query.score_threshold)
        with watch.stage("fetch"):
            hits = await self._hits(collection.id, query, legs, ranking)
        return SearchResult(
            hits=hits,
            legs=tuple(
                _leg(leg, found, bounds)
                for leg, found, bounds in zip(legs, ranking.found, ranking.bounds, strict=True)
            ),
            fusion=query.fusion,
            score_threshold=query.score_threshold,
            notices=(*encoded.notices, *notices),
            filter=query.filter,
        )

    async def _candidates(
        self, collection: Collection, legs: Sequence[EncodedLeg], filter: Filter
    ) -> list[tuple[str, ...]]:
        """Each leg's own nearest items."""
        asked = [
            LegQuery(leg.plan.space.name, leg.vector, leg.plan.candidate_count, filter)
            for leg in legs
            if leg.is_askable
        ]
        created = collection.create_time
        answers = iter(await self._store.query(collection.id, asked, created=created))
        return [
            tuple(scored.id for scored in next(answers)) if leg.is_askable else () for leg in legs
        ]

    async def _complete(
        self,
        collection: Collection,
        legs: Sequence[EncodedLeg],
        candidates: Sequence[tuple[str, ...]],
    ) -> list[LegScores]:
        """The exact similarity of every candidate of any leg, on every leg."""
        union = tuple(dict.fromkeys(item for found in candidates for item in found))
        asked = [
            LegQuery(leg.plan.space.name, leg.vector, len(union), within=union)
            for leg in legs
            if leg.is_askable
        ]
        created = collection.create_time
        answers = iter(await self._store.query(collection.id, asked, created=created))
        scores = []
        for leg, found in zip(legs, candidates, strict=True):
            exact = next(answers) if leg.is_askable else ()
            similarities = {scored.id: scored.similarity for scored in exact}
            plan = leg.plan
            scores.append(LegScores(plan.weight, found, similarities, plan.score_threshold))
        return scores

    async def _hits(
        self,
        collection_id: str,
        query: SearchQuery,
        legs: Sequence[EncodedLeg],
        ranking: Ranking,
    ) -> tuple[SearchHit, ...]:
        kept: list[tuple[Fused, Item]] = []
        rest = ranking.items[query.offset :]
        shared = any(leg.composition is not None for leg in legs)
        # An item deleted since the legs ran is no hit any more: the next best takes its place.
        while rest and len(kept) < query.limit:
            wanted = rest[: query.limit - len(kept)]
            rest = rest[len(wanted) :]
            points = await self._store.retrieve(
                collection_id,
                [f.id for f in wanted],
                vectors=shared or query.fields.wants_vectors,
            )
            items = {point.id: to_item(point) for point in points}
            kept += [(f, items[f.id]) for f in wanted if f.id in items]
        return tuple(
            SearchHit(item, rank, f.score, _vector_scores(ranking.parts(f.id), item, legs))
            for rank, (f, item) in enumerate(kept, start=query.offset + 1)
        )


def _without(filter: Filter, ids: tuple[str, ...]) -> Filter:
    if not ids:
        return filter
    return replace(filter, must_not=(*filter.must_not, PointIds(ids)))


def _leg(leg: EncodedLeg, found: int, bounds: Bounds | None) -> Leg:
    plan = leg.plan
    return Leg(
        vector_name=plan.space.name,
        input_kind=kind_of(plan.input),
        weight=plan.weight,
        candidate_count=plan.candidate_count,
        candidates_found=found,
        stamp=plan.space.stamp,
        tokens=leg.tokens,
        score_threshold=plan.score_threshold,
        bounds=bounds,
        parts=leg.parts,
    )


def _vector_scores(
    parts: Sequence[LegPart], item: Item, legs: Sequence[EncodedLeg]
) -> tuple[VectorScore, ...]:
    scores = []
    for part, leg in zip(parts, legs, strict=True):
        if part.below_threshold:
            state = ScoreState.BELOW_THRESHOLD
        elif part.similarity is not None:
            state = ScoreState.SCORED
        elif leg.plan.space.name in item.record.stamps:
            # The point has the vector and yet no similarity: only a sparse leg can say so.
            state = ScoreState.NO_SHARED_TERM
        else:
            state = ScoreState.NO_SUCH_VECTOR
        scores.append(
            VectorScore(
                state,
                part.similarity,
                part.rank,
                part.normalized,
                part.contribution,
                part_shares(leg, item, part.similarity),
            )
        )
    return tuple(scores)
