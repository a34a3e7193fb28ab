"""The embedded store: Qdrant Edge on a local folder, in a process of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

from triptych_server.domain.collections import Collection
from triptych_server.domain.errors import (
    Exhausted,
    Reason,
    TriptychError,
    clip,
    collection_not_found,
)
from triptych_server.domain.filters import EVERYTHING, Filter
from triptych_server.domain.optimization import Optimization
from triptych_server.domain.ports import (
    LegQuery,
    Page,
    Point,
    Scored,
    StoredPoint,
    StoreInfo,
    UnionQuery,
    UnionScores,
)
from triptych_server.domain.storage import STORE_DEFAULTS
from triptych_server.store import edge_protocol as ask
from triptych_server.store.edge_copy import MIN_FREE_BYTES
from triptych_server.store.edge_flusher import EdgeFlusher
from triptych_server.store.edge_optimizer import EdgeOptimizer
from triptych_server.store.edge_process import EngineNotStarted
from triptych_server.store.edge_protocol import Failed, FailureKind, Request
from triptych_server.store.edge_supervisor import EdgeSupervisor, RequestFailed
from triptych_server.store.edge_tuning import TUNING, Tuning
from triptych_server.store.errors import (
    StoreLocked,
    StoreRejected,
    StoreStartError,
    StoreUnreadable,
    collection_exists,
    embedded_cannot,
    field_unaddressable,
    name_invalid,
)
from triptych_server.store.unions import by_id
from triptych_server.store.write_gate import WriteGate

log = logging.getLogger(__name__)

_MANY_HITS = 10_000

Answer = TypeVar("Answer")


class EdgeStore:
    """``domain.ports.VectorStore`` on Qdrant Edge, the engine of the Qdrant server as a library.

    Process. The engine holds the interpreter lock through every call, so it runs in a child
    process, one operation at a time. When that ends, the calls it had fail with Unavailable
    (a write may have been applied, and sending it again is safe), it is started again at once,
    and the calls that were waiting go on after it.

    Durability. A write that returned survives the death of both processes, ``kill -9`` included.
    The engine's log is not synced for each write: the loss of power may cost what was written
    since the last flush. A flush comes ``flush_interval_s`` seconds after a write when nothing
    else is to be done, at the latest after five such intervals or ``flush_after_points`` points,
    and at ``close``. A flush also trims the engine's log.

    Search is exact, by the engine's own arithmetic and payload indexes, until a collection is
    optimized: a leg over 100,000 vectors of 512 numbers takes about 8 ms on one core. ``optimize``
    builds HNSW graphs in another process, on a copy, while this one goes on; see
    ``edge_optimizer``. What is written after it is compared exactly until the next one.

    Room. Points that are replaced reuse their place; those of deleted points stay on the disk.
    Writes are refused while the disk has less than ``min_free_bytes``, for the engine does not
    survive a full one.

    A method may be called from any task of the event loop that opened the store.
    """

    def __init__(
        self,
        folder: Path,
        *,
        flush_interval_s: float = 2.0,
        flush_after_points: int = 4096,
        min_free_bytes: int = MIN_FREE_BYTES,
        lock_wait_s: float = 2.0,
        start_wait_s: float = 60.0,
        restart_wait_s: float = 2.0,
        close_wait_s: float = 30.0,
        tuning: Tuning = TUNING,
        on_ready_change: Callable[[bool], None] = lambda ready: None,
    ) -> None:
        """A store on ``folder`` that is not open yet; ``open`` makes one that is.

        ``lock_wait_s``: how long a start waits for another process to let go of the folder.
        ``start_wait_s``: how long an engine may take to open every collection.
        ``restart_wait_s``: how long calls are held while the engine is started again.
        ``close_wait_s``: how long ``close`` waits for running calls and the last flush.
        ``tuning``: how collections are optimized.
        ``on_ready_change``: told True when an engine begins to answer, False when it has died.
        """
        self._folder = folder
        self._on_ready_change = on_ready_change
        self._engine = EdgeSupervisor(
            folder,
            lock_wait_s=lock_wait_s,
            min_free_bytes=min_free_bytes,
            start_wait_s=start_wait_s,
            restart_wait_s=restart_wait_s,
            close_wait_s=close_wait_s,
            on_ready=self._greet,
            on_ended=self._engine_ended,
        )
        self._gate = WriteGate()
        self._optimizer = EdgeOptimizer(
            self._engine, self._gate, folder, min_free_bytes=min_free_bytes, tuning=tuning
        )
        self._collections: dict[str, Collection] = {}
        self._engine_version = ""
        self._flusher = EdgeFlusher(
            self._engine, interval_s=flush_interval_s, after_points=flush_after_points
        )
        self._flushing: asyncio.Task[None] | None = None
        self._changes: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, folder: Path, *, on_ready_change: Callable[[bool], None] = lambda ready: None
    ) -> Self:
        """An open store on ``folder``, which is made where it is missing.

        Raises StoreLocked where another process works on the folder, StoreUnreadable where it or
        a collection in it cannot be opened, StoreStartError where the engine does not start.
        """
        store = cls(folder, on_ready_change=on_ready_change)
        await store.start()
        return store

    async def start(self) -> None:
        """Open the store; once, before anything else. Raises as ``open``."""
        try:
            await self._engine.start()
        except EngineNotStarted as error:
            log.error("the store does not start: %s", error)
            raise self._start_error(error.failed) from None
        self._flushing = asyncio.create_task(self._flusher.run())

    @property
    def engine_pid(self) -> int | None:
        """The process id of the engine, for people who look after it; None while it is down."""
        return self._engine.pid

    @property
    def optimizer_pid(self) -> int | None:
        """The process id of the running optimizer; None while nothing is optimized."""
        return self._optimizer.pid

    async def optimize(self, collection_id: str) -> Optimization:
        """Start building the index of a collection, or find it running; others wait their turn.

        Raises NotFound; Exhausted (OPTIMIZE_NEEDS_DISK); Unavailable.
        """
        collection = await self.get_collection(collection_id)
        return await self._optimizer.start(collection, await self.count(collection_id, EVERYTHING))

    def optimization(self, collection_id: str) -> Optimization | None:
        """What ``optimize`` has come to; None where it was not called since the start."""
        return self._optimizer.state(collection_id)

    async def create_collection(self, collection: Collection) -> None:
        """Make an empty collection with an index for every payload field.

        Raises AlreadyExists; Exhausted where the disk is nearly full; InvalidInput for an id or
        the name of a space that does not match ``[a-z0-9][a-z0-9_-]{0,62}``; WrongState for any
        setting of ``storage``.
        """
        if collection.storage != STORE_DEFAULTS:
            raise embedded_cannot(collection.storage)
        await self._to_its_end(self._create(collection))

    async def get_collection(self, collection_id: str) -> Collection:
        """Raises NotFound. Answered from memory, also while the engine is down."""
        try:
            return self._collections[collection_id]
        except KeyError:
            raise collection_not_found(collection_id) from None

    async def list_collections(self) -> tuple[Collection, ...]:
        """All collections, by id. Answered from memory, also while the engine is down."""
        return tuple(self._collections[id_] for id_ in sorted(self._collections))

    async def drop_collection(self, collection_id: str) -> None:
        """Remove the collection and everything in it. Raises NotFound."""
        await self._to_its_end(self._drop(collection_id))

    async def upsert(
        self, collection_id: str, points: Sequence[Point], *, created: datetime | None = None
    ) -> None:
        """Write points whole, all or none for up to 256 of them; longer calls go by 256.

        Raises NotFound; Exhausted where the disk is nearly full; Unavailable.
        """
        if points:
            request = ask.Upsert(collection_id, tuple(points), created)
            await self._write(request, collection_id, len(points))

    async def retrieve(
        self, collection_id: str, ids: Sequence[str], *, vectors: bool = False
    ) -> tuple[StoredPoint, ...]:
        """The points that exist among ``ids``, in that order. Raises NotFound (collection)."""
        return await self._ask(ask.Retrieve(collection_id, tuple(ids), vectors))

    async def delete(self, collection_id: str, ids: Sequence[str]) -> int:
        """Remove points by id; the count of those that were there."""
        return await self._write(ask.Delete(collection_id, tuple(ids)), collection_id, len(ids))

    async def delete_matching(self, collection_id: str, filter: Filter) -> int:
        """Remove the points that pass ``filter``; their count."""
        return await self._write(ask.DeleteMatching(collection_id, filter), collection_id, 1)

    async def count(self, collection_id: str, filter: Filter) -> int:
        """The exact count of points that pass ``filter``."""
        return await self._ask(ask.Count(collection_id, filter))

    async def passes(
        self, collection_id: str, point_id: str, filters: Sequence[Filter]
    ) -> tuple[bool, ...]:
        """Whether the point passes each filter; none, where it is not there."""
        return await self._ask(ask.Passes(collection_id, point_id, tuple(filters)))

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
        return await self._ask(ask.Scroll(collection_id, filter, limit, start_id, vectors))

    async def query(
        self, collection_id: str, legs: Sequence[LegQuery], *, created: datetime | None = None
    ) -> tuple[tuple[Scored, ...], ...]:
        """All legs in one batch; each answer sorted by (similarity descending, id).

        A leg of an optimized collection may go by the graph: see ``LegQuery``. Where equal
        similarities straddle a leg's limit, which of them enter is the engine's choice.
        """
        answers = await self._ask(ask.Query(collection_id, tuple(legs), created))
        if sum(map(len, answers)) < _MANY_HITS:
            return _scored(answers)
        # Tenths of a second for hundreds of thousands: other calls go on meanwhile.
        return await asyncio.to_thread(_scored, answers)

    async def query_unions(
        self, collection_id: str, unions: Sequence[UnionQuery], *, created: datetime | None = None
    ) -> tuple[UnionScores, ...]:
        """Several searches' candidates with all their scores, in one request to the engine."""
        answers = await self._ask(ask.QueryUnions(collection_id, tuple(unions), created))
        size = sum(len(row) for _, _, scores in answers for row in scores)
        if size < _MANY_HITS:
            return tuple(map(_union_scores, answers))
        return await asyncio.to_thread(lambda: tuple(map(_union_scores, answers)))

    async def info(self) -> StoreInfo:
        """Never raises; ``ready`` is False while the engine is down."""
        return StoreInfo("embedded", self._engine_version, self._engine.ready)

    async def close(self) -> None:
        """Answer what waits, make everything durable and let go of the folder."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        await self._optimizer.close()
        await self._engine.close()

    def _engine_ended(self) -> None:
        self._optimizer.engine_ended()
        self._on_ready_change(False)

    def _greet(self, greeting: ask.Ready) -> None:
        self._collections = {collection.id: collection for collection in greeting.collections}
        self._engine_version = greeting.engine_version
        self._on_ready_change(True)

    async def _create(self, collection: Collection) -> None:
        await self._ask(ask.CreateCollection(collection))
        self._collections[collection.id] = collection

    async def _drop(self, collection_id: str) -> None:
        with self._optimizer.kept_away(collection_id):
            await self._optimizer.forget(collection_id)
            await self._ask(ask.DropCollection(collection_id))
            self._collections.pop(collection_id, None)

    async def _to_its_end(self, change: Coroutine[None, None, None]) -> None:
        """Await a change of the catalogue; a caller that goes away does not cut it short, or the
        catalogue in memory would miss what the engine has done."""
        task = asyncio.create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        await asyncio.shield(task)

    async def _write(self, request: Request[Answer], collection_id: str, points: int) -> Answer:
        await self._gate.passed(collection_id)
        try:
            return await self._ask(request)
        finally:
            self._flusher.wrote(collection_id, points)

    async def _ask(self, request: Request[Answer]) -> Answer:
        try:
            return await self._engine.call(request)
        except RequestFailed as error:
            raise self._domain_error(request, error.failed) from None

    def _domain_error(self, request: object, failed: Failed) -> TriptychError:
        match failed.kind:
            case FailureKind.COLLECTION_MISSING:
                return collection_not_found(failed.name)
            case FailureKind.COLLECTION_EXISTS:
                return collection_exists(failed.name)
            case FailureKind.NAME_INVALID:
                return name_invalid(failed.name)
            case FailureKind.FIELD_INVALID:
                return field_unaddressable(failed.name)
            case FailureKind.DISK_FULL:
                return Exhausted(
                    Reason.STORE_FULL,
                    "the disk of the store is nearly full: nothing can be written to it",
                )
        log.error("the engine refused %s: %s", type(request).__name__, failed.text)
        return StoreRejected()

    def _start_error(self, failed: Failed) -> StoreStartError:
        match failed.kind:
            case FailureKind.LOCKED:
                return StoreLocked(folder=self._folder)
            case FailureKind.UNREADABLE:
                return StoreUnreadable(
                    f"collection {clip(failed.name)!r} cannot be read", place=self._folder
                )
        return StoreStartError("the store did not start; the log says why", place=self._folder)


def _scored(answers: Sequence[Sequence[tuple[str, float]]]) -> tuple[tuple[Scored, ...], ...]:
    return tuple(tuple(Scored(*hit) for hit in hits) for hits in answers)


def _union_scores(answer: ask.UnionAnswer) -> UnionScores:
    ids, found, scores = answer
    return UnionScores(
        tuple(tuple(ids[place] for place in places) for places in found),
        tuple(by_id(ids, row) for row in scores),
    )
