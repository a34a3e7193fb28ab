"""One life of the engine's process, seen from the service's event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from triptych_server.children import describe_end, end_child, start_child
from triptych_server.store.edge_frames import GREETING, HEADER, framed, unpack
from triptych_server.store.edge_protocol import Done, Failed, FailureKind, Ready, Reply

_EXIT_WAIT_S = 5.0
_READ_AHEAD = 1 << 20


class EngineEnded(Exception):
    """The process ended before it answered."""


class EngineNotStarted(Exception):
    """The process did not come to work on the folder."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(f"{failed.kind.value}: {failed.text}")
        self.failed = failed


class EdgeProcess:
    """A running engine that has greeted. Replies come in the order of the requests.

    It is started from the event loop's thread, and on Linux it is killed when that thread ends.
    Nothing here blocks the loop but the start of the process itself, a few milliseconds.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        greeting: Ready,
    ) -> None:
        self.greeting = greeting
        self.answered = 0
        self.on_reply: Callable[[], None] = lambda: None
        self._process = process
        self._reader = reader
        self._writer = writer
        self._calls: dict[int, asyncio.Future[Reply]] = {}
        self._last_id = GREETING
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, folder: Path, *, lock_wait_s: float, min_free_bytes: int, start_wait_s: float
    ) -> EdgeProcess:
        """Start a process on ``folder`` and wait until every collection is open.

        Raises EngineNotStarted.
        """
        try:
            process, ours = await _spawn(folder, lock_wait_s, min_free_bytes)
        except OSError as error:
            raise EngineNotStarted(Failed(FailureKind.REJECTED, str(error))) from error
        try:
            reader, writer = await asyncio.open_connection(sock=ours, limit=_READ_AHEAD)
        except BaseException:
            ours.close()
            await end_child(process, wait_s=0)
            raise
        try:
            async with asyncio.timeout(start_wait_s):
                _, greeting = await _receive(reader)
        except BaseException as error:
            writer.close()
            slow = isinstance(error, TimeoutError)
            gone = isinstance(error, asyncio.IncompleteReadError | OSError) and not slow
            status = describe_end(await end_child(process, wait_s=_EXIT_WAIT_S if gone else 0))
            if not (gone or slow):
                raise
            text = f"no greeting in {start_wait_s} s" if slow else f"no greeting: {status}"
            raise EngineNotStarted(Failed(FailureKind.REJECTED, text)) from error
        if isinstance(greeting, Ready):
            return cls(process, reader, writer, greeting)
        writer.close()
        await end_child(process, wait_s=_EXIT_WAIT_S)
        assert isinstance(greeting, Failed)
        raise EngineNotStarted(greeting)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it can be given requests."""
        return not self._reading.done()

    @property
    def in_flight(self) -> int:
        """How many requests wait for their reply."""
        return len(self._calls)

    def send(self, frame: bytes, reply: asyncio.Future[Reply]) -> None:
        """Hand over a packed request; ``reply`` is resolved, or fails with EngineEnded."""
        self._last_id += 1
        self._calls[self._last_id] = reply
        for part in framed(self._last_id, frame):
            self._writer.write(part)

    async def ended(self) -> str:
        """Wait until the process has ended and all calls have failed; how it ended, for people."""
        await asyncio.wait([self._reading])
        status = describe_end(await end_child(self._process, wait_s=_EXIT_WAIT_S))
        defect = self._reading.exception()
        return f"{status}; {defect!r}" if defect else status

    async def kill(self) -> None:
        """End the process now."""
        await end_child(self._process, wait_s=0)
        await self.ended()

    async def _read(self) -> None:
        try:
            while True:
                call_id, reply = await _receive(self._reader)
                assert isinstance(reply, Done | Failed)
                self.answered += 1
                future = self._calls.pop(call_id)
                if not future.done():  # its caller may have gone away
                    future.set_result(reply)
                self.on_reply()
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            for future in self._calls.values():
                if not future.done():
                    future.set_exception(EngineEnded())
            self._calls.clear()
            self._writer.close()


async def _spawn(
    folder: Path, lock_wait_s: float, min_free_bytes: int
) -> tuple[asyncio.subprocess.Process, socket.socket]:
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = await start_child(
                "triptych_server.store.edge_child",
                str(lock_wait_s),
                str(min_free_bytes),
                str(folder),
                descriptor=theirs.fileno(),
            )
    except BaseException:
        ours.close()
        raise
    return process, ours


async def _receive(reader: asyncio.StreamReader) -> tuple[int, object]:
    call_id, length = HEADER.unpack(await reader.readexactly(HEADER.size))
    return call_id, unpack(await reader.readexactly(length))
