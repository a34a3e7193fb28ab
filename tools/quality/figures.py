"""What is counted, and how sure the count is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.quality.oracle import Floats
from tools.quality.questions import FIRST

RESAMPLES = 10_000
BOOTSTRAP_SEED = 7
DEEP = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of a row of questions, each from 0 to 1.

    success3, success1: an expected picture among the first three, or first. mrr: the mean of
    1 / place of the first expected picture. recall10: of the questions that expect several
    pictures, the mean share of these among the first ten; None where no question expects several.
    """

    questions: int
    success3: float
    success1: float
    mrr: float
    recall10: float | None


def place_of(ranking: Sequence[str], expected: Sequence[str]) -> float:
    """The place from 1 of the first expected id; infinity where there is none."""
    places = (place for place, found in enumerate(ranking, start=1) if found in expected)
    return float(next(places, np.inf))


def figures(rankings: Sequence[Sequence[str]], expected: Sequence[Sequence[str]]) -> Figures:
    """What is counted, of one ranking for each question; raises ``ValueError`` for none."""
    if not rankings:
        raise ValueError("no question")
    places = np.array([place_of(*pair) for pair in zip(rankings, expected, strict=True)])
    several = [
        sum(one in ranking[:DEEP] for one in wanted) / len(wanted)
        for ranking, wanted in zip(rankings, expected, strict=True)
        if len(wanted) > 1
    ]
    return Figures(
        questions=len(places),
        success3=float(np.mean(places <= FIRST)),
        success1=float(np.mean(places == 1)),
        mrr=float(np.mean(1 / places)),
        recall10=float(np.mean(several)) if several else None,
    )


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference of means and where 95 % of its resampled values lie."""

    difference: float
    low: float
    high: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def paired_difference(values: Floats, base: Floats) -> Interval:
    """How much the mean of ``values`` is above that of ``base``, question by question.

    The percentile bootstrap over the questions (Efron and Tibshirani, "An Introduction to the
    Bootstrap", 1993, chapter 13); the same resamples in each run.
    """
    gains = values - base
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    drawn = rng.integers(len(gains), size=(RESAMPLES, len(gains)))
    low, high = np.quantile(gains[drawn].mean(axis=1), [0.025, 0.975])
    return Interval(float(gains.mean()), float(low), float(high))
