"""Child processes that do one thing at a time each, and may be lost over it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

log = logging.getLogger(__name__)


class Worker(Protocol):
    """A running process."""

    @property
    def is_free(self) -> bool:
        """Whether it can be given work: not while it has any, nor once it was lost over some."""
        ...

    async def kill(self) -> None:
        """End it now."""
        ...


class WorkerGone(Exception):
    """The process had ended before it could take its work."""


class WorkersLost(Exception):
    """One process after the other had ended before it could take the work, or all were ended."""


W = TypeVar("W", bound=Worker)
T = TypeVar("T")


class WorkerPool(Generic[W]):
    """Up to ``workers`` processes that ``start`` makes when they are needed, ``first`` before.

    A process that is not free after its work is ended, and the next work has a new one started.
    """

    def __init__(self, start: Callable[[], Awaitable[W]], first: W, *, workers: int) -> None:
        self._start = start
        self._workers = workers
        self._idle = [first]
        self._slots = asyncio.Semaphore(workers)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    async def run(self, work: Callable[[W], Coroutine[Any, Any, T]]) -> T:
        """``work`` done by a process, once one is free; done anew where it raises WorkerGone.

        It goes on where its caller gives up: the process has its work, and is of use again once it
        is through with it. Raises what ``start`` and ``work`` raise, and WorkersLost.
        """
        await self._slots.acquire()
        if self._is_closed:
            self._slots.release()  # whoever waits behind is told, too
            raise WorkersLost("they were ended")
        task = asyncio.create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._free)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End the processes, whatever they are at; work that is being done is cancelled."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._idle:
            await self._idle.pop().kill()

    def _free(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._slots.release()
        if not task.cancelled():
            task.exception()  # retrieved, also where the caller has gone

    async def _run(self, work: Callable[[W], Coroutine[Any, Any, T]]) -> T:
        for _ in range(self._workers + 1):
            worker = self._idle.pop() if self._idle else await self._start()
            try:
                return await work(worker)
            except WorkerGone:
                log.warning("a process had ended while it was idle: %s", type(worker).__name__)
            finally:
                if worker.is_free:
                    self._idle.append(worker)
                else:
                    await worker.kill()
        raise WorkersLost("one after the other had ended")
