"""Asks the swaps of a server, in several ways, and computes what it should have answered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.quality.asking import Mismatch
from tools.quality.composed.gallery import COLLECTION, Picture, item_id
from tools.quality.composed.swaps import Swap
from tools.quality.oracle import Floats
from triptych import Client, SearchResponse, part, recompute

SHOWN = 10
# Similarities are computed in single precision.
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Way:
    """How a swap is asked: the weights of its picture, of what is added, of what is taken away.

    A part of weight 0 is left out.
    """

    name: str
    picture: float = 0.0
    more: float = 0.0
    less: float = 0.0

    @property
    def weights(self) -> tuple[float, float, float]:
        """In the order of the parts."""
        return self.picture, self.more, self.less


COMPOSED = Way("picture + new - old", 1, 1, -1)
PICTURE = Way("picture alone", 1)
WORDS = Way("words of the new colour alone", 0, 1)
WAYS = (
    COMPOSED,
    Way("picture + new", 1, 1),
    Way("picture - old", 1, 0, -1),
    PICTURE,
    WORDS,
    Way("picture + new - old, words of weight 0.5", 1, 0.5, -0.5),
    Way("picture + new - old, words of weight 2", 1, 2, -2),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A swap and the ids found, best first, by one way of asking."""

    swap: Swap
    first: tuple[str, ...]

    @property
    def expected(self) -> tuple[str, ...]:
        """The thing on the new ground is the one right answer."""
        return (item_id(self.swap.thing, self.swap.new),)


class Gallery:
    """The collection's own vectors, to compute in numpy what a search should find."""

    def __init__(self, client: Client) -> None:
        found = list(client.list_items(COLLECTION, return_fields=["vectors"]))
        self._client = client
        self._ids = [item.id for item in found]
        self._rows: Floats = np.array([item.vectors["image"].dense.values for item in found])

    def ask(self, swap: Swap, picture: Picture, way: Way) -> Asked:
        """The swap as ``way`` asks it, its answer held to the formula.

        Raises:
            Mismatch: the server found something else.
            TriptychError: the server refuses.
        """
        weights = way.weights
        parts = [
            part(image=picture.data, weight=weights[0] or None),
            part(text=swap.more, weight=weights[1] or None),
            part(text=swap.less, weight=weights[2] or None),
        ]
        chosen = [one for one, weight in zip(parts, weights, strict=True) if weight]
        answer = self._client.search(COLLECTION, weights={"image": 1}, composed=chosen, limit=SHOWN)
        recompute(answer)
        self._check(answer, swap, picture, weights)
        return Asked(swap, tuple(hit.item.id for hit in answer.hits))

    def _check(
        self, answer: SearchResponse, swap: Swap, picture: Picture, weights: Sequence[float]
    ) -> None:
        encoded = self._client.encode(texts=[swap.more, swap.less], images=[picture.data])
        more, less, looks = (np.array(one.vector.values) for one in encoded.embeddings)
        summands = np.array(weights)[:, None] * np.array([looks, more, less])
        total = summands.sum(axis=0)
        length = float(np.linalg.norm(total))
        similarities = dict(zip(self._ids, self._rows @ total / length, strict=True))
        falling = sorted(similarities.values(), reverse=True)
        stored = dict(zip(self._ids, self._rows, strict=True))
        for place, hit in enumerate(answer.hits):
            (score,) = hit.vector_scores
            shares = summands[np.array(weights) != 0] @ stored[hit.item.id] / length
            if not (
                abs(score.similarity - similarities[hit.item.id]) < _ROUNDING
                and abs(score.similarity - falling[place]) < _ROUNDING
                and np.allclose(score.part_shares, shares, rtol=0, atol=_ROUNDING)
            ):
                raise Mismatch(f"{swap.thing}, {swap.old} to {swap.new}: {hit.item.id} is amiss")
