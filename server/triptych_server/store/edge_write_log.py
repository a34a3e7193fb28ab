"""The writes that a collection has had since its folder was copied, in a file.

The engine's process appends each write once it is applied; the optimizer's process reads them and
applies them to the copy, in the same order. Nothing depends on the file's surviving a crash: the
live folder has every write, and a copy that has lost its log is thrown away.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from triptych_server.store.edge_frames import pack, unpack

_LENGTH = struct.Struct("<Q")


class WriteLog:
    """An open log at its writing end. Raises OSError where it can't be made."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by `close`
        self.size = 0
        self.is_whole = True

    def append(self, request: object) -> None:
        """Note a write that has been applied. A log that can't be written is no longer whole."""
        if not self.is_whole:
            return
        body = pack(request)
        record = _LENGTH.pack(len(body)) + body
        try:
            written = self._file.write(record)
        except OSError:
            written = 0
        self.is_whole = written == len(record)
        self.size += written

    def spoil(self) -> None:
        """Note that something was written of which the log can't say what."""
        self.is_whole = False

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def logged_size(path: Path) -> int:
    """Bytes of the log so far; the last record may not be whole yet."""
    return path.stat().st_size


def read_log(path: Path, start: int, end: int) -> Iterator[tuple[object, int]]:
    """Each whole record from the offset ``start`` on that ends by ``end``, and where it ends."""
    with path.open("rb") as file:
        file.seek(start)
        while start + _LENGTH.size <= end:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            start += _LENGTH.size + length
            if start > end:
                return
            yield unpack(file.read(length)), start
