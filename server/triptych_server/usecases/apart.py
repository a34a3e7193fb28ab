"""Long computations apart from the event loop, so that other calls go on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# So many numbers are gone through in some ten milliseconds; a thread costs a tenth of one.
LARGE = 5_000


async def apart(size: int, work: Callable[[], T]) -> T:
    """What ``work`` gives; it goes through ``size`` numbers, and for many of them to a thread.

    A caller that is cancelled does not wait for it.
    """
    return work() if size < LARGE else await asyncio.to_thread(work)
