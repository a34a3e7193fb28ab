"""What the service and its decoding processes say to each other over a socket pair.

A request is its length (8 bytes, little-endian) and the picture's file. A reply is its length (4
bytes) and JSON; with the reply to a picture that was decoded comes a descriptor of the memory that
holds its samples. The JSON is data and nothing else (no pickle): a process that has read a hostile
file is not to be trusted with more.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import asdict, dataclass, replace
from typing import Any

from triptych_server.domain.errors import InvalidInput, Reason, Violation
from triptych_server.domain.items import ImageInfo, Notice, Picture, WarningCode

REQUEST = struct.Struct("<Q")
REPLY = struct.Struct("<I")
# No reply comes near it.
LARGEST_REPLY = 65_536


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture whose samples lie in the memory that came with the reply."""

    info: ImageInfo
    notices: tuple[Notice, ...]


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


def pack_decoded(picture: Picture) -> bytes:
    """The body of the reply to a picture that was decoded, without its samples."""
    notices = [(notice.code.value, notice.message) for notice in picture.notices]
    info = replace(picture.info, kept=())
    return json.dumps({"info": asdict(info), "notices": notices}).encode()


def pack_refused(error: InvalidInput) -> bytes:
    """The body of the reply to a picture that was refused."""
    found = [(v.reason.value, v.message) for v in error.violations]
    return json.dumps({"refused": found}).encode()


def unpack_reply(body: bytes) -> Decoded | InvalidInput:
    """Raises ValueError where it is none."""
    try:
        content = json.loads(body)
        if isinstance(content, dict) and "refused" in content:
            found = _entry(content, "refused", list)
            return InvalidInput([Violation("", Reason(reason), str(m)) for reason, m in found])
        info = _entry(content, "info", dict)
        notices = _entry(content, "notices", list)
        return Decoded(
            ImageInfo(
                format=str(info["format"]),
                width=int(info["width"]),
                height=int(info["height"]),
                byte_size=int(info["byte_size"]),
                sha256=str(info["sha256"]),
                orientation=int(info["orientation"]),
            ),
            tuple(Notice(WarningCode(code), str(message)) for code, message in notices),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not a reply") from error


def send_reply(pipe: socket.socket, body: bytes, memory: int | None = None) -> None:
    """Write one reply; ``memory`` is a descriptor that goes with it."""
    message = REPLY.pack(len(body)) + body
    sent = socket.send_fds(pipe, [message], [] if memory is None else [memory])
    pipe.sendall(message[sent:])


def receive_request(pipe: socket.socket) -> bytes | None:
    """Wait for the next picture; None at the end of the pipe, even in the middle of one."""
    header = _read(pipe, REQUEST.size)
    if header is None:
        return None
    content = _read(pipe, *REQUEST.unpack(header))
    return None if content is None else bytes(content)


def _read(pipe: socket.socket, length: int) -> bytearray | None:
    content = bytearray(length)
    view = memoryview(content)
    while view:
        received = pipe.recv_into(view)
        if received == 0:
            return None
        view = view[received:]
    return content


def _entry(content: Any, name: str, kind: type) -> Any:
    value = content.get(name) if isinstance(content, dict) else None
    if not isinstance(value, kind):
        raise ValueError(f"{name} is no {kind.__name__}")
    return value
