"""What the service and its reading processes say to each other over a socket pair.

A request is a sheet: its language, the time limit in milliseconds, width and height, and one or
three bytes a pixel (little-endian, see ``_REQUEST``), then the language and the samples. A reply is
a kind, the length of a text, and the text in UTF-8: plain data, so that a process that has read a
hostile picture is trusted with no more.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from enum import IntEnum

from triptych_server.children import read_exactly

_REQUEST = struct.Struct("<BIIIB")
REPLY = struct.Struct("<BI")
# 2000 × 2000 pixels full of the smallest print give 2 MiB.
LARGEST_REPLY = 16 * 1024 * 1024


class Kind(IntEnum):
    """What a reply is. Its text is the engine's version, Tesseract's table (TSV), or a cause."""

    GREETING = 1
    READ = 2
    TIMED_OUT = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Request:
    """A sheet to be read: ``samples`` are rows of 1 or 3 bytes a pixel."""

    language: str
    time_limit_ms: int
    width: int
    height: int
    channels: int
    samples: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of it."""

    kind: Kind
    text: str = ""


def pack_request(request: Request) -> bytes:
    """What goes before the samples."""
    language = request.language.encode("ascii")
    numbers = request.time_limit_ms, request.width, request.height, request.channels
    return _REQUEST.pack(len(language), *numbers) + language


def receive_request(pipe: socket.socket) -> Request | None:
    """Wait for the next sheet; None at the end of the pipe, even in the middle of one."""
    header = read_exactly(pipe, _REQUEST.size)
    if header is None:
        return None
    length, limit, width, height, channels = _REQUEST.unpack(header)
    language, samples = read_exactly(pipe, length), read_exactly(pipe, width * height * channels)
    if language is None or samples is None:
        return None
    return Request(language.decode("ascii"), limit, width, height, channels, bytes(samples))


def pack_reply(reply: Reply) -> bytes:
    """The whole reply."""
    text = reply.text.encode()
    return REPLY.pack(reply.kind, len(text)) + text


def unpack_head(head: bytes) -> tuple[Kind, int]:
    """The kind of a reply, and the length of its text in bytes. Raises ValueError."""
    number, length = REPLY.unpack(head)
    if length > LARGEST_REPLY:
        raise ValueError("the reply is too long")
    return Kind(number), length
