"""What the batcher does with callers that do not wait for ever."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

import pytest

from triptych_server.domain.deadline import deadline, due_in
from triptych_server.domain.errors import DeadlineExceeded, Exhausted, Reason
from triptych_server.encode.batcher import Batcher
from triptych_server.encode.errors import EncodingFailed


class Worker:
    """A run that takes a time for each item, and keeps what it was given."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.given: list[int] = []
        self._held = threading.Event()
        self._held.set()
        self._begun = threading.Semaphore(0)

    def run(self, items: Sequence[int]) -> list[int]:
        self.given.extend(items)
        self._begun.release()
        threading.Event().wait(self.seconds * len(items))
        assert self._held.wait(20)
        return [2 * item for item in items]

    def hold(self) -> None:
        """Every run from now on lasts until ``let_go``."""
        self._held.clear()

    def let_go(self) -> None:
        self._held.set()

    async def begun(self) -> None:
        """Returns when the next run has begun."""
        assert await asyncio.to_thread(self._begun.acquire, True, 20)


def batcher(
    worker: Worker,
    *,
    max_batch: int = 1,
    size_of: Callable[[int], int] = lambda item: 1,
    max_cost: int | None = None,
) -> Batcher[int, int]:
    return Batcher(
        "test", worker.run, max_batch=max_batch, max_queue=1000, size_of=size_of, max_cost=max_cost
    )


def ask(target: Batcher[int, int], *items: int, within: float | None) -> list[asyncio.Task[int]]:
    with due_in(within):
        return [asyncio.create_task(target.submit(item)) for item in items]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_its_deadline_overtakes_in_the_queue_is_never_run() -> None:
    worker = Worker(0)
    worker.hold()
    target = batcher(worker, max_batch=4)
    first = ask(target, 1, within=None)
    await worker.begun()
    hurried = ask(target, 2, 3, within=0.02)
    patient = ask(target, 4, within=60)
    await settled()
    assert target.counters.waiting == 3
    await asyncio.sleep(0.05)
    worker.let_go()

    for task in hurried:
        with pytest.raises(DeadlineExceeded) as caught:
            await task
        assert caught.value.reason is Reason.DEADLINE_TOO_SHORT
    assert await asyncio.gather(*first, *patient) == [2, 8]
    assert worker.given == [1, 4]
    counters = target.counters
    assert (counters.expired, counters.begun_late, counters.waiting) == (2, 0, 0)
    await target.close()


async def test_a_deadline_that_passes_on_the_way_to_the_thread_counts() -> None:
    """Not only where the batch is put together: the thread may get to it much later."""
    worker = Worker(0)
    target = batcher(worker)
    loop = asyncio.get_running_loop()
    task = ask(target, 1, within=0.03)[0]
    # The loop hands the batch over in one step and is then kept from everything; so is the thread.
    blocked = threading.Event()
    target._threads[0].submit(blocked.wait, 20)
    loop.call_later(0.06, blocked.set)

    with pytest.raises(DeadlineExceeded):
        await task
    assert worker.given == []
    assert (target.counters.expired, target.counters.items, target.counters.runs) == (1, 0, 0)
    await target.close()


async def test_nothing_is_queued_once_the_deadline_has_passed() -> None:
    worker = Worker(0)
    target = batcher(worker)
    with due_in(0), pytest.raises(DeadlineExceeded):
        await target.submit_all([1, 2])
    with due_in(0), pytest.raises(DeadlineExceeded):
        target.require_room()
    assert worker.given == []
    assert target.counters.expired == 3
    await target.close()


async def test_what_could_not_be_done_in_time_is_refused_at_once() -> None:
    worker = Worker(0.02)
    target = batcher(worker)
    await target.submit(0)
    ahead = ask(target, *range(1, 21), within=None)
    await settled()

    # 0.4 s of work are ahead.
    with due_in(0.1), pytest.raises(Exhausted) as caught:
        await target.submit(99)
    with due_in(0.1), pytest.raises(Exhausted):
        target.require_room()
    patient = ask(target, 100, within=60)

    assert caught.value.reason is Reason.QUEUE_FULL
    assert caught.value.retry_after_s is not None
    assert 0.05 < caught.value.retry_after_s <= 5
    assert "too busy to be done by the deadline" in caught.value.message
    await asyncio.gather(*ahead, *patient)
    assert 99 not in worker.given
    assert target.counters.refused == 2
    await target.close()


async def test_pictures_on_their_way_count_as_ahead() -> None:
    worker = Worker(0.02)
    target = batcher(worker)
    await target.submit(0)
    with due_in(0.1):
        target.require_room(preparing=1)
        with pytest.raises(Exhausted):
            target.require_room(preparing=50)
    await target.close()


async def test_a_model_that_rests_is_always_tried() -> None:
    """One slow run must not have all callers refused from then on."""
    worker = Worker(0.3)
    target = batcher(worker)
    await target.submit(0)
    worker.seconds = 0.0

    assert await ask(target, 1, within=0.1)[0] == 2
    assert target.counters.refused == 0
    await target.close()


async def test_a_short_text_is_not_refused_for_the_bulk_that_it_passes() -> None:
    worker = Worker(0.01)
    target = batcher(worker, max_batch=1, size_of=lambda item: max(1, item // 100), max_cost=8)
    await asyncio.gather(target.submit(100), target.submit(800))
    bulk = ask(target, *[800] * 400, within=None)
    await settled()

    # The bulk takes 4 s; every second run is for the smallest.
    short = ask(target, 101, within=1.0)[0]
    with due_in(1.0), pytest.raises(Exhausted):
        await target.submit(801)

    assert await short == 202
    for task in bulk:
        task.cancel()
    await target.close()
    assert len(worker.given) < 50


async def test_work_for_nobody_is_left_out_on_the_way_to_the_thread() -> None:
    worker = Worker(0)
    target = batcher(worker)
    blocked = threading.Event()
    target._threads[0].submit(blocked.wait, 20)
    task = ask(target, 1, within=None)[0]
    await settled()
    task.cancel()
    await settled()
    blocked.set()
    await target.close()

    assert worker.given == []
    assert target.counters.skipped == 1


async def test_a_run_that_ends_too_late_is_counted() -> None:
    worker = Worker(0)
    worker.hold()
    target = batcher(worker)
    task = ask(target, 1, within=0.05)[0]
    await worker.begun()
    await asyncio.sleep(0.08)
    worker.let_go()

    assert await task == 2
    assert (target.counters.begun_late, target.counters.ended_late) == (0, 1)
    await target.close()


async def test_the_queue_outlives_the_deadline_of_its_first_caller() -> None:
    seen: list[float | None] = []

    class Listener(logging.Handler):
        """Called where the queue logs, so it sees what the queue's own task sees."""

        def emit(self, record: logging.LogRecord) -> None:
            seen.append(deadline())

    def fail(items: Sequence[int]) -> list[int]:
        raise ArithmeticError

    logger, listener = logging.getLogger("triptych_server.encode.batcher"), Listener()
    logger.addHandler(listener)
    target: Batcher[int, int] = Batcher("test", fail, max_batch=1, max_queue=9)
    try:
        with pytest.raises(EncodingFailed):
            await ask(target, 1, within=20)[0]
    finally:
        logger.removeHandler(listener)
        await target.close()
    assert seen == [None]


async def test_shared_work_can_be_begun_without_a_deadline() -> None:
    with due_in(5):
        assert deadline() is not None
        with due_in(None):
            inner = asyncio.create_task(_read())
        outer = asyncio.create_task(_read())
    assert deadline() is None
    assert await inner is None
    assert await outer is not None


async def _read() -> float | None:
    return deadline()
