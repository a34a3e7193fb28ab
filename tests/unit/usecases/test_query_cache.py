"""The query cache: what is kept, for how long, for whom, and what several want at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from triptych_server.domain.errors import (
    DeadlineExceeded,
    Exhausted,
    Reason,
    TriptychError,
    Unavailable,
)
from triptych_server.domain.items import TokenUse
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.usecases.query_cache import (
    MAX_ENTRY_BYTES,
    Encoding,
    QueryCache,
    encoding,
)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Maker:
    """Makes encodings, and counts; waits for ``gate`` first, then raises what is in ``faults``."""

    def __init__(self, size: int = 4) -> None:
        self.made = self.given_up = 0
        self.size = size
        self.gate = asyncio.Event()
        self.gate.set()
        self.faults: list[Exception] = []

    async def __call__(self) -> Encoding:
        self.made += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if self.faults:
            raise self.faults.pop()
        return encoding([np.full(self.size, self.made, np.float32)], TokenUse(9, 7))


async def started(*calls: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
    """The calls as tasks that have come as far as they get."""
    tasks = [asyncio.create_task(call) for call in calls]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


def too_late() -> DeadlineExceeded:
    return DeadlineExceeded(Reason.DEADLINE_TOO_SHORT, "too late")


def too_busy() -> Exhausted:
    return Exhausted(Reason.QUEUE_FULL, "not to be done by the deadline")


async def test_what_was_made_is_given_again_with_all_that_belongs_to_it() -> None:
    cache, make = QueryCache(4, 10.0, Clock()), Maker()
    first, was_there = await cache("a", make)
    assert not was_there
    again, was_there = await cache("a", make)
    assert was_there
    assert again is first
    assert again.tokens == TokenUse(9, 7)
    assert make.made == 1


async def test_it_is_kept_for_its_time_and_no_longer() -> None:
    clock = Clock()
    cache, make = QueryCache(4, 10.0, clock), Maker()
    await cache("a", make)
    clock.now += 9.99
    assert (await cache("a", make))[1]
    clock.now += 0.01  # asking for it does not make it younger
    assert not (await cache("a", make))[1]
    assert make.made == 2
    assert len(cache) == 1


async def test_the_one_that_nobody_asked_for_longest_makes_room() -> None:
    cache, make = QueryCache(2, 10.0, Clock()), Maker()
    for key in "aba":
        await cache(key, make)
    await cache("c", make)
    assert len(cache) == 2
    assert [(await cache(key, make))[1] for key in "acb"] == [True, True, False]


async def test_a_large_one_is_given_and_not_kept() -> None:
    cache, make = QueryCache(2, 10.0, Clock()), Maker(size=MAX_ENTRY_BYTES // 4 + 1)
    for _ in range(2):
        assert not (await cache("a", make))[1]
    assert len(cache) == 0


@pytest.mark.parametrize("size", [0, 2])
async def test_off_means_that_nothing_is_kept_or_shared(size: int) -> None:
    cache, make = QueryCache(size, 10.0, Clock()), Maker()
    make.gate.clear()
    tasks = await started(cache("a", make), cache("a", make))
    make.gate.set()
    shared = [(await task)[1] for task in tasks]
    assert make.made == (1 if size else 2)
    assert shared == [False, bool(size)]
    assert len(cache) == (1 if size else 0)


async def test_a_failure_is_everybody_s_and_is_not_kept() -> None:
    cache, make = QueryCache(2, 10.0, Clock()), Maker()
    make.gate.clear()
    make.faults = [Unavailable(Reason.SHUTTING_DOWN, "the server is stopping")]
    tasks = await started(cache("a", make), cache("a", make))
    make.gate.set()
    for task in tasks:
        with pytest.raises(Unavailable):
            await task
    assert len(cache) == 0
    assert not (await cache("a", make))[1]
    assert make.made == 2


async def test_one_who_gives_up_does_not_take_it_from_the_others() -> None:
    cache, make = QueryCache(2, 10.0, Clock()), Maker()
    make.gate.clear()
    first, second, third = await started(*(cache("a", make) for _ in range(3)))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    make.gate.set()
    assert (await second)[1]
    assert (await third)[1]
    assert first.cancelled()
    assert (make.made, make.given_up) == (1, 0)


async def test_when_the_last_gives_up_so_does_the_encoding() -> None:
    cache, make = QueryCache(2, 10.0, Clock()), Maker()
    make.gate.clear()
    tasks = await started(cache("a", make), cache("a", make))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # Who comes now does not wait for what has been given up.
    [late] = await started(cache("a", make))
    make.gate.set()
    assert not (await late)[1]
    assert (make.made, make.given_up) == (2, 1)


@pytest.mark.parametrize("fault", [too_late(), too_busy()], ids=["too late", "too busy"])
async def test_a_deadline_is_that_of_the_one_who_had_it(fault: TriptychError) -> None:
    cache, make = QueryCache(2, 10.0, Clock()), Maker()
    make.gate.clear()
    make.faults = [fault]
    first, second = await started(cache("a", make), cache("a", make))
    make.gate.set()
    with pytest.raises(type(fault)):
        await first
    assert not (await second)[1]
    assert make.made == 2


def arrays(vector: Vector) -> list[NDArray[Any]]:
    return [vector.indices, vector.values] if isinstance(vector, SparseVector) else [vector]


@pytest.mark.parametrize(
    "given",
    [
        lambda: np.ones(4, np.float32),
        lambda: SparseVector(np.arange(3, dtype=np.uint32), np.ones(3, np.float32)),
    ],
)
def test_its_arrays_are_its_own_and_can_t_be_written(given: Callable[[], Vector]) -> None:
    batch = given()
    [made] = encoding([batch]).vectors
    for array, own in zip(arrays(batch), arrays(made), strict=True):
        array[:] = 7
        assert not (own == 7).any()
        with pytest.raises(ValueError, match="read-only"):
            own[:] = 0
