"""Who steps back: the threads of work in bulk, and no others."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from triptych_server.encode.batcher import Batcher
from triptych_server.encode.priority import step_back

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_steps_back_with_those_that_it_starts() -> None:
    before = niceness()
    with ThreadPoolExecutor(1, initializer=step_back) as pool:
        own = pool.submit(niceness).result()

        def child() -> int:
            with ThreadPoolExecutor(1) as inner:
                return inner.submit(niceness).result()

        assert pool.submit(child).result() == own
    assert own == min(19, before + 10)
    assert niceness() == before


@pytest.mark.parametrize("in_bulk", [True, False])
async def test_only_what_is_run_in_bulk_steps_back(in_bulk: bool) -> None:
    def run(items: Sequence[int]) -> list[int]:
        return [niceness() for _ in items]

    target: Batcher[int, int] = Batcher("test", run, max_batch=4, max_queue=9, in_bulk=in_bulk)
    found = await asyncio.gather(target.submit(1), target.submit(2))
    await target.close()
    here = niceness()
    assert set(found) == {min(19, here + 10) if in_bulk else here}
