"""Measures the stages of one request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from triptych_server.domain.queries import Timings


class Stopwatch:
    """Starts when it is made; stages keep the order in which they begin."""

    def __init__(self) -> None:
        self._start = time.perf_counter_ns()
        self._stages: list[tuple[str, int]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the block as stage ``name``, also when it raises."""
        place = len(self._stages)
        self._stages.append((name, 0))
        begin = time.perf_counter_ns()
        try:
            yield
        finally:
            self._stages[place] = (name, (time.perf_counter_ns() - begin) // 1000)

    def read(self) -> Timings:
        """The stages so far, and the time since the start, in microseconds."""
        return Timings(tuple(self._stages), (time.perf_counter_ns() - self._start) // 1000)
