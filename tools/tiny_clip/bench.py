"""What every measurement needs: the model, new pictures, sentences, and recall."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.sprites.catalogue import Thing
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.compose import Plan, compose
from tools.tiny_clip.folder import ModelFolder
from tools.tiny_clip.preprocess import to_pixels
from tools.tiny_clip.seeds import EVALUATION_SEEDS
from tools.tiny_clip.sentences import Writer

ROUNDS = 5
CUTS = (1, 2, 3, 5, 10, 20)
Rows = NDArray[np.float32]
Figures = dict[str, float]


def share(hits: NDArray[np.bool_]) -> float:
    return round(float(hits.mean() * 100), 1)


def ranks(queries: Rows, gallery: Rows, targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each query the rank from 1 of its target in the gallery."""
    scores = queries @ gallery.T
    own = np.take_along_axis(scores, targets[:, None], axis=1)
    return np.asarray((scores > own).sum(axis=1) + 1, dtype=np.int64)


def recalls(places: NDArray[np.int64]) -> Figures:
    """R@k in percent for every k of ``CUTS``."""
    return {f"R@{cut}": share(places <= cut) for cut in CUTS}


@dataclass(frozen=True, slots=True)
class Bench:
    """What every section needs: the model, the things, their sprites, and a writer."""

    model: ModelFolder
    things: tuple[Thing, ...]
    sprites: tuple[tuple[Image.Image, ...], ...]
    writer: Writer

    @property
    def classes(self) -> NDArray[np.int64]:
        """All class indices."""
        return np.arange(len(self.things))

    def draw(self, plans: list[Plan], rng: np.random.Generator, side: int | None = None) -> Rows:
        """Embeddings of newly composed pictures."""
        drawn = [to_pixels(compose(plan, self.sprites, rng, side)[0]) for plan in plans]
        return self.model.pictures(np.stack(drawn))

    def gallery(self, rng: np.random.Generator, style: int = 0, side: int | None = None) -> Rows:
        """One new picture of every class, with a random ground, four in ten with words."""
        plans = [
            Plan(
                (thing,),
                int(rng.integers(len(COLOURS))),
                bool(rng.random() < 0.4),
                style,
                fancy=True,
            )
            for thing in range(len(self.things))
        ]
        return self.draw(plans, rng, side)

    def asked(
        self, forms: tuple[str, ...], rng: np.random.Generator, synonyms: bool = False
    ) -> Rows:
        """One sentence for every class, its form drawn by chance."""
        return self.model.texts(
            [
                self.writer.fill(
                    forms[int(rng.integers(len(forms)))], thing, rng, synonyms=synonyms
                )
                for thing in range(len(self.things))
            ]
        )


def pooled(
    bench: Bench,
    seed: int,
    one: Callable[[np.random.Generator], NDArray[np.int64]],
) -> Figures:
    rng = np.random.default_rng(EVALUATION_SEEDS[seed])
    return recalls(np.concatenate([one(rng) for _ in range(ROUNDS)]))
