"""Everything that is measured of composed inputs, from a running server."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.demo.places import ENCODER
from tools.quality.composed.asking import WAYS, Asked, Gallery, Way
from tools.quality.composed.gallery import draw_gallery, draw_questions, ingest
from tools.quality.composed.swaps import load_swaps
from tools.quality.figures import Figures, Interval, figures, paired_difference, place_of
from tools.quality.oracle import Floats
from tools.quality.questions import FIRST
from triptych import Client


@dataclass(frozen=True, slots=True)
class Measured:
    """The answers of every way of asking, each in the order of the written list."""

    pictures: int
    revision: str
    answers: dict[Way, tuple[Asked, ...]]

    def figures(self, way: Way) -> Figures:
        """What is counted of one way."""
        asked = self.answers[way]
        return figures([one.first for one in asked], [one.expected for one in asked])

    def gain(self, way: Way, base: Way) -> Interval:
        """The gain of ``way`` in success at 3 over ``base``, swap by swap."""
        return paired_difference(self._success(way), self._success(base))

    def failed(self, way: Way) -> tuple[Asked, ...]:
        """The swaps whose right picture is not among the first three."""
        return tuple(one for one in self.answers[way] if place_of(one.first, one.expected) > FIRST)

    def _success(self, way: Way) -> Floats:
        places = [place_of(one.first, one.expected) for one in self.answers[way]]
        return (np.array(places) <= FIRST).astype(np.float64)


def measure(client: Client, tell: Callable[[str], None]) -> Measured:
    """Draws the pictures, writes them, and asks every swap in every way.

    Raises:
        NotIngested: not every picture came into the collection.
        Mismatch: an answer is not what its vectors give.
        TriptychError: the server refuses a call.
    """
    swaps = load_swaps()
    pictures = draw_gallery(swaps)
    tell(f"ingesting {len(pictures)} pictures")
    ingest(client, pictures)
    gallery, questions = Gallery(client), draw_questions(swaps)
    (revision,) = (one.revision for one in client.status().encoders if one.name == ENCODER)
    tell(f"asking {len(swaps)} swaps in {len(WAYS)} ways")
    return Measured(
        len(pictures),
        revision,
        {
            way: tuple(
                gallery.ask(swap, picture, way)
                for swap, picture in zip(swaps, questions, strict=True)
            )
            for way in WAYS
        },
    )
