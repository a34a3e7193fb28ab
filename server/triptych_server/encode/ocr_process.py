"""One life of a process that reads pictures, seen from the service's event loop."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from triptych_server.children import ChildNotStarted, describe_end, end_child, start_greeting_child
from triptych_server.encode.ocr_frames import REPLY, Kind, Reply, Request, pack_request, unpack_head
from triptych_server.encode.worker_pool import WorkerGone

_EXIT_WAIT_S = 5.0
_VARIABLES = {
    # Threads of Tesseract's make it slower where other readings have the other cores.
    "OMP_THREAD_LIMIT": "1",
    "MALLOC_ARENA_MAX": "1",
}


class ReaderEnded(Exception):
    """The process ended while it had the sheet, or spoke nonsense; the text is for the log."""


class OcrProcess:
    """A running process that has greeted. It reads one sheet at a time.

    ``version`` is that of its Tesseract. It is started from the event loop's thread, and on Linux
    it is killed when that thread ends.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, pipe: socket.socket, version: str
    ) -> None:
        """Made by ``start``."""
        self.version = version
        self._process = process
        self._pipe = pipe
        self._is_free = True

    @classmethod
    async def start(cls, tessdata: Path, *, memory_bytes: int, wait_s: float) -> OcrProcess:
        """Start a process that may take ``memory_bytes`` of address space.

        Raises ChildNotStarted.
        """
        process, pipe, version = await start_greeting_child(
            "triptych_server.encode.ocr_child",
            str(tessdata),
            str(memory_bytes),
            greeting=_greeting,
            wait_s=wait_s,
            **_VARIABLES,
        )
        return cls(process, pipe, version)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_free(self) -> bool:
        """Whether it can be given a sheet: not while it has one, nor once it was lost over one."""
        return self._is_free

    async def read(self, request: Request) -> Reply:
        """What the process says of a sheet. It does not see to the time limit: cancel this.

        Raises WorkerGone, ReaderEnded.
        """
        self._is_free = False
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._pipe, pack_request(request))
            await loop.sock_sendall(self._pipe, request.samples)
        except OSError as error:
            raise WorkerGone from error
        try:
            reply = await _receive(self._pipe)
            if reply.kind is Kind.GREETING:
                raise ValueError("a greeting in the middle")
        except ConnectionResetError as error:
            # It ended with a part of the sheet unread, and it takes the whole sheet before it looks
            # at it: whatever ended it was not the picture.
            raise WorkerGone from error
        except (EOFError, OSError) as error:
            ended = describe_end(await end_child(self._process, wait_s=_EXIT_WAIT_S))
            raise ReaderEnded(ended) from error
        except ValueError as error:
            raise ReaderEnded(f"it answered nonsense: {error}") from error
        self._is_free = True
        return reply

    async def kill(self) -> None:
        """End the process now."""
        self._is_free = False
        self._pipe.close()
        await end_child(self._process, wait_s=0)


async def _greeting(pipe: socket.socket) -> str:
    reply = await _receive(pipe)
    if reply.kind is Kind.FAILED:
        raise ChildNotStarted(reply.text)
    if reply.kind is not Kind.GREETING:
        raise ValueError("not a greeting")
    return reply.text


async def _receive(pipe: socket.socket) -> Reply:
    """One whole reply. Raises EOFError, OSError, ValueError."""
    kind, length = unpack_head(bytes(await _exactly(pipe, REPLY.size)))
    return Reply(kind, (await _exactly(pipe, length)).decode())


async def _exactly(pipe: socket.socket, length: int) -> bytearray:
    content, loop = bytearray(length), asyncio.get_running_loop()
    view = memoryview(content)
    while view:
        received = await loop.sock_recv_into(pipe, view)
        if received == 0:
            raise EOFError
        view = view[received:]
    return content
