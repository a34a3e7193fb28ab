"""What waits for a model, and which of it comes next."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from triptych_server.encode.run_times import Pace

T = TypeVar("T")
R = TypeVar("R")

_RATIO = 2


@dataclass(frozen=True, slots=True, eq=False)
class Entry(Generic[T, R]):
    """An item that waits. ``deadline`` is a time of ``time.monotonic()``, or infinity."""

    item: T
    size: int
    deadline: float
    answer: asyncio.Future[R]


class BatchQueue(Generic[T, R]):
    """Entries in the order in which they came.

    A run costs as much as its largest entry times its count, and ``run_cost`` whatever is in it,
    in units of size. A batch holds at most ``max_batch`` entries and costs at most ``max_cost``,
    unless one alone costs more.

    It is led by the entry that has waited longest, and by turns by the smallest, where that is
    passed over by an entry that costs over twice as much: a short query among the windows of long
    texts waits for two or three runs and not for all of them, and nothing waits for ever. Of the
    ``window`` entries next in turn that cost neither over twice as much as the lead nor less than
    half, it takes those with which the run costs least for what it does: each more saves a run,
    and pads the others where it is longer. A wider window has more to choose from, and lets more
    pass those that do not fit. A batch does not grow past what can be done by the deadlines in it.

    Knows no clock: whoever asks says what time it is, and at which pace the model runs.
    """

    def __init__(
        self,
        max_batch: int,
        max_cost: int | None = None,
        *,
        run_cost: int = 1,
        window: int | None = None,
    ) -> None:
        """``window`` is ``max_batch`` where it is None."""
        self._max_batch = max_batch
        self._max_cost = max_cost
        self._run_cost = run_cost
        self._window = window or max_batch
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

        With ``smallest_first`` it is the smallest's turn to lead.
        """
        if not self._entries:
            return []
        lead = self._entries[0]
        if smallest_first:
            smallest = min(self._entries, key=lambda entry: entry.size)
            lead = lead if self._is_like(smallest.size, lead.size) else smallest
        alike = (e for e in self._entries if e is not lead and self._is_like(e.size, lead.size))
        batch = self._best(lead, list(islice(alike, self._window - 1)), now, pace)
        taken = set(map(id, batch))
        self._set(entry for entry in self._entries if id(entry) not in taken)
        return batch

    def _best(
        self, lead: Entry[T, R], others: list[Entry[T, R]], now: float, pace: Pace
    ) -> list[Entry[T, R]]:
        """The lead, with those of the others with which it costs least for what it does."""
        line = sorted([lead, *others], key=lambda entry: entry.size)
        place = next(n for n, entry in enumerate(line) if entry is lead)
        best, least = [lead], 1.0
        for first in range(place + 1):
            units, due = 0, math.inf
            for last, entry in enumerate(line[first:], first):
                units, due = units + entry.size, min(due, entry.deadline)
                count = last - first + 1
                padded = entry.size * count
                over = self._max_cost is not None and padded > self._max_cost
                if count > self._max_batch or over or now + pace.seconds(units) > due:
                    break
                # Against each of them in a run of its own.
                share = (self._run_cost + padded) / (count * self._run_cost + units)
                if last >= place and share < least:
                    best, least = line[first : last + 1], share
        return best

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
        longest = max(sizes)
        peers = [
            e.size for e in self._entries if e.size < longest or self._is_like(e.size, longest)
        ]
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

    def _is_like(self, size: int, other: int) -> bool:
        """Whether alone neither would cost over twice as much as the other."""
        small, large = sorted((size, other))
        return self._run_cost + large <= _RATIO * (self._run_cost + small)

    def _set(self, entries: Iterable[Entry[T, R]]) -> None:
        self._entries = deque(entries)
        self._units = sum(entry.size for entry in self._entries)
