"""Samples of a picture in memory that two processes share, without a copy on the way.

The memory is a file without a name (memfd_create), sealed at its size: whoever maps it can't be
hurt by the other end, whatever that does, since it can neither shrink nor grow. It is gone with the
last descriptor and mapping, and so with the processes.
"""

from __future__ import annotations

import fcntl
import mmap
import os

import numpy as np
from numpy.typing import NDArray

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class SharedRoom:
    """Memory for the samples of one picture, made when it is asked for."""

    def __init__(self) -> None:
        self.descriptor: int | None = None

    def __call__(self, height: int, width: int) -> NDArray[np.uint8]:
        """An array of shape (height, width, 3) in the shared memory. Asked for once."""
        size = height * width * 3
        self.descriptor = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.descriptor, size)
        fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, _SEALS)
        return _array(mmap.mmap(self.descriptor, size), height, width)

    def close(self) -> None:
        """Let go of the descriptor; arrays stay as they are."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def shared_pixels(descriptor: int, height: int, width: int) -> NDArray[np.uint8]:
    """The samples in another process's SharedRoom, read-only; the memory goes with the array.

    Raises ValueError where the memory is not of that size, or could change it.
    """
    size = height * width * 3
    if min(height, width) < 1 or os.fstat(descriptor).st_size != size:
        raise ValueError("the memory is of another size")
    if fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        raise ValueError("the memory is not sealed")
    return _array(mmap.mmap(descriptor, size, prot=mmap.PROT_READ), height, width)


def _array(mapped: mmap.mmap, height: int, width: int) -> NDArray[np.uint8]:
    return np.frombuffer(mapped, dtype=np.uint8).reshape(height, width, 3)
