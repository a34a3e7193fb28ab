"""What became of the texts and pictures of recent searches, so that they are not encoded again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from triptych_server.domain.errors import DeadlineExceeded, Exhausted
from triptych_server.domain.items import Notice, TokenUse
from triptych_server.domain.vectors import SparseVector, Vector

# Of one encoding that is kept. Vectors have a few KB each; only a page of terms could have more.
MAX_ENTRY_BYTES = 64 * 1024

Make = Callable[[], Coroutine[Any, Any, "Encoding"]]


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """An input as its vectors, one for each encoder that has seen it.

    ``tokens`` for a text, ``notices`` of a picture's intake, without the field they are about.
    """

    vectors: tuple[Vector, ...]
    tokens: TokenUse | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def byte_size(self) -> int:
        """Of the vectors' numbers."""
        return sum(array.nbytes for vector in self.vectors for array in _arrays(vector))


def encoding(
    vectors: Iterable[Vector],
    tokens: TokenUse | None = None,
    notices: tuple[Notice, ...] = (),
) -> Encoding:
    """An encoding whose arrays are its own and read-only, since several searches may share it."""
    return Encoding(tuple(map(_own, vectors)), tokens, notices)


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    encoding: Encoding
    until: float


@dataclass(slots=True, eq=False)
class _Flight:
    """An encoding being made, and how many wait for it."""

    task: asyncio.Task[Encoding]
    waiting: int = 0


class QueryCache:
    """The encodings made last, each for a while; what several want at once is made once.

    At most ``size`` are kept, those that were asked for last, none of more than
    ``MAX_ENTRY_BYTES``, and each for ``seconds`` by ``clock``, which counts seconds and never goes
    back. With a ``size`` of 0 nothing is kept and nothing is shared.

    A failure is that of all who wait for it at the time, and is not kept; but where it was the time
    that did not suffice, each tries with its own. One who gives up does not take it from the
    others; when the last has, it is given up.
    """

    def __init__(self, size: int, seconds: float, clock: Callable[[], float]) -> None:
        self._size = size
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._flights: dict[Hashable, _Flight] = {}

    def __len__(self) -> int:
        """How many encodings are kept."""
        return len(self._kept)

    async def __call__(self, key: Hashable, make: Make) -> tuple[Encoding, bool]:
        """The encoding of ``key``, and whether it was made for somebody else.

        ``key`` has to hold all that ``make`` depends on. Raises what ``make`` raises.
        """
        if not self._size:
            return await make(), False
        while True:
            found = self._fresh(key)
            if found is not None:
                return found, True
            flight = self._flights.get(key)
            joined = flight is not None
            if flight is None:
                flight = self._flights[key] = _Flight(asyncio.create_task(self._fly(key, make)))
            try:
                return await self._landed(key, flight), joined
            except (DeadlineExceeded, Exhausted):
                # It was due when the one who began it wanted it, and refused where that could not
                # be: this one may have more time.
                if not joined:
                    raise

    async def _landed(self, key: Hashable, flight: _Flight) -> Encoding:
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight.task)
                flight.task.cancel()

    async def _fly(self, key: Hashable, make: Make) -> Encoding:
        try:
            made = await make()
            self._keep(key, made)
            return made
        finally:
            self._forget(key, asyncio.current_task())

    def _forget(self, key: Hashable, task: asyncio.Task[Any] | None) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]

    def _fresh(self, key: Hashable) -> Encoding | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._clock() >= kept.until:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return kept.encoding

    def _keep(self, key: Hashable, made: Encoding) -> None:
        if made.byte_size > MAX_ENTRY_BYTES:
            return
        self._kept[key] = _Kept(made, self._clock() + self._seconds)
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)


def _own(vector: Vector) -> Vector:
    """A copy: the vector itself may be a row of a whole batch."""
    own = (
        SparseVector(vector.indices.copy(), vector.values.copy())
        if isinstance(vector, SparseVector)
        else vector.copy()
    )
    for array in _arrays(own):
        array.flags.writeable = False
    return own


def _arrays(vector: Vector) -> tuple[np.ndarray[Any, Any], ...]:
    return (vector.indices, vector.values) if isinstance(vector, SparseVector) else (vector,)
