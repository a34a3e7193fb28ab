"""A bounded number of tasks at a time."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Self


class Window:
    """Runs coroutines, at most `size` of them at a time, and none after one has failed.

    At the end of its block those that still run are waited for, and the first failure, in the order
    of their starts, is raised. A block that is cancelled cancels them, and stays cancelled.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, work: Coroutine[object, object, None]) -> bool:
        """Starts `work` once there is room; False, and `work` closed, where one has failed."""
        try:
            while True:
                running = [task for task in self._tasks if not task.done()]
                if any(_has_failed(task) for task in self._tasks):
                    work.close()
                    return False
                if len(running) < self._size:
                    break
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            work.close()
            raise
        self._tasks = [*running, asyncio.create_task(work)]
        return True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._tasks and not isinstance(error, asyncio.CancelledError):
                await asyncio.wait(self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if isinstance(error, asyncio.CancelledError):
            # Whoever cancelled waits for just that, whatever had failed before.
            return
        for task in self._tasks:
            if _has_failed(task):
                task.result()


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
