"""Everything that is measured of discoveries, from a running server."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.demo.places import ENCODER
from tools.quality.discovery.asking import PAIRS, SWAPPED, TARGET, WAYS, Asked, Gallery, Way
from tools.quality.discovery.cases import load_cases
from tools.quality.discovery.gallery import Picture, draw_gallery, ingest
from tools.quality.figures import Interval, paired_difference
from tools.quality.oracle import Floats
from triptych import Client


@dataclass(frozen=True, slots=True)
class Row:
    """What is counted of one way of asking, all but the places as shares of 1.

    wanted, unwanted: of the first hits those on the wanted or unwanted side of a pair. target: of
    the first hits those that show the target. right_first: of the cases with a right picture, one
    that shows the target on both wanted sides, those whose first hit is such a one. place: the
    median over these cases of the mean place of right pictures.
    """

    wanted: float
    unwanted: float
    target: float
    right_first: float
    place: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The pictures, and the answers of every way of asking, in the order of the written list."""

    pictures: tuple[Picture, ...]
    revision: str
    answers: dict[Way, tuple[Asked, ...]]

    def row(self, way: Way) -> Row:
        """What is counted of one way."""
        asked = self.answers[way]
        return Row(
            float(np.mean([one.share(one.case.wanted) for one in asked])),
            float(np.mean([one.share(one.case.unwanted) for one in asked])),
            float(np.mean([one.share([one.case.target]) for one in asked])),
            float(np.mean([one.places[0] == 1 for one in asked if one.places])),
            float(np.median([np.mean(one.places) for one in asked if one.places])),
        )

    @property
    def with_right(self) -> int:
        """How many cases have a right picture."""
        return sum(bool(one.places) for one in self.answers[TARGET])

    def by_aspect(self, way: Way, aspect: str) -> tuple[float, float]:
        """Of the pairs of one aspect (``colour``, ``count``, ``kind`` or ``style``): the shares of
        the first hits on the wanted side and on the unwanted one."""
        asked = self.answers[way]
        sides = [
            (one.share([more]), one.share([less]))
            for one in asked
            for more, less in zip(one.case.wanted, one.case.unwanted, strict=True)
            if more.aspect == aspect
        ]
        wanted, unwanted = np.mean(sides, axis=0)
        return float(wanted), float(unwanted)

    def moved(self, way: Way, base: Way = TARGET) -> Interval:
        """How far ``way`` moves the wanted sides' share of the first hits, case by case."""
        return paired_difference(self._wanted(way), self._wanted(base))

    def failed(self) -> tuple[tuple[Asked, Asked, Asked], ...]:
        """The cases whose wanted sides the pairs don't move up, or swapped ones not down.

        Each as it was answered by target alone, by its pairs and by swapped ones.
        """
        ways = zip(*(self.answers[way] for way in (TARGET, PAIRS, SWAPPED)), strict=True)
        return tuple(
            (alone, up, down)
            for alone, up, down in ways
            if not (
                up.share(up.case.wanted)
                > alone.share(alone.case.wanted)
                > down.share(down.case.wanted)
            )
        )

    def _wanted(self, way: Way) -> Floats:
        return np.array([one.share(one.case.wanted) for one in self.answers[way]])


def measure(client: Client, tell: Callable[[str], None]) -> Measured:
    """Draws the pictures, writes them, and asks every case in every way.

    Raises:
        NotIngested: not every picture came into the collection.
        Mismatch: an answer is not what its vectors give.
        ScoreMismatch: nor what its own figures give.
        TriptychError: the server refuses a call.
    """
    cases = load_cases()
    pictures = draw_gallery(cases)
    tell(f"ingesting {len(pictures)} pictures")
    ingest(client, pictures)
    gallery = Gallery(client, pictures)
    (revision,) = (one.revision for one in client.status().encoders if one.name == ENCODER)
    tell(f"asking {len(cases)} discoveries in {len(WAYS)} ways")
    return Measured(
        pictures,
        revision,
        {way: tuple(gallery.ask(case, way) for case in cases) for way in WAYS},
    )
