"""What a picture holds and what a sentence asks for, and whether the one satisfies the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ANY = -1
UNKNOWN = -2
# So many different things a picture may show, and a sentence ask for.
MOST_THINGS = 3


@dataclass(frozen=True, slots=True)
class Truth:
    """What a picture shows.

    ``things``: class indices (one, or up to three different ones); ``count``: how many of the one
    thing, 0 where different things are shown; ``colour``: index into ``COLOURS`` or ``UNKNOWN``;
    ``words``: whether words are printed; ``style``: index into ``STYLES`` or ``UNKNOWN``.
    """

    things: tuple[int, ...]
    count: int
    colour: int
    words: bool
    style: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What a sentence asks for; an empty tuple, ``ANY`` or ``None`` asks for nothing.

    Each entry of ``things`` is a set of classes of which one must be there.
    """

    things: tuple[frozenset[int], ...] = ()
    count: int = ANY
    colour: int = ANY
    words: bool | None = None
    style: int = ANY


@dataclass(frozen=True, slots=True)
class Match:
    """Boolean [sentences, pictures]: ``yes``, and ``open`` where it can't be told."""

    yes: NDArray[np.bool_]
    open: NDArray[np.bool_]


def _holds(truths: Sequence[Truth], classes: int) -> NDArray[np.float32]:
    held = np.zeros((len(truths), classes), np.float32)
    for row, truth in enumerate(truths):
        held[row, list(truth.things)] = 1
    return held


def match(demands: Sequence[Demand], truths: Sequence[Truth], classes: int) -> Match:
    """Which picture satisfies which sentence."""
    held = _holds(truths, classes)
    yes = np.ones((len(demands), len(truths)), bool)
    for place in range(MOST_THINGS):
        wanted = np.zeros((len(demands), classes), np.float32)
        for row, demand in enumerate(demands):
            if len(demand.things) > place:
                wanted[row, list(demand.things[place])] = 1
            else:
                wanted[row] = 1
        yes &= (wanted @ held.T) > 0
    unsure = np.zeros_like(yes)
    for wants, has in (
        ([d.count for d in demands], [t.count for t in truths]),
        ([d.colour for d in demands], [t.colour for t in truths]),
        ([d.style for d in demands], [t.style for t in truths]),
    ):
        want = np.array(wants)[:, None]
        have = np.array(has)[None, :]
        asked = want != ANY
        unsure |= asked & (have == UNKNOWN)
        yes &= ~asked | (have == UNKNOWN) | (want == have)
    words_wanted = np.array([ANY if d.words is None else int(d.words) for d in demands])[:, None]
    words = np.array([int(t.words) for t in truths])[None, :]
    yes &= (words_wanted == ANY) | (words_wanted == words)
    # "One cat" before a picture of a cat and a dog: true or false as one likes.
    pair = np.array([t.count == 0 for t in truths])[None, :]
    one = np.array([d.count == 1 for d in demands])[:, None]
    things_ok = np.ones_like(yes)
    for row, demand in enumerate(demands):
        if demand.count == 1 and demand.things:
            things_ok[row] = held[:, list(demand.things[0])].sum(axis=1) > 0
    unsure_pair = pair & one & things_ok
    return Match(yes=yes & ~unsure & ~unsure_pair, open=(yes & unsure) | unsure_pair)
