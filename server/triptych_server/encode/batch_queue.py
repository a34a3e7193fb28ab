"""What waits for a model, and which of it comes next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from triptych_server.encode.run_times import Pace

T = TypeVar("T")
R = TypeVar("R")

_SIZE_RATIO = 2


@dataclass(frozen=True, slots=True, eq=False)
class Entry(Generic[T, R]):
    """An item that waits. ``deadline`` is a time of ``time.monotonic()``, or infinity."""

    item: T
    size: int
    deadline: float
    answer: asyncio.Future[R]


class BatchQueue(Generic[T, R]):
    """Entries in the order in which they came; see ``Batcher`` for the rules of a batch.

    Knows no clock: whoever asks says what time it is, and at which pace the model runs.
    """

    def __init__(self, max_batch: int, max_cost: int | None) -> None:
        self._max_batch = max_batch
        self._max_cost = max_cost
        self._entries: deque[Entry[T, R]] = deque()
        self._units = 0

    def __len__(self) -> int:
        return len(self._entries)

    def extend(self, entries: Sequence[Entry[T, R]]) -> None:
        """Put ``entries`` at the end."""
        self._entries.extend(entries)
        self._units += sum(entry.size for entry in entries)

    def take(self, now: float, pace: Pace, *, smallest_first: bool) -> list[Entry[T, R]]:
        """Remove the next batch; empty where nothing waits.

        It is led by the entry that has waited longest, or by the smallest.
        """
        if not self._entries:
            return []
        lead = self._entries[0]
        if smallest_first:
            lead = min(self._entries, key=lambda entry: entry.size)
        batch = [lead]
        longest, units, due = lead.size, lead.size, lead.deadline
        for entry in self._entries:
            if len(batch) == self._max_batch:
                break
            if entry is lead or not _similar(entry.size, lead.size):
                continue
            soonest = min(due, entry.deadline)
            if now + pace.seconds(units + entry.size) > soonest:
                continue
            longest = max(longest, entry.size)
            if self._max_cost is not None and longest * (len(batch) + 1) > self._max_cost:
                break
            batch.append(entry)
            units, due = units + entry.size, soonest
        taken = set(map(id, batch))
        self._set(entry for entry in self._entries if id(entry) not in taken)
        return batch

    def take_unwanted(self, now: float, pace: Pace) -> list[Entry[T, R]]:
        """Remove those that nobody awaits any more, and those that can't be done in time."""
        kept: list[Entry[T, R]] = []
        unwanted: list[Entry[T, R]] = []
        for entry in self._entries:
            too_late = entry.deadline <= now + pace.seconds(entry.size)
            (unwanted if entry.answer.done() or too_late else kept).append(entry)
        if unwanted:
            self._set(kept)
        return unwanted

    def take_all(self) -> list[Entry[T, R]]:
        """Remove everything."""
        entries = list(self._entries)
        self._set([])
        return entries

    def wait(self, sizes: Sequence[int], pace: Pace, *, preparing: int = 0) -> float:
        """Seconds of runs until items of these sizes, if they came now, would be done.

        ``preparing`` more, of one unit each, are taken to be ahead of them.
        """
        count, units = len(sizes) + preparing, sum(sizes) + preparing
        in_turn = self._seconds(pace, len(self._entries) + count, self._units + units)
        if not sizes or self._max_cost is None:
            return in_turn
        # The smallest lead every second run: of the others, as many runs are ahead at most.
        bound = _SIZE_RATIO * max(sizes)
        peers = [entry.size for entry in self._entries if entry.size <= bound]
        others = len(self._entries) - len(peers)
        other_units = self._units - sum(peers)
        count, units = count + len(peers), units + sum(peers)
        runs = self._runs(count, units)
        runs_between = min(runs, self._runs(others, other_units)) if others else 0
        between = min(
            other_units, runs_between * max(self._max_cost, other_units // max(1, others))
        )
        return min(in_turn, pace.seconds(units + between, runs + runs_between))

    def _seconds(self, pace: Pace, count: int, units: int) -> float:
        return pace.seconds(units, self._runs(count, units)) if units else 0.0

    def _runs(self, count: int, units: int) -> int:
        by_count = -(-count // self._max_batch)
        by_cost = -(-units // self._max_cost) if self._max_cost else 0
        # However large the items are, a run takes one.
        return max(1, by_count, min(by_cost, count))

    def _set(self, entries: Iterable[Entry[T, R]]) -> None:
        self._entries = deque(entries)
        self._units = sum(entry.size for entry in self._entries)


def _similar(size: int, other: int) -> bool:
    return max(size, other) <= _SIZE_RATIO * min(size, other)
