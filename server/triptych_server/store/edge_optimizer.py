"""Optimizes collections of the embedded store while they are searched and written to.

A second process builds the index on a copy; see ``edge_optimize_child`` for what it does and
``catalogue`` for how the copy takes the place of the live shard. Until that moment the live shard
has everything, so whatever ends early, and wherever, leaves it as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from triptych_server.domain.collections import Collection, SpaceKind
from triptych_server.domain.errors import Exhausted, Unavailable, collection_not_found
from triptych_server.domain.optimization import Optimization, OptimizationState
from triptych_server.store import edge_protocol as ask
from triptych_server.store.catalogue import Catalogue
from triptych_server.store.edge_copy import bytes_to_optimize, free_bytes
from triptych_server.store.edge_optimize_process import OptimizeProcess
from triptych_server.store.edge_protocol import Optimized, Step
from triptych_server.store.edge_supervisor import EdgeSupervisor, RequestFailed
from triptych_server.store.edge_tuning import Tuning
from triptych_server.store.errors import optimize_needs_disk
from triptych_server.store.write_gate import WriteGate

log = logging.getLogger(__name__)

# For people who wait, in the order in which they come.
WAITS = "waits for the optimization of another collection"
STARTING = "starting"
COPYING = "copying the files; writes wait"
BUILDING = "building the index"
CATCHING_UP = "applying what was written meanwhile"
CHANGING = "changing over; writes wait"

_STORE_ENDED = "the store's process ended meanwhile; start it again"
_LOG_LOST = "what was written meanwhile could not be kept track of; start it again"
_FAILED = "it failed, and the collection is as it was; the log of the server says why"


class _LogLost(Exception):
    """Writes since the copying are not known, and the copy is of no use."""


class EdgeOptimizer:
    """One optimization at a time, each in a process of its own; others wait for their turn.

    ``gate`` holds back writes while files are copied and while the copy takes over. ``root`` is
    the folder of the store.
    """

    def __init__(
        self,
        engine: EdgeSupervisor,
        gate: WriteGate,
        root: Path,
        *,
        min_free_bytes: int,
        tuning: Tuning,
    ) -> None:
        self._engine = engine
        self._gate = gate
        self._root = root
        self._catalogue = Catalogue(root)
        self._min_free_bytes = min_free_bytes
        self._tuning = tuning
        self._states: dict[str, Optimization] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()
        self._kept_away: set[str] = set()
        self._process: OptimizeProcess | None = None
        self._stopped_by_engine = False

    def state(self, collection_id: str) -> Optimization | None:
        """The optimization that waits or runs, else the last one; None where there was none."""
        return self._states.get(collection_id)

    @property
    def pid(self) -> int | None:
        """The process id of the running optimizer; None while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self, collection: Collection, points: int) -> Optimization:
        """Start the optimization of a collection of so many points, or find it running.

        Raises Exhausted (OPTIMIZE_NEEDS_DISK); NotFound for one that is being dropped.
        """
        known = self._states.get(collection.id)
        if known is not None and not known.state.has_ended:
            return known
        if collection.id in self._kept_away:
            raise collection_not_found(collection.id)
        self._need_disk(collection, points)
        begun = Optimization(OptimizationState.WAITING, datetime.now(UTC), message=WAITS)
        if not self._turn.locked():
            begun = replace(begun, state=OptimizationState.RUNNING, message=STARTING)
        self._states[collection.id] = begun
        task = asyncio.create_task(self._run(collection, points))
        self._tasks[collection.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(collection.id, None))
        return begun

    @contextmanager
    def kept_away(self, collection_id: str) -> Iterator[None]:
        """While the collection is dropped: none is started."""
        self._kept_away.add(collection_id)
        try:
            yield
        finally:
            self._kept_away.discard(collection_id)

    async def forget(self, collection_id: str) -> None:
        """Stop what runs for a collection, and know nothing of it any more."""
        await _cancelled(self._tasks.get(collection_id))
        self._states.pop(collection_id, None)

    def engine_ended(self) -> None:
        """The engine's process has died: what is copied may not be what its next one opens."""
        self._stopped_by_engine = True
        if self._process is not None:
            self._process.kill()

    async def close(self) -> None:
        """Stop everything."""
        for task in list(self._tasks.values()):
            await _cancelled(task)

    def _need_disk(self, collection: Collection, points: int) -> None:
        graphs = sum(space.kind is not SpaceKind.SPARSE for space in collection.vector_spaces)
        shard = self._catalogue.shard(collection.id)
        needed = bytes_to_optimize(shard, points, graphs) + self._min_free_bytes
        free = free_bytes(self._root)
        if free < needed:
            raise optimize_needs_disk(collection.id, needed=needed, free=free)

    def _note(self, collection_id: str, message: str) -> None:
        known = self._states[collection_id]
        self._states[collection_id] = replace(
            known, state=OptimizationState.RUNNING, message=message
        )

    def _end(self, collection_id: str, state: OptimizationState, message: str = "") -> None:
        self._states[collection_id] = replace(
            self._states[collection_id], state=state, message=message, end_time=datetime.now(UTC)
        )

    async def _run(self, collection: Collection, points: int) -> None:
        failed = OptimizationState.FAILED
        try:
            async with self._turn:
                self._stopped_by_engine = False
                self._note(collection.id, STARTING)
                self._need_disk(collection, points)
                built = await self._optimize(collection)
        except asyncio.CancelledError:
            self._end(collection.id, failed, "it was stopped")
            raise
        except Exhausted as error:
            self._end(collection.id, failed, error.message)
        except Exception as error:
            if self._stopped_by_engine or isinstance(error, Unavailable):
                log.warning("the optimization of %s stopped: %s", collection.id, error)
                self._end(collection.id, failed, _STORE_ENDED)
            elif isinstance(error, _LogLost):
                log.warning("the optimization of %s stopped: %s", collection.id, error)
                self._end(collection.id, failed, _LOG_LOST)
            else:
                log.exception("the optimization of %s failed", collection.id)
                self._end(collection.id, failed, _FAILED)
        else:
            self._states[collection.id] = replace(
                self._states[collection.id],
                item_count=built.points,
                indexed_vector_count=built.indexed_vectors,
            )
            self._end(collection.id, OptimizationState.DONE)
            log.info("collection %s is optimized: %s", collection.id, built)

    async def _optimize(self, collection: Collection) -> Optimized:
        name = collection.id
        target = self._catalogue.next_shard(name)
        process = await OptimizeProcess.start(self._root, name, target, self._tuning)
        self._process = process
        try:
            await process.hear_step(Step.READY)
            with self._gate.held(name):
                self._note(name, COPYING)
                await self._engine.call(ask.BeginLog(name))
                process.tell(Step.READY)
                await process.hear_step(Step.COPIED)
            self._note(name, BUILDING)
            await process.hear_step(Step.BUILT)
            self._note(name, CATCHING_UP)
            await process.hear_step(Step.CAUGHT_UP)
            with self._gate.held(name):
                self._note(name, CHANGING)
                size = await self._engine.call(ask.LogSize(name))
                if size is None:
                    raise _LogLost("the log of the writes is not whole")
                process.tell(size)
                built = await process.hear(Optimized)
                await self._take(name, target, built)
            return built
        finally:
            await process.end()
            self._process = None
            await self._clear(name)

    async def _take(self, collection_id: str, target: Path, built: Optimized) -> None:
        try:
            await self._engine.call(ask.TakeShard(collection_id, target.name, built.points))
        except Unavailable:
            # The engine died over it. What the next one opens is decided by one rename.
            if self._catalogue.shard(collection_id) != target:
                raise

    async def _clear(self, collection_id: str) -> None:
        """Remove what is not needed; what can't be is removed at the next start."""
        with suppress(Unavailable, RequestFailed):
            await self._engine.call(ask.EndLog(collection_id))
        try:
            await asyncio.to_thread(self._catalogue.clear, collection_id)
        except OSError as error:
            log.warning("some files of the optimization are left: %s", error)


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
