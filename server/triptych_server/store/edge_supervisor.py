"""Keeps one engine process running and hands it the calls of the event loop.

A call waits in a queue until the process has room for it, so that a call whose caller has given
up costs the engine nothing, and a call that the process never saw outlives the process. A call
that the process had when it ended fails: it may have been applied.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from triptych_server.domain.errors import Reason, Unavailable
from triptych_server.store.edge_frames import pack
from triptych_server.store.edge_process import EdgeProcess, EngineEnded, EngineNotStarted
from triptych_server.store.edge_protocol import Close, Failed, Ready, Reply, Request

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# Enough to keep the engine busy while the loop is at something else.
_MAX_IN_FLIGHT = 8
_MAX_DELAY_S = 5.0
_FIRST_DELAY_S = 0.1


class RequestFailed(Exception):
    """The engine answered that a request came to nothing."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(f"{failed.kind.value}: {failed.text}")
        self.failed = failed


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    frame: bytes
    reply: asyncio.Future[Reply]


class EdgeSupervisor:
    """The engine's process, restarted whenever it ends.

    ``restart_wait_s`` is how long calls are held while there is no process; after it they fail.
    ``on_ready`` is told the greeting of every process, the first one included; ``on_ended`` is
    told that one has ended before it was to.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lock_wait_s: float,
        min_free_bytes: int,
        start_wait_s: float,
        restart_wait_s: float,
        close_wait_s: float,
        on_ready: Callable[[Ready], None],
        on_ended: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._lock_wait_s = lock_wait_s
        self._min_free_bytes = min_free_bytes
        self._start_wait_s = start_wait_s
        self._restart_wait_s = restart_wait_s
        self._close_wait_s = close_wait_s
        self._on_ready = on_ready
        self._on_ended = on_ended
        self._waiting: deque[_Call] = deque()
        self._process: EdgeProcess | None = None
        self._watching: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._gave_up_waiting = False
        self._closing = False

    @property
    def ready(self) -> bool:
        """Whether a process is there to answer."""
        return self._running is not None and not self._closing

    @property
    def idle(self) -> bool:
        """Whether no call waits or is being answered."""
        process = self._running
        return not self._waiting and (process is None or process.in_flight == 0)

    @property
    def pid(self) -> int | None:
        """The process id of the engine; None while there is none."""
        process = self._running
        return None if process is None else process.pid

    @property
    def _running(self) -> EdgeProcess | None:
        return self._process if self._process is not None and self._process.running else None

    async def start(self) -> None:
        """Start the first process. Raises EngineNotStarted."""
        self._take(await self._started())
        self._watching = asyncio.create_task(self._watch())

    async def call(self, request: Request[Answer]) -> Answer:
        """The engine's answer. Raises RequestFailed, or Unavailable where there is no engine."""
        if self._closing:
            raise Unavailable(Reason.SHUTTING_DOWN, "the server is stopping")
        if self._gave_up_waiting:
            # Let the restart go on even under a caller that tries again without a pause.
            await asyncio.sleep(0)
            raise _starting_again()
        return await self._ask(request)

    async def close(self) -> None:
        """Let the waiting calls be answered, write everything through, and end the process."""
        if self._closing:
            return
        self._closing = True
        orderly = False
        if self._running is not None:
            try:
                async with asyncio.timeout(self._close_wait_s):
                    await self._ask(Close())
                orderly = True
            except (TimeoutError, RequestFailed, Unavailable) as error:
                log.error("the store's process did not close: %r", error)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._patience is not None:
            self._patience.cancel()
        self._fail_waiting()
        if self._process is not None:
            await (self._process.ended() if orderly else self._process.kill())
            self._process = None

    async def _ask(self, request: Request[Answer]) -> Answer:
        call = _Call(pack(request), asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        self._pump()
        try:
            reply = await call.reply
        except EngineEnded:
            raise Unavailable(
                Reason.STORE_UNAVAILABLE,
                "the store stopped during the write: it may have been applied; retry is safe"
                if request.writes
                else "the store stopped during the read; retry is safe",
            ) from None
        if isinstance(reply, Failed):
            raise RequestFailed(reply)
        return cast(Answer, reply.answer)

    def _pump(self) -> None:
        """Hand over calls while the process has room."""
        process = self._running
        while process is not None and self._waiting and process.in_flight < _MAX_IN_FLIGHT:
            call = self._waiting.popleft()
            if not call.reply.done():
                process.send(call.frame, call.reply)

    async def _started(self) -> EdgeProcess:
        return await EdgeProcess.start(
            self._folder,
            lock_wait_s=self._lock_wait_s,
            min_free_bytes=self._min_free_bytes,
            start_wait_s=self._start_wait_s,
        )

    def _take(self, process: EdgeProcess) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._gave_up_waiting = False
        self._on_ready(process.greeting)
        process.on_reply = self._pump
        self._process = process
        self._pump()

    async def _watch(self) -> None:
        """Start a process whenever one has ended; wait longer each time it did no work."""
        delay = 0.0
        while True:
            assert self._process is not None
            how = await self._process.ended()
            if self._process.answered:
                delay = 0.0
            self._process = None
            if self._closing:
                return
            log.error("the store's process ended (%s) and is started again", how)
            self._on_ended()
            self._patience = asyncio.get_running_loop().call_later(
                self._restart_wait_s, self._lose_patience
            )
            while self._process is None:
                await asyncio.sleep(delay)
                delay = min(max(2 * delay, _FIRST_DELAY_S), _MAX_DELAY_S)
                try:
                    self._take(await self._started())
                except EngineNotStarted as error:
                    log.error("the store's process does not start: %s", error)

    def _lose_patience(self) -> None:
        self._gave_up_waiting = True
        self._fail_waiting()

    def _fail_waiting(self) -> None:
        while self._waiting:
            call = self._waiting.popleft()
            if not call.reply.done():
                call.reply.set_exception(_starting_again())


def _starting_again() -> Unavailable:
    return Unavailable(
        Reason.STORE_UNAVAILABLE, "the store is starting again; nothing was changed; retry is safe"
    )
