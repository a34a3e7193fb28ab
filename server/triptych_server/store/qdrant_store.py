"""The store on a Qdrant server or cluster, over gRPC."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Self, TypeVar

from qdrant_client import AsyncQdrantClient, models

from triptych_server.domain.collections import Collection
from triptych_server.domain.errors import Reason, Unavailable, clip, collection_not_found
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import LegQuery, Scored, UnionQuery, UnionScores
from triptych_server.domain.ports import Page, Point, StoredPoint, StoreInfo
from triptych_server.store import qdrant_queries as queries
from triptych_server.store.errors import StoreRejected, StoreUnsuitable
from triptych_server.store.qdrant_catalogue import QdrantCatalogue
from triptych_server.store.qdrant_errors import LONGEST_CALL_S, Call, KeyRefused, QdrantLine, fence
from triptych_server.store.qdrant_filter import qdrant_filter
from triptych_server.store.qdrant_mapping import (
    qdrant_point,
    stored_point,
)
from triptych_server.store.qdrant_version import EXACT_IDF_SERVER, OLDEST_SERVER, numbers, written
from triptych_server.store.qdrant_watch import QdrantWatch

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

MAX_POINTS_PER_OPERATION = 256
_START_PATIENCE_S = 5.0

_CHANNEL_OPTIONS = {
    # After an outage the channel is back within a second, and not only in half a minute; also
    # where the server has come back under another address.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 1000,
    "grpc.dns_min_time_between_resolutions_ms": 1000,
    # How long one attempt to connect may take.
    "grpc.min_reconnect_backoff_ms": 5000,
    # A peer that is gone without a word is noticed.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 1,
}


class QdrantStore:
    """``domain.ports.VectorStore`` on a Qdrant server.

    Reachability. The server is looked at all the time. While it does not answer, calls fail with
    Unavailable at once, and ``info`` says that it is not ready; it need not be there at the start.

    Durability. A write is answered when the server has carried it out on every replica that is
    alive, in one order on all of them. Up to 256 points are one operation, all or none on a
    collection of one shard; over several shards a write that failed may have been applied to some
    points, each of them whole.

    ``created``. A write looks at the collection right before it is sent, a read trusts what it saw
    a second ago at most. The look and the write are two requests: a collection that another
    service drops and makes anew between them would get the points.

    Exactness. Legs over a choice of points are exact, and no quantized vector takes part in them.
    Other legs find their candidates through the server's index where it has one. Counts are exact.
    Servers before 1.19 count points that were deleted or replaced in the IDF until they have
    cleaned up, and every server counts the IDF in each shard for itself.

    Time. A call ends with that of its own caller (its cancellation travels to the server), and
    after a minute at the latest.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: bool = False,
        api_key: str | None = None,
        prefix: str = "",
        on_ready_change: Callable[[bool], None] = lambda ready: None,
    ) -> None:
        """A store that is not open yet; ``open`` makes one that is.

        ``prefix`` stands before the names of its collections in Qdrant, with a dot between.
        ``on_ready_change`` is told the readiness at the start and whenever it changes.
        """
        self._place = f"{'qdrants' if tls else 'qdrant'}://{host}:{port}"
        if api_key and not tls:
            log.warning("the API key goes to %s unencrypted; qdrants:// uses TLS", self._place)
        self._client = AsyncQdrantClient(
            host=host,
            grpc_port=port,
            prefer_grpc=True,
            https=tls,
            # As a header: given as a key the client would warn of what has just been said.
            headers={"api-key": api_key} if api_key else None,
            timeout=LONGEST_CALL_S,
            grpc_options=dict(_CHANNEL_OPTIONS),
            pool_size=1,
            check_compatibility=False,
        )
        self._line = QdrantLine(lambda: self._watch.suspect())
        self._catalogue = QdrantCatalogue(self._client, self._line, prefix)
        self._on_ready_change = on_ready_change
        self._watch = QdrantWatch(self._probe, self._tell, place=self._place)

    @classmethod
    async def open(
        cls,
        *,
        host: str,
        port: int,
        tls: bool = False,
        api_key: str | None = None,
        prefix: str = "",
        on_ready_change: Callable[[bool], None] = lambda ready: None,
    ) -> Self:
        """An open store; a server that does not answer within seconds is looked for further.

        Raises StoreUnsuitable where the server is too old or refuses the key.
        """
        store = cls(
            host=host,
            port=port,
            tls=tls,
            api_key=api_key,
            prefix=prefix,
            on_ready_change=on_ready_change,
        )
        try:
            await store._watch.start(_START_PATIENCE_S)
        except BaseException:
            await store.close()
            raise
        return store

    async def create_collection(self, collection: Collection) -> None:
        """Make an empty collection with an index for every payload field.

        Raises AlreadyExists, also where the name is somebody else's; WrongState
        (STORAGE_UNSUPPORTED) for more replicas than the cluster has peers; InvalidInput for an id
        or the name of a space that does not match ``[a-z0-9][a-z0-9_-]{0,62}``.
        """
        self._require()
        await self._catalogue.create(collection)

    async def get_collection(self, collection_id: str) -> Collection:
        """Raises NotFound."""
        self._require()
        return await self._catalogue.get(collection_id)

    async def list_collections(self) -> tuple[Collection, ...]:
        """All collections of this service, by id."""
        self._require()
        return await self._catalogue.all()

    async def drop_collection(self, collection_id: str) -> None:
        """Remove the collection and everything in it. Raises NotFound."""
        self._require()
        await self._catalogue.drop(collection_id)

    async def upsert(
        self, collection_id: str, points: Sequence[Point], *, created: datetime | None = None
    ) -> None:
        """Write points whole, all or none for up to 256 of them; longer calls go by 256.

        Raises NotFound; Exhausted where the disk is nearly full or the rate limit is reached;
        Unavailable.
        """
        collection = await self._the_one(collection_id, created, fresh=True)
        with fence("upsert"):
            made = [qdrant_point(collection, point) for point in points]
        name = self._catalogue.name(collection_id)
        for start in range(0, len(made), MAX_POINTS_PER_OPERATION):
            batch = made[start : start + MAX_POINTS_PER_OPERATION]
            call = Call("upsert", collection_id, writes=True)
            ordering = self._catalogue.ordering(collection_id)
            writing = self._client.upsert(name, batch, wait=True, ordering=ordering)
            await self._line.write(call, writing)

    async def retrieve(
        self, collection_id: str, ids: Sequence[str], *, vectors: bool = False
    ) -> tuple[StoredPoint, ...]:
        """The points that exist among ``ids``, in that order. Raises NotFound (collection)."""
        await self._the_one(collection_id, None)
        if not ids:
            return ()
        reading = self._client.retrieve(
            self._catalogue.name(collection_id),
            list(dict.fromkeys(ids)),
            with_payload=True,
            with_vectors=vectors,
        )
        records = await self._line.ask(Call("retrieve", collection_id), reading)
        found = {point.id: point for point in map(stored_point, records)}
        return tuple(found[id_] for id_ in ids if id_ in found)

    async def delete(self, collection_id: str, ids: Sequence[str]) -> int:
        """Remove points by id; the count of those that were there just before."""
        await self._the_one(collection_id, None, fresh=True)
        name = self._catalogue.name(collection_id)
        looking = self._client.retrieve(
            name, list(dict.fromkeys(ids)), with_payload=False, with_vectors=False
        )
        present = [p.id for p in await self._line.ask(Call("delete", collection_id), looking)]
        if present:
            selector = models.PointIdsList(points=present)
            await self._remove(collection_id, selector)
        return len(present)

    async def delete_matching(self, collection_id: str, filter: Filter) -> int:
        """Remove the points that pass ``filter``; the count of those that did just before."""
        await self._the_one(collection_id, None, fresh=True)
        count = await self.count(collection_id, filter)
        if count:
            collection = await self._the_one(collection_id, None)
            with fence("delete_matching"):
                compiled = qdrant_filter(collection, filter)
                selector = models.FilterSelector(filter=compiled or models.Filter())
            await self._remove(collection_id, selector)
        return count

    async def count(self, collection_id: str, filter: Filter) -> int:
        """The exact count of points that pass ``filter``."""
        collection = await self._the_one(collection_id, None)
        with fence("count"):
            compiled = qdrant_filter(collection, filter)
        counting = self._client.count(self._catalogue.name(collection_id), compiled, exact=True)
        return (await self._line.ask(Call("count", collection_id), counting)).count

    async def passes(
        self, collection_id: str, point_id: str, filters: Sequence[Filter]
    ) -> tuple[bool, ...]:
        """Whether the point passes each filter; none, where it is not there."""
        return await self._queried(
            collection_id,
            None,
            lambda send, made, name: queries.answer_passes(send, made, name, point_id, filters),
        )

    async def scroll(
        self,
        collection_id: str,
        filter: Filter,
        *,
        limit: int,
        start_id: str | None,
        vectors: bool = False,
    ) -> Page:
        """Points in the order of their ids, from ``start_id`` (inclusive) on."""
        collection = await self._the_one(collection_id, None)
        with fence("scroll"):
            compiled = qdrant_filter(collection, filter)
        reading = self._client.scroll(
            self._catalogue.name(collection_id),
            compiled,
            limit=limit,
            offset=start_id,
            with_payload=True,
            with_vectors=vectors,
        )
        records, next_id = await self._line.ask(Call("scroll", collection_id), reading)
        return Page(
            tuple(stored_point(record) for record in records),
            None if next_id is None else str(next_id),
        )

    async def query(
        self, collection_id: str, legs: Sequence[LegQuery], *, created: datetime | None = None
    ) -> tuple[tuple[Scored, ...], ...]:
        """All legs in one batch; each answer sorted by (similarity descending, id).

        Where equal similarities straddle a leg's limit, which of them enter is the server's
        choice.
        """
        return await self._queried(
            collection_id,
            created,
            lambda send, made, name: queries.answer_legs(send, made, name, legs),
        )

    async def query_unions(
        self, collection_id: str, unions: Sequence[UnionQuery], *, created: datetime | None = None
    ) -> tuple[UnionScores, ...]:
        """Several searches' candidates with all their scores, in two requests at most."""
        return await self._queried(
            collection_id,
            created,
            lambda send, made, name: queries.answer_unions(send, made, name, unions),
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
        """``retrieve`` and ``query``, side by side."""
        if not legs:
            return await self.retrieve(collection_id, ids, vectors=vectors), ()
        querying = asyncio.create_task(self.query(collection_id, legs, created=created))
        try:
            points = await self.retrieve(collection_id, ids, vectors=vectors)
            return points, await querying
        finally:
            querying.cancel()

    async def info(self) -> StoreInfo:
        """Never raises; ``ready`` is False while the server does not answer."""
        return StoreInfo("qdrant", self._watch.version, self._watch.ready)

    async def close(self) -> None:
        """Let go of the server."""
        self._line.close()
        await self._watch.close()
        await self._client.close()

    async def _queried(
        self,
        collection_id: str,
        created: datetime | None,
        answer: Callable[[queries.Send, Collection, str], Awaitable[Answer]],
    ) -> Answer:
        collection = await self._the_one(collection_id, created)
        name = self._catalogue.name(collection_id)
        send = queries.sender(self._client, self._line, collection_id, name)
        try:
            return await answer(send, collection, name)
        except StoreRejected:
            # Made anew with other spaces since it was looked at?
            await self._the_one(collection_id, collection.create_time, fresh=True)
            raise

    def _tell(self, ready: bool) -> None:
        if ready and numbers(self._watch.version) < EXACT_IDF_SERVER:
            log.warning(
                "Qdrant %s counts deleted and replaced items in the IDF of terms until it has "
                "cleaned up; Qdrant %s and newer do not",
                self._watch.version,
                written(EXACT_IDF_SERVER),
            )
        self._on_ready_change(ready)

    def _require(self) -> None:
        """Refuse everything while the server is one that must not be worked on."""
        if self._watch.unsuitable is not None:
            raise Unavailable(
                Reason.STORE_UNAVAILABLE,
                "the vector store is none that this service can work on; its log says why",
                retry_after_s=5.0,
            )

    async def _the_one(
        self, collection_id: str, created: datetime | None, *, fresh: bool = False
    ) -> Collection:
        self._require()
        collection = await self._catalogue.get(collection_id, fresh=fresh)
        if created is not None and collection.create_time != created:
            raise collection_not_found(collection_id)
        return collection

    async def _remove(self, collection_id: str, selector: models.PointsSelector) -> None:
        name = self._catalogue.name(collection_id)
        ordering = self._catalogue.ordering(collection_id)
        removing = self._client.delete(name, selector, wait=True, ordering=ordering)
        await self._line.write(Call("delete", collection_id, writes=True), removing)

    async def _probe(self) -> str:
        """The server's version, once it answers and accepts the key. Raises StoreUnsuitable."""
        version = (await self._line.ask(Call("version", is_look=True), self._client.info())).version
        if numbers(version) < OLDEST_SERVER:
            oldest = written(OLDEST_SERVER)
            raise StoreUnsuitable(
                f"Qdrant is too old (got {clip(version)}, allowed {oldest} or newer)",
                place=self._place,
            )
        try:
            # The version is told to everybody; this needs the key.
            await self._line.ask(Call("probe", is_look=True), self._client.get_collections())
        except KeyRefused:
            raise StoreUnsuitable(
                "Qdrant does not accept the API key, or wants one", place=self._place
            ) from None
        return version
