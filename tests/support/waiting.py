"""Waiting for something that another process does."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], *, limit_s: float = 20.0) -> None:
    """Returns once ``condition`` holds; fails when it does not within ``limit_s`` seconds."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
