"""Batches across requests: a run starts as soon as the model is free, with all that has queued.

There is no waiting timer: an idle model answers at once, and a busy one fills its next batch
while it works.

Work that would come too late is not done. What can't be done by its caller's deadline, going by
the time that recent runs took, is refused on arrival with the time after which there may be room;
what is overtaken by its deadline in the queue is never given to the model. So a server that is
asked for several times what it can do spends its time on answers that are still awaited.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from triptych_server.domain.deadline import deadline
from triptych_server.domain.errors import DeadlineExceeded, Exhausted, Reason, Unavailable
from triptych_server.domain.queues import BatcherCounters
from triptych_server.encode.batch_queue import BatchQueue, Entry
from triptych_server.encode.errors import EncodingFailed
from triptych_server.encode.priority import step_back
from triptych_server.encode.run_times import AT_ONCE, RunTimes

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

Run = Callable[[Sequence[T]], Iterable[R | Exception]]

# An item is taken while it is expected to be done within this share of the time that its caller
# leaves: the estimate is one, and the caller wants something done with the result.
_SHARE_OF_TIME = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome(Generic[T, R]):
    """What a run made: of its batch those that were still awaited, and their results."""

    begun: float
    ended: float
    entries: Sequence[Entry[T, R]]
    results: Sequence[R | Exception]


class Batcher(Generic[T, R]):
    """Runs ``run`` on batches of submitted items, one batch at a time, in a thread of its own.

    ``run`` takes at most ``max_batch`` items and returns as many results, in their order. A result
    that is an error is raised for its item alone. Several of them, one for each device, take from
    the same queue, each in a thread of its own.

    With ``size_of``, items have a size; what a batch then holds and which comes next is
    BatchQueue's, whose parameters the others are. The deadline of an item is that of the caller,
    ``domain.deadline``.

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
        run_cost: int = 1,
        window: int | None = None,
        in_bulk: bool = False,
    ) -> None:
        """``name`` is for logs and errors; both maxima are counts of items, at least 1.

        What is ``in_bulk`` is run by threads that step back behind others.
        """
        if max_batch < 1 or max_queue < 1:
            raise ValueError("max_batch and max_queue must be at least 1")
        self._name = name
        self._runners = [run] if callable(run) else list(run)
        self._max_queue = max_queue
        self._size_of = size_of
        self._waiting: BatchQueue[T, R] = BatchQueue(
            max_batch, max_cost, run_cost=run_cost, window=window
        )
        self._arrived = asyncio.Event()
        self._threads = [
            ThreadPoolExecutor(
                1,
                thread_name_prefix=f"encode-{name}-{number}",
                initializer=step_back if in_bulk else None,
            )
            for number in range(len(self._runners))
        ]
        self._servers: list[asyncio.Task[None]] = []
        self._closed = False
        self._times = RunTimes()
        # Of each runner that is at work, when it will be free.
        self._free_at: dict[int, float] = {}
        self._runs = self._items = self._failed_runs = self._skipped = self._refused = 0
        self._expired = self._begun_late = self._ended_late = 0

    @property
    def counters(self) -> BatcherCounters:
        """What happened so far."""
        return BatcherCounters(
            runs=self._runs,
            items=self._items,
            failed_runs=self._failed_runs,
            skipped=self._skipped,
            refused=self._refused,
            expired=self._expired,
            begun_late=self._begun_late,
            ended_late=self._ended_late,
            waiting=len(self._waiting),
        )

    async def submit(self, item: T) -> R:
        """The result for one item.

        Raises Exhausted (QUEUE_FULL), DeadlineExceeded where the caller's time is over before the
        run could begin, Unavailable once closed, and EncodingFailed where the run failed. When the
        caller is cancelled before the run begins, the item is not run.
        """
        return (await self.submit_all([item]))[0]

    async def submit_all(self, items: Sequence[T]) -> list[R]:
        """The results for some items, all of which are queued or none; raises as ``submit``."""
        sizes = [self._size_of(item) for item in items]
        self._require_room(sizes)
        due = _due()
        loop = asyncio.get_running_loop()
        if not self._servers:
            # In contexts of their own: the queue outlives its first caller's deadline.
            self._servers = [
                loop.create_task(
                    self._serve(number),
                    name=f"batcher-{self._name}-{number}",
                    context=contextvars.Context(),
                )
                for number in range(len(self._runners))
            ]
        entries: list[Entry[T, R]] = [
            Entry(item, size, due, loop.create_future())
            for item, size in zip(items, sizes, strict=True)
        ]
        self._waiting.extend(entries)
        self._arrived.set()
        try:
            return await asyncio.gather(*(entry.answer for entry in entries))
        finally:
            for entry in entries:
                entry.answer.cancel()

    def require_room(self, count: int = 1, *, preparing: int = 0) -> None:
        """Raise what ``submit_all`` of ``count`` items of the least size would raise now.

        ``preparing`` more items are on their way to the queue. Where nothing waits, any count is
        taken: a text of many windows must not be refused for ever.
        """
        self._require_room([1] * count, preparing)

    async def close(self) -> None:
        """Let the run in progress finish, fail what waits with Unavailable, end the thread."""
        self._closed = True
        for entry in self._waiting.take_all():
            if not entry.answer.done():
                entry.answer.set_exception(_closing())
        self._arrived.set()
        for server in self._servers:
            await server
        for thread in self._threads:
            thread.shutdown(wait=False)

    def _require_room(self, sizes: Sequence[int], preparing: int = 0) -> None:
        if self._closed:
            raise _closing()
        now, due = time.monotonic(), _due()
        if due <= now:
            self._expired += len(sizes)
            raise _too_late(self._name)
        share = (due - now) * _SHARE_OF_TIME
        is_free = self._has_room(sizes, preparing)
        if is_free and (share == math.inf or self._wait(sizes, preparing) <= share):
            return
        # What was given up meanwhile is in nobody's way.
        self._forget(self._waiting.take_unwanted(now, self._times.pace))
        if not self._has_room(sizes, preparing):
            self._refused += len(sizes)
            wanted = len(self._waiting) + preparing + len(sizes)
            raise Exhausted(
                Reason.QUEUE_FULL,
                f"encoder: too many inputs are waiting for the {self._name} model "
                f"(got {wanted}, allowed {self._max_queue})",
                retry_after_s=_retry_after(self._wait([], preparing)),
            )
        wait = self._wait(sizes, preparing)
        if wait > share:
            self._refused += len(sizes)
            raise _too_busy(self._name, wait, due - now)

    def _has_room(self, sizes: Sequence[int], preparing: int) -> bool:
        ahead = len(self._waiting) + preparing
        return not ahead or ahead + len(sizes) <= self._max_queue

    def _wait(self, sizes: Sequence[int], preparing: int) -> float:
        """Seconds until items of these sizes, come now, would be done; 0 where they can begin now.

        So an estimate that is far too high is put right by the next run, not believed for ever.
        """
        runners = len(self._runners)
        is_free = len(self._free_at) < runners
        if is_free and not self._waiting and not preparing:
            return 0.0
        busy = 0.0 if is_free else max(0.0, min(self._free_at.values()) - time.monotonic())
        pace = self._times.pace
        wait = self._waiting.wait(sizes, pace, preparing=preparing)
        # What is ahead is shared by the runners; its own run an item has with one of them.
        own = min(wait, pace.seconds(sum(sizes)))
        return busy + (wait - own) / runners + own

    async def _serve(self, number: int) -> None:
        while True:
            # After a rest it tries what may be too much for it; see `_wait`.
            pace = self._times.pace if self._arrived.is_set() else AT_ONCE
            await self._arrived.wait()
            now = time.monotonic()
            self._forget(self._waiting.take_unwanted(now, pace))
            batch = self._waiting.take(now, self._times.pace, smallest_first=self._runs % 2 == 1)
            if batch:
                await self._answer(batch, number)
            elif self._closed:
                return
            else:
                self._arrived.clear()

    async def _answer(self, batch: Sequence[Entry[T, R]], number: int) -> None:
        loop = asyncio.get_running_loop()
        units = sum(entry.size for entry in batch)
        self._free_at[number] = time.monotonic() + self._times.pace.seconds(units)
        try:
            made = await loop.run_in_executor(
                self._threads[number], _run_awaited, self._runners[number], batch
            )
            answers = list(zip(made.entries, made.results, strict=True))
        except Exception as error:
            # Whatever a model run throws, the others' batches go on.
            logger.exception("a run of the %s model failed on %d inputs", self._name, len(batch))
            self._runs += 1
            self._items += len(batch)
            self._failed_runs += 1
            for entry in batch:
                if not entry.answer.done():
                    entry.answer.set_exception(_failure(self._name, error))
            return
        finally:
            del self._free_at[number]
        for entry, result in answers:
            if entry.answer.done():
                continue
            if isinstance(result, Exception):
                entry.answer.set_exception(result)
            else:
                entry.answer.set_result(result)
        self._count(batch, made)

    def _count(self, batch: Sequence[Entry[T, R]], made: _Outcome[T, R]) -> None:
        if made.entries:
            self._runs += 1
            self._items += len(made.entries)
            self._begun_late += sum(entry.deadline < made.begun for entry in made.entries)
            self._ended_late += sum(entry.deadline < made.ended for entry in made.entries)
            self._times.observe(sum(e.size for e in made.entries), made.ended - made.begun)
        if len(made.entries) < len(batch):
            run = set(map(id, made.entries))
            self._forget([entry for entry in batch if id(entry) not in run])

    def _forget(self, entries: Iterable[Entry[T, R]]) -> None:
        """Answer those that will not be run, and count them."""
        now = time.monotonic()
        for entry in entries:
            if entry.answer.done():
                self._skipped += 1
            elif entry.deadline <= now:
                self._expired += 1
                entry.answer.set_exception(_too_late(self._name))
            else:
                self._refused += 1
                wait = self._times.pace.seconds(entry.size)
                entry.answer.set_exception(_too_busy(self._name, wait, entry.deadline - now))


def _run_awaited(run: Run[T, R], batch: Sequence[Entry[T, R]]) -> _Outcome[T, R]:
    """In the thread: run those of the batch that are still awaited now."""
    now = time.monotonic()
    entries = [entry for entry in batch if now < entry.deadline and not entry.answer.done()]
    begun = time.monotonic()
    results = list(run([entry.item for entry in entries])) if entries else []
    return _Outcome(begun, time.monotonic(), entries, results)


def _due() -> float:
    found = deadline()
    return math.inf if found is None else found


def _retry_after(seconds: float) -> float:
    return min(5.0, max(0.05, seconds))


def _too_busy(name: str, wait: float, left: float) -> Exhausted:
    return Exhausted(
        Reason.QUEUE_FULL,
        f"encoder: the {name} model is too busy to be done by the deadline "
        f"(got {left:.3f} s, needed about {wait / _SHARE_OF_TIME:.3f} s)",
        retry_after_s=_retry_after(wait - left * _SHARE_OF_TIME),
    )


def _too_late(name: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        Reason.DEADLINE_TOO_SHORT, f"the deadline passed before the {name} model could begin"
    )


def _failure(name: str, cause: Exception) -> EncodingFailed:
    # One for each caller: a shared exception would collect all their tracebacks.
    failure = EncodingFailed(f"encoder: the {name} model failed on this input")
    failure.__cause__ = cause
    return failure


def _closing() -> Unavailable:
    return Unavailable(Reason.SHUTTING_DOWN, "the server is stopping")
