"""Frames between the service and the engine's process; the standard library alone.

A frame is a header of 16 bytes (call id, length of the body; unsigned, little-endian) and a
pickled body. Both ends are this package, over a socket pair that nobody else can open, so that
pickle meets nothing but its own output. Call id 0 is the child's greeting.
"""

from __future__ import annotations

import pickle
import socket
import struct

GREETING = 0
HEADER = struct.Struct("<QQ")

# A header that is sent ahead wakes the other end for nothing, and copying this much is cheaper.
_TOGETHER = 1 << 16


def pack(message: object) -> bytes:
    """The body of a frame."""
    return pickle.dumps(message, protocol=5)


def unpack(body: bytes | bytearray) -> object:
    """What ``pack`` made the body from."""
    return pickle.loads(body)  # noqa: S301 - only the other half of this package writes here


def send(pipe: socket.socket, call_id: int, message: object) -> None:
    """Write one frame; blocks until the other end has taken it."""
    for part in framed(call_id, pack(message)):
        pipe.sendall(part)


def framed(call_id: int, body: bytes) -> tuple[bytes, ...]:
    """A frame in the parts in which it is best written."""
    header = HEADER.pack(call_id, len(body))
    return (header + body,) if len(body) <= _TOGETHER else (header, body)


def receive(pipe: socket.socket) -> tuple[int, object] | None:
    """Wait for the next frame; None at the end of the pipe, even in the middle of a frame."""
    header = _read(pipe, HEADER.size)
    if header is None:
        return None
    call_id, length = HEADER.unpack(header)
    body = _read(pipe, length)
    return None if body is None else (call_id, unpack(body))


def _read(pipe: socket.socket, length: int) -> bytearray | None:
    content = bytearray(length)
    view = memoryview(content)
    while view:
        received = pipe.recv_into(view)
        if received == 0:
            return None
        view = view[received:]
    return content
