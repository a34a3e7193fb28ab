"""Samples of a picture in memory that two processes share.

The memory is a file without a name (memfd_create), sealed at its size: whoever maps it can't be
hurt by the other end, whatever that does, since it can neither shrink nor grow. It is gone with the
last descriptor and mapping, and so with the processes.

It is written with pwrite and used again: to map fresh memory of this kind for writing costs several
times what the copy itself does, page by page.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Write: TypeAlias = Callable[[int, NDArray[np.uint8]], None]
"""Takes rows of a picture, shape (rows, width, 3), from a row on."""
Room: TypeAlias = Callable[[int, int], Write]
"""Gives room for a picture of (height, width)."""

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
# Pictures of nearly one size fit into one another's rooms; what is not written takes no memory.
_ROUND_TO = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _SharedRoom:
    number: int
    descriptor: int
    size: int


class SharedRooms:
    """The rooms of a process that writes. Each is lent to the reader with its picture.

    ``keep_bytes`` is how much it keeps of rooms that have come back.
    """

    def __init__(self, keep_bytes: int) -> None:
        self._keep_bytes = keep_bytes
        self._free: list[_SharedRoom] = []
        self._taken: _SharedRoom | None = None
        self._lent: dict[int, _SharedRoom] = {}
        self._made = 0

    def __call__(self, height: int, width: int) -> Write:
        """Room for one picture, to be lent; else it is free again when the next is asked for."""
        if self._taken is not None:
            self._free.append(self._taken)
        fitting = [room for room in self._free if room.size >= height * width * 3]
        room = min(fitting, key=lambda room: room.size) if fitting else self._make(height, width)
        if fitting:
            self._free.remove(room)
        self._taken = room

        def write(top: int, rows: NDArray[np.uint8]) -> None:
            data, at = rows.data.cast("B"), top * width * 3
            while data:
                written = os.pwrite(room.descriptor, data, at)
                data, at = data[written:], at + written

        return write

    def lend(self) -> tuple[int, int]:
        """The number and the descriptor of the room that was written last."""
        room, self._taken = self._taken, None
        assert room is not None, "a picture was written"
        self._lent[room.number] = room
        return room.number, room.descriptor

    def take_back(self, numbers: Iterable[int]) -> None:
        """The reader has let go of these rooms. Raises KeyError for one that is not lent."""
        self._free += [self._lent.pop(number) for number in numbers]
        self._free.sort(key=lambda room: room.size)
        while sum(room.size for room in self._free) > self._keep_bytes:
            os.close(self._free.pop().descriptor)

    def _make(self, height: int, width: int) -> _SharedRoom:
        size = -(-height * width * 3 // _ROUND_TO) * _ROUND_TO
        descriptor = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        self._made += 1
        return _SharedRoom(self._made, descriptor, size)


def shared_pixels(
    descriptor: int, height: int, width: int, let_go: Callable[[], None]
) -> NDArray[np.uint8]:
    """The samples in a room of another process, read-only, of shape (height, width, 3).

    ``let_go`` is called, in any thread, once nothing refers to the samples any more. Raises
    ValueError where the memory is too small, or could become so.
    """
    size = height * width * 3
    if min(height, width) < 1 or os.fstat(descriptor).st_size < size:
        raise ValueError("the memory is too small")
    if fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        raise ValueError("the memory is not sealed")
    mapped = mmap.mmap(descriptor, size, prot=mmap.PROT_READ)
    # Every view of the array holds the mapping, and nothing else does.
    weakref.finalize(mapped, let_go).atexit = False
    return np.frombuffer(mapped, dtype=np.uint8).reshape(height, width, 3)
