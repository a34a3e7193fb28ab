"""A pool of composed pictures in memory, a part of which is drawn anew at every step."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.tiny_clip.compose import compose, random_plan
from tools.tiny_clip.labels import Truth
from tools.tiny_clip.preprocess import IMAGE_SIZE, to_pixels
from tools.tiny_clip.seeds import TRAINING_SEEDS


class Pool:
    """``size`` pictures as uint8 [size, 64, 64, 3] with their truths.

    Its first half starts with single things on plain grounds, so that names come before
    counts and styles; refreshing replaces them all in time.
    """

    def __init__(
        self,
        size: int,
        classes: int,
        sprites: tuple[tuple[Image.Image, ...], ...],
        seed: int,
        easy_share: float,
        report: Callable[[int], None],
    ) -> None:
        if seed not in TRAINING_SEEDS:
            raise ValueError(f"seed {seed} is not a training seed")
        self._rng = np.random.default_rng(seed)
        self._classes = classes
        self._sprites = sprites
        self.pixels: NDArray[np.uint8] = np.zeros((size, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
        self.truths: list[Truth] = []
        self.easy = np.zeros(size, bool)
        self._first = np.zeros(size, np.int64)
        for place in range(size):
            self.truths.append(Truth((0,), 1, 0, False, 0))
            self._draw(place, easy=place < size * easy_share)
            if place % 1000 == 999:
                report(place + 1)
        self._next = 0

    def _draw(self, place: int, easy: bool) -> None:
        image, truth = compose(
            random_plan(self._classes, self._rng, easy), self._sprites, self._rng
        )
        self.pixels[place] = to_pixels(image)
        self.truths[place] = truth
        self.easy[place] = easy
        self._first[place] = truth.things[0]

    def refresh(self, count: int) -> None:
        """Draws the ``count`` oldest pictures anew."""
        for _ in range(count):
            self._draw(self._next, easy=False)
            self._next = (self._next + 1) % len(self.truths)

    def batch(self, size: int) -> NDArray[np.int64]:
        """Places of ``size`` pictures: half by chance, half in fours of one thing.

        The fours give every "two cats on red" its near misses.
        """
        rng = self._rng
        free = rng.integers(len(self.truths), size=size // 2)
        fours = []
        for thing in rng.choice(self._classes, (size - size // 2) // 4, replace=False):
            members = np.flatnonzero(self._first == thing)
            fours.append(rng.choice(members, 4) if len(members) else rng.integers(0, 1, size=4))
        return np.concatenate([free, *fours])
