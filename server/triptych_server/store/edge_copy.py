"""Copies of an engine's folder, and the room that they take."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

# A graph has two lists of 16 neighbours a node at its lowest level, of 4 bytes each, some more
# above, and what the building of it needs beside them.
_GRAPH_BYTES_A_VECTOR = 192
# The engine's log of the copy, the log of the writes meanwhile, and small files.
MIN_FREE_BYTES = 256 * 2**20
"""What the embedded store leaves free on its disk unless it is told otherwise."""

_BESIDE_BYTES = 192 * 2**20
# Where the file system, or the system, can't copy a range by itself.
_NO_SUCH_COPY = (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a tree of files, holes as holes: the engine's files are mostly empty at first.

    Plain copies and no hard links: the engine changes its files in place, through memory maps.
    Where the file system can share blocks between files until one is changed, it does. Raises
    OSError.
    """
    shutil.copytree(source, target, copy_function=_copy_file)


def used_bytes(folder: Path) -> int:
    """The room that the files below ``folder`` take on the disk."""
    return sum(
        (Path(parent) / name).stat().st_blocks * 512
        for parent, _, names in os.walk(folder)
        for name in names
    )


def bytes_to_optimize(shard: Path, points: int, graphs: int) -> int:
    """The room that the optimization of a shard takes at its height, beside what is there.

    That is a copy of the shard, its points written once more in their new order, ``graphs``
    graphs, and logs. Afterwards one shard is left, larger than before by the graphs alone.
    """
    return 2 * used_bytes(shard) + points * graphs * _GRAPH_BYTES_A_VECTOR + _BESIDE_BYTES


def free_bytes(folder: Path) -> int:
    """The room left on the disk of ``folder`` for who is not root."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _copy_file(source: str, target: str) -> None:
    with open(source, "rb") as read, open(target, "xb") as written:
        size = os.fstat(read.fileno()).st_size
        written.truncate(size)
        place = 0
        while place < size:
            try:
                place = os.lseek(read.fileno(), place, os.SEEK_DATA)
            except OSError:  # nothing but a hole from here on
                return
            end = os.lseek(read.fileno(), place, os.SEEK_HOLE)
            place = _copy_range(read.fileno(), written.fileno(), place, end)


def _copy_range(read: int, written: int, place: int, end: int) -> int:
    while place < end:
        try:
            copied = os.copy_file_range(read, written, end - place, place, place)
        except (AttributeError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_SUCH_COPY:
                raise
            copied = os.pwrite(written, os.pread(read, min(end - place, 2**20), place), place)
        if copied == 0:  # cut short meanwhile, which nobody does
            raise OSError(f"a file ended at {place} of {end}")
        place += copied
    return place
