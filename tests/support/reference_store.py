"""The reference of the store's contract: the in-memory mode of Qdrant's own Python client.

It computes everything in plain numpy and shares no code with the embedded engine, but the mapping
of requests and answers with the adapter of the Qdrant server. It is for tests alone: it keeps
nothing, blocks the event loop and ignores payload indexes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version

from qdrant_client import AsyncQdrantClient, models

from tests.support.reference_filters import reference_filter
from triptych_server.domain.collections import Collection
from triptych_server.domain.errors import collection_not_found
from triptych_server.domain.filters import EVERYTHING, Filter
from triptych_server.domain.legs import LegQuery, Scored, UnionQuery, UnionScores
from triptych_server.domain.ports import Page, Point, StoredPoint, StoreInfo
from triptych_server.store.errors import collection_exists
from triptych_server.store.qdrant_mapping import (
    qdrant_point,
    qdrant_query,
    stored_point,
    vectors_config,
)


class ReferenceStore:
    """``domain.ports.VectorStore`` in memory."""

    def __init__(self) -> None:
        self._client = AsyncQdrantClient(":memory:")
        self._collections: dict[str, Collection] = {}

    async def create_collection(self, collection: Collection) -> None:
        if collection.id in self._collections:
            raise collection_exists(collection.id)
        vectors = vectors_config(collection)
        await self._client.create_collection(
            collection.id, vectors_config=vectors.dense, sparse_vectors_config=vectors.sparse
        )
        self._collections[collection.id] = collection

    async def get_collection(self, collection_id: str) -> Collection:
        try:
            return self._collections[collection_id]
        except KeyError:
            raise collection_not_found(collection_id) from None

    async def list_collections(self) -> tuple[Collection, ...]:
        return tuple(self._collections[id_] for id_ in sorted(self._collections))

    async def drop_collection(self, collection_id: str) -> None:
        await self.get_collection(collection_id)
        await self._client.delete_collection(collection_id)
        del self._collections[collection_id]

    async def upsert(
        self, collection_id: str, points: Sequence[Point], *, created: datetime | None = None
    ) -> None:
        collection = await self._the_one(collection_id, created)
        if points:
            await self._client.upsert(
                collection_id, [qdrant_point(collection, point) for point in points]
            )

    async def retrieve(
        self, collection_id: str, ids: Sequence[str], *, vectors: bool = False
    ) -> tuple[StoredPoint, ...]:
        await self.get_collection(collection_id)
        records = await self._client.retrieve(
            collection_id, list(dict.fromkeys(ids)), with_payload=True, with_vectors=vectors
        )
        found = {point.id: point for point in map(stored_point, records)}
        return tuple(found[id_] for id_ in ids if id_ in found)

    async def delete(self, collection_id: str, ids: Sequence[str]) -> int:
        present = {point.id for point in await self.retrieve(collection_id, ids)}
        if present:
            await self._client.delete(collection_id, models.PointIdsList(points=list(present)))
        return len(present)

    async def delete_matching(self, collection_id: str, filter: Filter) -> int:
        count = await self.count(collection_id, filter)
        selector = models.FilterSelector(filter=reference_filter(filter) or models.Filter())
        await self._client.delete(collection_id, selector)
        return count

    async def count(self, collection_id: str, filter: Filter) -> int:
        await self.get_collection(collection_id)
        answer = await self._client.count(collection_id, reference_filter(filter), exact=True)
        return answer.count

    async def passes(
        self, collection_id: str, point_id: str, filters: Sequence[Filter]
    ) -> tuple[bool, ...]:
        await self.get_collection(collection_id)
        verdicts = []
        for filter in filters:
            within = reference_filter(filter, (point_id,))
            verdicts.append((await self._client.count(collection_id, within, exact=True)).count > 0)
        return tuple(verdicts)

    async def scroll(
        self,
        collection_id: str,
        filter: Filter,
        *,
        limit: int,
        start_id: str | None,
        vectors: bool = False,
    ) -> Page:
        await self.get_collection(collection_id)
        records, next_id = await self._client.scroll(
            collection_id,
            reference_filter(filter),
            limit=limit,
            offset=start_id,
            with_payload=True,
            with_vectors=vectors,
        )
        return Page(
            tuple(stored_point(record) for record in records),
            None if next_id is None else str(next_id),
        )

    async def query(
        self, collection_id: str, legs: Sequence[LegQuery], *, created: datetime | None = None
    ) -> tuple[tuple[Scored, ...], ...]:
        collection = await self._the_one(collection_id, created)
        answers: list[tuple[Scored, ...]] = []
        for leg in legs:
            if leg.within is not None and not leg.within:
                answers.append(())
                continue
            # Its filters are its own: a server refuses some that it can answer.
            request = qdrant_query(collection, replace(leg, filter=EVERYTHING))
            # Without the search parameters: it is exact in any case, and warns of them.
            response = await self._client.query_points(
                collection_id,
                query=request.query,
                using=request.using,
                limit=request.limit or 0,
                query_filter=reference_filter(leg.filter, leg.within),
                with_payload=False,
                score_threshold=leg.at_least,
            )
            hits = [Scored(str(hit.id), hit.score) for hit in response.points]
            answers.append(tuple(sorted(hits, key=lambda hit: (-hit.similarity, hit.id))))
        return tuple(answers)

    async def query_unions(
        self, collection_id: str, unions: Sequence[UnionQuery], *, created: datetime | None = None
    ) -> tuple[UnionScores, ...]:
        legs = [leg for union in unions for leg in union.legs]
        found = iter(await self.query(collection_id, legs, created=created))
        candidates = [[next(found) for _ in union.legs] for union in unions]
        completing = []
        for union, own in zip(unions, candidates, strict=True):
            found_ids = {hit.id for hits in own for hit in hits}
            within = tuple(sorted(found_ids | set(union.also)))
            completing += [
                LegQuery(exact.vector_name, exact.ask, len(within), within=within)
                for exact in union.exact
            ]
        scored = iter(await self.query(collection_id, completing, created=created))
        return tuple(
            UnionScores(
                tuple(tuple(hit.id for hit in hits) for hits in own),
                tuple({hit.id: hit.similarity for hit in next(scored)} for _ in union.exact),
            )
            for union, own in zip(unions, candidates, strict=True)
        )

    async def fetch(
        self,
        collection_id: str,
        ids: Sequence[str],
        legs: Sequence[LegQuery],
        *,
        vectors: bool = False,
        created: datetime | None = None,
    ) -> tuple[tuple[StoredPoint, ...], tuple[tuple[Scored, ...], ...]]:
        points = await self.retrieve(collection_id, ids, vectors=vectors)
        return points, await self.query(collection_id, legs, created=created)

    async def info(self) -> StoreInfo:
        return StoreInfo("reference", version("qdrant-client"), ready=True)

    async def close(self) -> None:
        await self._client.close()

    async def _the_one(self, collection_id: str, created: datetime | None) -> Collection:
        collection = await self.get_collection(collection_id)
        if created is not None and collection.create_time != created:
            raise collection_not_found(collection_id)
        return collection
