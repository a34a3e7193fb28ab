"""One life of a process that decodes pictures, seen from the service's event loop."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial

from triptych_server.children import (
    ChildNotStarted,
    describe_end,
    end_child,
    start_greeting_child,
)
from triptych_server.domain.decoding import Detail
from triptych_server.domain.errors import InvalidInput
from triptych_server.domain.items import Picture
from triptych_server.domain.limits import Limits
from triptych_server.encode.decode_frames import (
    LARGEST_REPLY,
    REPLY,
    Decoded,
    pack_request,
    unpack_greeting,
    unpack_reply,
)
from triptych_server.encode.shared_pixels import shared_pixels

_EXIT_WAIT_S = 5.0
_VARIABLES = {
    # Threads, each with memory of its own, are of no use for one picture at a time.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    # glibc would give each large picture's memory back and take it anew, page by page: half the
    # time of decoding 12 MP. So much is kept instead.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 1024 * 1024),
}


class DecoderNotStarted(Exception):
    """The process did not come to work; the text is for the log."""


class DecoderGone(Exception):
    """The process had ended before it could take the picture."""


class DecoderEnded(Exception):
    """The process ended while it had the picture, or spoke nonsense; the text is for the log."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodeProcess:
    """A running process that has greeted. It decodes one picture at a time.

    It is started from the event loop's thread, and on Linux it is killed when that thread ends.
    """

    formats: tuple[str, ...]
    _process: asyncio.subprocess.Process
    _pipe: socket.socket
    _released: list[int] = field(default_factory=list)

    @classmethod
    async def start(
        cls, limits: Limits, *, memory_bytes: int, keep_bytes: int, start_wait_s: float
    ) -> DecodeProcess:
        """Start a process that may take ``memory_bytes`` of address space.

        Beside it, ``keep_bytes`` of shared memory are kept for the samples of later pictures.

        Raises DecoderNotStarted.
        """
        try:
            process, pipe, formats = await start_greeting_child(
                "triptych_server.encode.decode_child",
                json.dumps(asdict(limits)),
                str(memory_bytes),
                str(keep_bytes),
                greeting=_greeting,
                wait_s=start_wait_s,
                **_VARIABLES,
            )
        except ChildNotStarted as error:
            raise DecoderNotStarted(str(error)) from error
        return cls(formats, process, pipe)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def decode(self, data: bytes, detail: Detail | None = None) -> Picture:
        """The picture in ``data``, with no more pixels than ``detail`` asks for.

        Raises InvalidInput, DecoderGone, DecoderEnded. After the last two, and after a
        cancellation, the process is of no more use: call ``kill``.
        """
        loop = asyncio.get_running_loop()
        # Other threads may add to the list meanwhile.
        released = [self._released.pop() for _ in range(len(self._released))]
        try:
            await loop.sock_sendall(self._pipe, pack_request(len(data), released, detail))
            await loop.sock_sendall(self._pipe, data)
        except OSError as error:
            raise DecoderGone from error
        memory: list[int] = []
        try:
            body, memory = await _receive(self._pipe)
            reply = unpack_reply(body)
            if isinstance(reply, InvalidInput):
                raise reply
            if not memory:
                raise ValueError("a picture without its memory")
            decoded, room = reply
            scale = _stated_scale(decoded, detail)
            size = -(-decoded.info.height // scale), -(-decoded.info.width // scale)
            pixels = shared_pixels(memory[0], *size, partial(self._released.append, room))
            return Picture(pixels, decoded.info, decoded.notices, scale, detail)
        except ConnectionResetError as error:
            # It ended with a part of the file unread, and it takes the whole file before it looks
            # at it: whatever ended it was not the picture.
            raise DecoderGone from error
        except (EOFError, OSError, ValueError) as error:
            raise DecoderEnded(await self._end(error)) from error
        finally:
            for descriptor in memory:
                os.close(descriptor)

    async def kill(self) -> None:
        """End the process now."""
        self._pipe.close()
        await end_child(self._process, wait_s=0)

    async def _end(self, error: Exception) -> str:
        """How the process ended, for people; it is killed where it only spoke nonsense."""
        gone = isinstance(error, EOFError | OSError)
        status = await end_child(self._process, wait_s=_EXIT_WAIT_S if gone else 0)
        return describe_end(status) if gone else f"it answered nonsense: {error}"


def _stated_scale(decoded: Decoded, detail: Detail | None) -> int:
    """The scale of the samples. Raises ValueError where it is not what was asked for."""
    info = decoded.info
    scales = {1}
    if detail is not None and info.format == "JPEG":
        scales = {detail.scale(info.width, info.height)}
    if decoded.scale not in scales:
        raise ValueError("not the scale that was asked for")
    return decoded.scale


async def _greeting(pipe: socket.socket) -> tuple[str, ...]:
    body, _ = await _receive(pipe)
    return unpack_greeting(body).formats


async def _receive(pipe: socket.socket) -> tuple[bytes, list[int]]:
    """One whole reply and the descriptors that came with it. Raises EOFError, ValueError."""
    content, descriptors = bytearray(), list[int]()
    try:
        while not (body := _body_of(content)):
            await _readable(pipe)
            with suppress(BlockingIOError):
                part, came, _, _ = socket.recv_fds(pipe, LARGEST_REPLY, 1, socket.MSG_CMSG_CLOEXEC)
                descriptors += came
                if not part:
                    raise EOFError
                content += part
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return body, descriptors


def _body_of(content: bytearray) -> bytes:
    """The reply's body once it is there; empty before."""
    if len(content) < REPLY.size:
        return b""
    (length,) = REPLY.unpack_from(content)
    if not 0 < length <= LARGEST_REPLY or len(content) > REPLY.size + length:
        raise ValueError("not a reply")
    return bytes(content[REPLY.size :]) if len(content) == REPLY.size + length else b""


async def _readable(pipe: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(pipe, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(pipe)
