"""Batches across requests: a run starts as soon as the model is free, with all that has queued.

There is no waiting timer: an idle model answers at once, and a busy one fills its next batch
while it works.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from triptych_server.domain.errors import Exhausted, Reason, Unavailable
from triptych_server.encode.errors import EncodingFailed

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

Run = Callable[[Sequence[T]], Iterable[R | Exception]]

_SIZE_RATIO = 2


@dataclass(frozen=True, slots=True)
class BatcherCounters:
    """Counts since the start.

    ``items`` were given to the ``runs``, of which ``failed_runs`` failed; ``skipped`` items were
    given up by their callers before their run began; ``refused`` found the queue full;
    ``waiting`` is the queue's length now.
    """

    runs: int
    items: int
    failed_runs: int
    skipped: int
    refused: int
    waiting: int


@dataclass(frozen=True, slots=True, eq=False)
class _Entry(Generic[T, R]):
    item: T
    size: int
    answer: asyncio.Future[R]


class Batcher(Generic[T, R]):
    """Runs ``run`` on batches of submitted items, one batch at a time, in a thread of its own.

    ``run`` takes at most ``max_batch`` items and returns as many results, in their order. A result
    that is an error is raised for its item alone. Several of them, one for each device, take from
    the same queue, each in a thread of its own.

    With ``size_of``, items have a size, and a batch costs its largest item times its count. It
    holds items that are neither over twice as large nor over twice as small as the one that leads
    it, and costs at most ``max_cost`` (unless that one alone costs more). The lead goes by turns to
    the item that has waited longest and to the smallest, so that a short query among the windows
    of long texts waits for two or three runs and not for all of them, and nothing waits for ever.

    Used from one event loop only. Close it, or its thread stays.
    """

    def __init__(
        self,
        name: str,
        run: Run[T, R] | Sequence[Run[T, R]],
        *,
        max_batch: int,
        max_queue: int,
        size_of: Callable[[T], int] = lambda item: 1,
        max_cost: int | None = None,
    ) -> None:
        """``name`` is for logs and errors; both maxima are counts of items, at least 1."""
        if max_batch < 1 or max_queue < 1:
            raise ValueError("max_batch and max_queue must be at least 1")
        self._name = name
        self._runners = [run] if callable(run) else list(run)
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._size_of = size_of
        self._max_cost = max_cost
        self._waiting: deque[_Entry[T, R]] = deque()
        self._arrived = asyncio.Event()
        self._threads = [
            ThreadPoolExecutor(1, thread_name_prefix=f"encode-{name}-{number}")
            for number in range(len(self._runners))
        ]
        self._servers: list[asyncio.Task[None]] = []
        self._closed = False
        self._last_run_s = 0.05
        self._runs = self._items = self._failed_runs = self._skipped = self._refused = 0

    @property
    def counters(self) -> BatcherCounters:
        """What happened so far."""
        return BatcherCounters(
            runs=self._runs,
            items=self._items,
            failed_runs=self._failed_runs,
            skipped=self._skipped,
            refused=self._refused,
            waiting=len(self._waiting),
        )

    async def submit(self, item: T) -> R:
        """The result for one item.

        Raises Exhausted (QUEUE_FULL), Unavailable once closed, and EncodingFailed where the run
        failed. When the caller is cancelled before the run begins, the item is not run.
        """
        return (await self.submit_all([item]))[0]

    async def submit_all(self, items: Sequence[T]) -> list[R]:
        """The results for some items, all of which are queued or none; raises as ``submit``."""
        self.require_room(len(items))
        loop = asyncio.get_running_loop()
        if not self._servers:
            self._servers = [
                loop.create_task(self._serve(run, thread), name=f"batcher-{self._name}")
                for run, thread in zip(self._runners, self._threads, strict=True)
            ]
        entries: list[_Entry[T, R]] = [
            _Entry(item, self._size_of(item), loop.create_future()) for item in items
        ]
        self._waiting.extend(entries)
        self._arrived.set()
        try:
            return await asyncio.gather(*(entry.answer for entry in entries))
        finally:
            for entry in entries:
                entry.answer.cancel()

    def require_room(self, count: int = 1, *, preparing: int = 0) -> None:
        """Raise what ``submit_all`` of ``count`` items would raise now.

        ``preparing`` more items are on their way to the queue. Where nothing waits, any count is
        taken: a text of many windows must not be refused for ever.
        """
        if self._closed:
            raise _closing()
        if len(self._waiting) + preparing + count > self._max_queue:
            self._drop_cancelled()
        ahead = len(self._waiting) + preparing
        if ahead and ahead + count > self._max_queue:
            self._refused += count
            runs_ahead = -(-ahead // self._max_batch)
            raise Exhausted(
                Reason.QUEUE_FULL,
                f"encoder: too many inputs are waiting for the {self._name} model "
                f"(got {ahead + count}, allowed {self._max_queue})",
                retry_after_s=min(5.0, max(0.05, runs_ahead * self._last_run_s)),
            )

    async def close(self) -> None:
        """Let the run in progress finish, fail what waits with Unavailable, end the thread."""
        self._closed = True
        for entry in self._waiting:
            if not entry.answer.done():
                entry.answer.set_exception(_closing())
        self._waiting.clear()
        self._arrived.set()
        for server in self._servers:
            await server
        for thread in self._threads:
            thread.shutdown(wait=False)

    async def _serve(self, run: Run[T, R], thread: ThreadPoolExecutor) -> None:
        while True:
            await self._arrived.wait()
            batch = self._take()
            if batch:
                await self._answer(batch, run, thread)
            elif self._closed:
                return
            else:
                self._arrived.clear()

    async def _answer(
        self, batch: Sequence[_Entry[T, R]], run: Run[T, R], thread: ThreadPoolExecutor
    ) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._runs += 1
        self._items += len(batch)
        try:
            results = await loop.run_in_executor(thread, run, [entry.item for entry in batch])
            answers = list(zip(batch, results, strict=True))
        except Exception as error:
            # Whatever a model run throws, the others' batches go on.
            logger.exception("a run of the %s model failed on %d inputs", self._name, len(batch))
            self._failed_runs += 1
            for entry in batch:
                if not entry.answer.done():
                    entry.answer.set_exception(_failure(self._name, error))
            return
        self._last_run_s = loop.time() - started
        for entry, result in answers:
            if entry.answer.done():
                continue
            if isinstance(result, Exception):
                entry.answer.set_exception(result)
            else:
                entry.answer.set_result(result)

    def _take(self) -> list[_Entry[T, R]]:
        """Remove the next batch from the queue; empty where nothing waits."""
        self._drop_cancelled()
        if not self._waiting:
            return []
        small = self._runs % 2 == 1
        lead = min(self._waiting, key=lambda entry: entry.size) if small else self._waiting[0]
        batch = [lead]
        longest = lead.size
        for entry in self._waiting:
            if len(batch) == self._max_batch:
                break
            if entry is lead or not _similar(entry.size, lead.size):
                continue
            longest = max(longest, entry.size)
            if self._max_cost is not None and longest * (len(batch) + 1) > self._max_cost:
                break
            batch.append(entry)
        taken = set(map(id, batch))
        self._waiting = deque(entry for entry in self._waiting if id(entry) not in taken)
        return batch

    def _drop_cancelled(self) -> None:
        alive = deque(entry for entry in self._waiting if not entry.answer.done())
        self._skipped += len(self._waiting) - len(alive)
        self._waiting = alive


def _similar(size: int, other: int) -> bool:
    return max(size, other) <= _SIZE_RATIO * min(size, other)


def _failure(name: str, cause: Exception) -> EncodingFailed:
    # One for each caller: a shared exception would collect all their tracebacks.
    failure = EncodingFailed(f"encoder: the {name} model failed on this input")
    failure.__cause__ = cause
    return failure


def _closing() -> Unavailable:
    return Unavailable(Reason.SHUTTING_DOWN, "the server is stopping")
