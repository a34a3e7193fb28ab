"""By when the caller of the request in hand wants its answer.

Set once, where the call comes in, and read where work is about to begin. It travels with the task
and the tasks that it starts, so that no signature between the two has to carry it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_DEADLINE: ContextVar[float | None] = ContextVar("triptych_deadline", default=None)


def deadline() -> float | None:
    """In seconds of ``time.monotonic()``; None where nobody said."""
    return _DEADLINE.get()


@contextmanager
def due_in(seconds: float | None) -> Iterator[None]:
    """The block, and every task begun in it, is due in ``seconds``; None: whenever it is done.

    Work that several callers share is begun under ``due_in(None)``, or the first one's deadline
    would end it for all.
    """
    token = _DEADLINE.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _DEADLINE.reset(token)
