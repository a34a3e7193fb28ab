"""How long runs of a model take, learned from those that it made."""

from __future__ import annotations

from dataclasses import dataclass

# Of a sum over past runs, what one run later is left of it: the last ten or so are what counts.
_KEPT = 0.9
# Below this relative variance of sizes, a part that does not depend on size can't be told.
_ALIKE = 0.01


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of each run whatever is in it, and of each unit (a picture, or a token)."""

    of_run: float
    of_unit: float

    def seconds(self, units: int, runs: int = 1) -> float:
        """What ``units`` in ``runs`` would take."""
        return self.of_run * runs + self.of_unit * units


AT_ONCE = Pace(0.0, 0.0)
"""The pace of a model of which nothing is known yet."""


class RunTimes:
    """Least squares over recent runs, neither part of the pace below zero.

    Where the runs were too alike to tell the parts apart, all is taken to be the units'.
    """

    def __init__(self) -> None:
        self._n = self._x = self._y = self._xx = self._xy = 0.0
        self.pace = AT_ONCE
        """As of the last run."""

    def observe(self, units: int, seconds: float) -> None:
        """Learn from one run of at least one unit."""
        self._n = self._n * _KEPT + 1
        self._x = self._x * _KEPT + units
        self._y = self._y * _KEPT + seconds
        self._xx = self._xx * _KEPT + units * units
        self._xy = self._xy * _KEPT + units * seconds
        self.pace = self._fit()

    def _fit(self) -> Pace:
        variance = self._n * self._xx - self._x * self._x
        if variance > _ALIKE * self._x * self._x:
            of_unit = (self._n * self._xy - self._x * self._y) / variance
            of_run = (self._y - of_unit * self._x) / self._n
            if of_unit < 0:
                return Pace(self._y / self._n, 0.0)
            if of_run >= 0:
                return Pace(of_run, of_unit)
        return Pace(0.0, self._y / self._x)
