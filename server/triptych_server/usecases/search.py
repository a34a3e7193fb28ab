"""A search: legs in one batch, completion of the union, fusion, and the winners' payloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from triptych_server.domain.collections import Collection, SpaceKind, VectorSpace
from triptych_server.domain.errors import InvalidInput, Reason, WrongState, clip, violation
from triptych_server.domain.filters import Filter, PointIds
from triptych_server.domain.fusion import Fused, LegScores, reciprocal_rank
from triptych_server.domain.items import Item
from triptych_server.domain.ports import LegQuery, VectorStore
from triptych_server.domain.queries import (
    ImageInput,
    InputKind,
    ItemIdInput,
    Leg,
    QueryInput,
    ScoreState,
    SearchHit,
    SearchQuery,
    SearchResult,
    TextInput,
    VectorInput,
    VectorScore,
)
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.usecases.check_vectors import misfit, vector_kind
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.filter_use import check_filter
from triptych_server.usecases.items import check_vector_names, to_item
from triptych_server.usecases.query_vectors import EncodedLeg, LegPlan, QueryVectors
from triptych_server.usecases.stopwatch import Stopwatch

# Enough that a hit of one leg is usually a candidate of the others too.
DEFAULT_CANDIDATES = 100

_KINDS: dict[type[QueryInput], InputKind] = {
    TextInput: InputKind.TEXT,
    ImageInput: InputKind.IMAGE,
    VectorInput: InputKind.VECTOR,
    ItemIdInput: InputKind.ITEM_ID,
}


class Search:
    """The use case of SearchService.Search."""

    def __init__(
        self, store: VectorStore, encoders: EncoderSet, query_vectors: QueryVectors
    ) -> None:
        self._store = store
        self._encoders = encoders
        self._query_vectors = query_vectors

    async def __call__(self, query: SearchQuery, watch: Stopwatch) -> SearchResult:
        """Raises NotFound, WrongState, InvalidInput, Exhausted, Unavailable."""
        collection = await self._store.get_collection(query.collection_id)
        check_vector_names(collection, query.fields)
        notices = check_filter(collection, query.filter)
        plans = plan_legs(collection, query)
        self._encoders.check(collection, [plan.space for plan in plans])
        with watch.stage("encode"):
            encoded = await self._query_vectors.encode(collection, plans)
        legs = encoded.legs
        if not any(leg.plan.weight for leg in legs):
            raise WrongState(
                Reason.QUERY_UNANSWERABLE,
                "input.item_id: the item has none of the vectors asked for, or only those of "
                "weight 0",
                subject=f"collections/{collection.id}",
            )
        filter = _without(query.filter, encoded.own_ids)
        with watch.stage("legs"):
            candidates = await self._candidates(collection, legs, filter)
        with watch.stage("complete"):
            scores = await self._complete(collection, legs, candidates)
        with watch.stage("fuse"):
            fused = reciprocal_rank(scores, query.k)
        with watch.stage("fetch"):
            hits = await self._hits(collection.id, query, legs, fused)
        return SearchResult(
            hits=hits,
            legs=tuple(_leg(leg, found) for leg, found in zip(legs, candidates, strict=True)),
            k=query.k,
            notices=(*encoded.notices, *notices),
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
            scores.append(LegScores(leg.plan.weight, found, similarities))
        return scores

    async def _hits(
        self,
        collection_id: str,
        query: SearchQuery,
        legs: Sequence[EncodedLeg],
        fused: Sequence[Fused],
    ) -> tuple[SearchHit, ...]:
        kept: list[tuple[Fused, Item]] = []
        rest = list(fused)
        # An item deleted since the legs ran is no hit any more: the next best takes its place.
        while rest and len(kept) < query.limit:
            wanted = rest[: query.limit - len(kept)]
            rest = rest[len(wanted) :]
            points = await self._store.retrieve(
                collection_id, [f.id for f in wanted], vectors=query.fields.wants_vectors
            )
            items = {point.id: to_item(point) for point in points}
            kept += [(f, items[f.id]) for f in wanted if f.id in items]
        return tuple(
            SearchHit(item, rank, f.score, _vector_scores(f, item, legs))
            for rank, (f, item) in enumerate(kept, start=1)
        )


def plan_legs(collection: Collection, query: SearchQuery) -> tuple[LegPlan, ...]:
    """The legs that run, in order: those asked for, or every space that can answer the input.

    Raises WrongState (VECTOR_NAME_UNKNOWN, QUERY_UNANSWERABLE), InvalidInput (QUERY_EMPTY).
    """
    default_count = max(DEFAULT_CANDIDATES, query.limit)
    if query.vectors:
        plans = []
        for wanted in query.vectors:
            space = _space(collection, wanted.vector_name, wanted.path)
            # A vector's fit is checked with its own, more exact errors when it is encoded.
            if not isinstance(wanted.input, VectorInput) and not _can_answer(space, wanted.input):
                raise _unanswerable(collection, wanted.input_path, f"{space.name!r} can't answer")
            count = wanted.candidate_count or default_count
            plans.append(LegPlan(space, wanted.input, wanted.weight, count, wanted.input_path))
        return tuple(plans)
    if query.input is None:
        raise InvalidInput([violation("input", Reason.QUERY_EMPTY, "is not set")])
    able = [space for space in collection.vector_spaces if _can_answer(space, query.input)]
    if not able and isinstance(query.input, VectorInput):
        raise WrongState(
            Reason.QUERY_UNANSWERABLE,
            f"input.vector: no vector space takes it (got {_shape(query.input.vector)})",
            subject=f"collections/{collection.id}",
        )
    if not able:
        raise _unanswerable(collection, "input", "no vector space can answer")
    if isinstance(query.input, VectorInput) and len(able) > 1:
        names = ", ".join(space.name for space in able)
        raise _unanswerable(collection, "input", f"vectors must say which of {names} is asked with")
    return tuple(LegPlan(space, query.input, 1.0, default_count, "input") for space in able)


def _space(collection: Collection, name: str, path: str) -> VectorSpace:
    space = collection.space(name)
    if space is None:
        known = ", ".join(s.name for s in collection.vector_spaces)
        raise WrongState(
            Reason.VECTOR_NAME_UNKNOWN,
            f"{path}.vector_name: no such vector space (got {clip(name)}, allowed {known})",
            subject=f"collections/{collection.id}",
        )
    return space


def _can_answer(space: VectorSpace, given: QueryInput) -> bool:
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


def _without(filter: Filter, ids: tuple[str, ...]) -> Filter:
    if not ids:
        return filter
    return replace(filter, must_not=(*filter.must_not, PointIds(ids)))


def _leg(leg: EncodedLeg, found: tuple[str, ...]) -> Leg:
    plan = leg.plan
    return Leg(
        vector_name=plan.space.name,
        input_kind=_KINDS[type(plan.input)],
        weight=plan.weight,
        candidate_count=plan.candidate_count,
        candidates_found=len(found),
        stamp=plan.space.stamp,
        tokens=leg.tokens,
    )


def _vector_scores(fused: Fused, item: Item, legs: Sequence[EncodedLeg]) -> tuple[VectorScore, ...]:
    scores = []
    for part, leg in zip(fused.parts, legs, strict=True):
        if part.similarity is not None:
            state = ScoreState.SCORED
        elif leg.plan.space.name in item.record.stamps:
            # The point has the vector and yet no similarity: only a sparse leg can say so.
            state = ScoreState.NO_SHARED_TERM
        else:
            state = ScoreState.NO_SUCH_VECTOR
        scores.append(VectorScore(state, part.similarity, part.rank, part.contribution))
    return tuple(scores)
