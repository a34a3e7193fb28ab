"""The lock of the embedded store's folder: one process at a time works on it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path


def lock_folder(root: Path, *, wait_s: float, pause: Callable[[], bool]) -> int | None:
    """The folder's lock, held until this process ends; None where another process keeps it.

    It is waited for a little: the process of a service that was killed may still be on its way
    out. ``pause`` waits a moment, and says whether to give up.
    """
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    give_up = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if pause() or time.monotonic() > give_up:
                os.close(descriptor)
                return None
