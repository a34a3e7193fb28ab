"""Coroutines side by side: nothing of them is kept when they are cancelled."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from triptych_server.usecases.together import together


class Large:
    """What should not outlive a call, such as a picture."""


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """What is freed is freed by its references alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def _waits(large: Large) -> None:
    await asyncio.Event().wait()


async def test_a_cancelled_call_keeps_nothing_that_it_had() -> None:
    made: list[weakref.ref[Large]] = []
    all_made = asyncio.Event()

    async def inner(number: int) -> None:
        large = Large()
        made.append(weakref.ref(large))
        if len(made) == 3:
            all_made.set()
        await together(_waits(large) for _ in range(2))

    task = asyncio.create_task(together(inner(number) for number in range(3)))
    await all_made.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    assert [one() for one in made] == [None, None, None]
