"""Fixed shapes for a GPU: a batch is filled up to the next of a few sizes, and so are its texts.

A GPU plans its memory and picks its kernels anew for every shape that it has not met. With a few
shapes, all of them met at the start, its memory stays as it is and no caller pays for a plan. A
CPU gains nothing from it: there, what is filled up costs as much as what was asked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTHS = (8, 16, 32, 48, 64, 77, 128, 256, 512)


@dataclass(frozen=True, slots=True)
class Buckets:
    """The shapes of one model's runs, smallest first: rows of a batch, and tokens of a row.

    ``lengths`` is empty for pictures. ``max_cost`` is the most rows × tokens of a batch of several
    rows, before it is filled up; 0 where only the rows are limited.
    """

    rows: tuple[int, ...]
    lengths: tuple[int, ...] = ()
    max_cost: int = 0

    def shape(self, count: int, length: int = 0) -> tuple[int, ...]:
        """(rows,) or (rows, tokens) of the bucket for ``count`` rows, the longest of ``length``.

        What is larger than the largest bucket keeps its own size.
        """
        rows = _up_to(self.rows, count)
        return (rows, _up_to(self.lengths, length)) if self.lengths else (rows,)

    def shapes(self) -> list[tuple[int, ...]]:
        """Every shape that a batch can get, the largest first.

        So in a warm-up: an arena that has held the largest batch has room for all the others.
        """
        if not self.lengths:
            return [(rows,) for rows in reversed(self.rows)]
        found = [
            (rows, length)
            for rows, under in zip(self.rows, (0, *self.rows), strict=False)
            for length, below in zip(self.lengths, (0, *self.lengths), strict=False)
            if not self.max_cost or rows == 1 or (under + 1) * (below + 1) <= self.max_cost
        ]
        return sorted(found, key=lambda shape: shape[0] * shape[1], reverse=True)


def image_buckets(max_batch: int) -> Buckets:
    """1, 2, 4, ... pictures up to ``max_batch``, at least 1."""
    return Buckets(_powers(max_batch))


def text_buckets(max_batch: int, context_length: int, max_cost: int) -> Buckets:
    """The same for texts of 8, 16, 32, 48, ... tokens up to the model's own length."""
    lengths = tuple(length for length in _LENGTHS if length < context_length)
    return Buckets(_powers(max_batch), (*lengths, context_length), max_cost)


class Filler:
    """Fills inputs up to their bucket, in buffers that stay: no pages to be had for each batch.

    What it returns is overwritten by its next call, so it belongs to one thread.
    """

    def __init__(
        self, buckets: Buckets, types: Mapping[str, np.dtype[Any]], rest: Mapping[str, int]
    ) -> None:
        """``types`` are those that the model takes, by the names of its inputs.

        ``rest`` is what stands behind the end of a row of tokens that is too short; 0 by default.
        """
        self.buckets = buckets
        self._types = types
        self._rest = rest
        self._buffers: dict[str, NDArray[Any]] = {}

    def fill(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The inputs of one batch, in the model's types and filled up to their bucket.

        Rows that nobody asked for are the first one again: whatever a model makes of numbers, it
        makes of real ones.
        """
        return {name: self._filled(name, array) for name, array in feeds.items()}

    def _filled(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        count, *row = array.shape
        if self.buckets.lengths:
            shape = self.buckets.shape(count, row[0])
        else:
            shape = (*self.buckets.shape(count), *row)
        filled = self._buffer(name, int(np.prod(shape))).reshape(shape)
        if self.buckets.lengths:
            filled[:count, : row[0]] = array
            filled[:count, row[0] :] = self._rest.get(name, 0)
        else:
            filled[:count] = array
        filled[count:] = filled[0]
        return filled

    def _buffer(self, name: str, size: int) -> NDArray[Any]:
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size, self._types[name])
        return buffer[:size]


def _powers(most: int) -> tuple[int, ...]:
    below = [1 << n for n in range(most.bit_length()) if 1 << n < most]
    return (*below, most)


def _up_to(sizes: Sequence[int], wanted: int) -> int:
    place = bisect_left(sizes, wanted)
    return sizes[place] if place < len(sizes) else wanted
