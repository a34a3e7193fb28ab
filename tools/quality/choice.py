"""Which setting the development questions and the words on labels speak for.

The rule, fixed before anything was measured: the highest success at 3 over the development
questions and the label words, each question counting once; among equals the highest mean
reciprocal rank; among those the server's default, then the simplest, which stands first in
``SETTINGS``. Another setting than the default is chosen only where its gain in success at 3 is
beyond noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tools.quality.figures import Interval, paired_difference, place_of
from tools.quality.measure import Measured
from tools.quality.oracle import Floats
from tools.quality.questions import FIRST
from tools.quality.settings import KS, PARTS, SETTINGS, WEIGHTINGS, Setting


@dataclass(frozen=True, slots=True)
class Grid:
    """For each setting, 1 / place of the first expected picture of each question.

    ``default`` is the server's own setting, with which the others are compared.
    """

    default: Setting
    reciprocal: Mapping[Setting, Floats]

    def success3(self, setting: Setting) -> Floats:
        """1 where a question is answered among the first three, else 0."""
        return (self.reciprocal[setting] * FIRST >= 1 - 1e-9).astype(np.float64)

    def best(self) -> list[Setting]:
        """The settings that ask every leg, best first by the rule."""
        # Means of the same fractions in another order may differ in their last digit.
        return sorted(
            dict.fromkeys((self.default, *SETTINGS)),
            key=lambda one: (
                -round(float(self.success3(one).mean()), 9),
                -round(float(self.reciprocal[one].mean()), 9),
            ),
        )

    def gain3(self, setting: Setting) -> Interval:
        """The gain in success at 3 over the default."""
        return paired_difference(self.success3(setting), self.success3(self.default))

    def gain_mrr(self, setting: Setting) -> Interval:
        """The gain in mean reciprocal rank over the default."""
        return paired_difference(self.reciprocal[setting], self.reciprocal[self.default])

    def chosen(self) -> Setting:
        """What the rule chooses."""
        first = self.best()[0]
        return first if self.gain3(first).low > 0 else self.default


def grid(measured: Measured) -> Grid:
    """Every setting, also those that leave legs out, over development questions and label words."""
    answers = (*measured.development, *measured.label_words)
    compared = (Setting(weighting, k) for weighting in (*WEIGHTINGS, *PARTS) for k in KS)
    return Grid(
        measured.default,
        {
            setting: np.array(
                [
                    1 / place_of(asked.ranking(setting), measured.expected(asked))
                    for asked in answers
                ]
            )
            for setting in (measured.default, *compared)
        },
    )
