"""Long computations run beside the event loop, short ones in it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from triptych_server.usecases.apart import LARGE, apart


@pytest.mark.parametrize("size", [0, LARGE - 1])
async def test_little_is_done_at_once(size: int) -> None:
    assert await apart(size, threading.get_ident) == threading.get_ident()


async def test_much_leaves_the_loop_to_others() -> None:
    go_on = threading.Event()
    task = asyncio.create_task(apart(LARGE, lambda: go_on.wait(30)))
    await asyncio.sleep(0)
    assert not task.done()
    # Said by the loop, which would not come to it if it were held up.
    go_on.set()
    assert await task


async def test_an_error_comes_back_from_there() -> None:
    def work() -> None:
        raise KeyError("missing")

    with pytest.raises(KeyError, match="missing"):
        await apart(LARGE, work)
