"""What the service and its decoding processes say to each other over a socket pair.

A request is the picture's file, after its length (8 bytes, little-endian), the detail that is
wanted (4 bytes a side, zeros for every pixel) and the numbers (4 bytes each, their count before
them) of the rooms that the service has let go of. A reply is JSON, after its length (4 bytes); with
the reply to a picture that was decoded comes a descriptor of the room that holds its samples. The
JSON is data and nothing else (no pickle): a process that has read a hostile file is not to be
trusted with more.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from triptych_server.children import read_exactly
from triptych_server.domain.decoding import Detail
from triptych_server.domain.errors import InvalidInput, Reason, Violation
from triptych_server.domain.items import ImageInfo, Notice, WarningCode

_REQUEST = struct.Struct("<QIII")
REPLY = struct.Struct("<I")
# No reply comes near it.
LARGEST_REPLY = 65_536


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture whose samples lie in a room, at 1/``scale`` of its sides: what is to say of it."""

    info: ImageInfo
    notices: tuple[Notice, ...]
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Greeting:
    """A process is ready; ``formats`` are those that it takes."""

    formats: tuple[str, ...]


def pack_greeting(greeting: Greeting) -> bytes:
    """The body of a process's first reply."""
    return json.dumps({"formats": greeting.formats}).encode()


def unpack_greeting(body: bytes) -> Greeting:
    """Raises ValueError where it is none."""
    return Greeting(tuple(_entry(json.loads(body), "formats", list)))


def pack_decoded(decoded: Decoded, room: int) -> bytes:
    """The body of the reply to a picture whose samples lie in the room of that number."""
    notices = [(notice.code.value, notice.message) for notice in decoded.notices]
    info = asdict(replace(decoded.info, kept=()))
    return json.dumps(
        {"info": info, "notices": notices, "room": room, "scale": decoded.scale}
    ).encode()


def pack_refused(error: InvalidInput) -> bytes:
    """The body of the reply to a picture that was refused."""
    found = [(v.reason.value, v.message) for v in error.violations]
    return json.dumps({"refused": found}).encode()


def unpack_reply(body: bytes) -> tuple[Decoded, int] | InvalidInput:
    """What was decoded and the number of its room, or the refusal.

    Raises ValueError where it is neither.
    """
    try:
        content = json.loads(body)
        if isinstance(content, dict) and "refused" in content:
            found = _entry(content, "refused", list)
            return InvalidInput([Violation("", Reason(reason), str(m)) for reason, m in found])
        info = _entry(content, "info", dict)
        notices = _entry(content, "notices", list)
        decoded = Decoded(
            ImageInfo(
                format=str(info["format"]),
                width=int(info["width"]),
                height=int(info["height"]),
                byte_size=int(info["byte_size"]),
                sha256=str(info["sha256"]),
                orientation=int(info["orientation"]),
            ),
            tuple(Notice(WarningCode(code), str(message)) for code, message in notices),
            _entry(content, "scale", int),
        )
        return decoded, _entry(content, "room", int)
    except (KeyError, TypeError) as error:
        raise ValueError("not a reply") from error


def send_reply(pipe: socket.socket, body: bytes, memory: int | None = None) -> None:
    """Write one reply; ``memory`` is a descriptor that goes with it."""
    message = REPLY.pack(len(body)) + body
    sent = socket.send_fds(pipe, [message], [] if memory is None else [memory])
    pipe.sendall(message[sent:])


@dataclass(frozen=True, slots=True)
class Request:
    """A file to decode, how much of it is wanted, and the rooms that are free again."""

    data: bytes
    detail: Detail | None
    released: tuple[int, ...]


def pack_request(length: int, released: Sequence[int], detail: Detail | None) -> bytes:
    """What goes before a file of ``length`` bytes."""
    sides = (detail.shorter, detail.longer) if detail else (0, 0)
    return _REQUEST.pack(length, *sides, len(released)) + struct.pack(
        f"<{len(released)}I", *released
    )


def receive_request(pipe: socket.socket) -> Request | None:
    """Wait for the next file; None at the end of the pipe, even in the middle of a request."""
    header = read_exactly(pipe, _REQUEST.size)
    if header is None:
        return None
    length, shorter, longer, count = _REQUEST.unpack(header)
    released, content = read_exactly(pipe, 4 * count), read_exactly(pipe, length)
    if released is None or content is None:
        return None
    detail = Detail(shorter, longer) if shorter else None
    return Request(bytes(content), detail, struct.unpack(f"<{count}I", released))


def _entry(content: Any, name: str, kind: type) -> Any:
    value = content.get(name) if isinstance(content, dict) else None
    if not isinstance(value, kind):
        raise ValueError(f"{name} is no {kind.__name__}")
    return value
