"""Arms that take turns in one process, so that what else the machine does falls on all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the rounds' own ratios, with the smallest and the largest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g}× ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True, slots=True)
class Rounds:
    """The figures of each arm, a round each: seconds, or what the arm itself gave."""

    figures: Mapping[str, Sequence[float]]

    def median(self, arm: str) -> float:
        """The arm's median."""
        return statistics.median(self.figures[arm])

    def ratio(self, over: str, under: str) -> Ratio:
        """``over`` / ``under``, each round for itself."""
        pairs = zip(self.figures[over], self.figures[under], strict=True)
        ratios = [one / other for one, other in pairs]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def interleaved(
    arms: Mapping[str, Callable[[], float | None]], *, rounds: int = 7, warm_up: int = 1
) -> Rounds:
    """Runs every arm once a round, in turn, each round in the opposite order of the one before.

    An arm that returns None is timed; else its figure is what it returns. The first ``warm_up``
    rounds are thrown away.
    """
    figures: dict[str, list[float]] = {name: [] for name in arms}
    names = list(arms)
    for number in range(-warm_up, rounds):
        for name in names if number % 2 == 0 else reversed(names):
            gc.collect()
            begin = time.perf_counter()
            given = arms[name]()
            taken = time.perf_counter() - begin
            if number >= 0:
                figures[name].append(taken if given is None else given)
    return Rounds(figures)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of ``values`` lies; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
