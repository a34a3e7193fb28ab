"""Batching across requests, with a run that the test itself lets begin and end."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from triptych_server.domain.errors import Code, Exhausted, Reason, Unavailable
from triptych_server.encode.batcher import Batcher
from triptych_server.encode.errors import EncodingFailed


class Gate:
    """A run that doubles its items, once it is let through; it keeps what it was given."""

    def __init__(self, *, open_from_start: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.threads: set[str] = set()
        self._running = 0
        self._begun = threading.Semaphore(0)
        self._pass = threading.Event()
        if open_from_start:
            self._pass.set()

    def run(self, items: Sequence[int]) -> list[int]:
        self._running += 1
        assert self._running == 1
        self.batches.append(list(items))
        self.threads.add(threading.current_thread().name)
        self._begun.release()
        assert self._pass.wait(20)
        self._running -= 1
        if -1 in items:
            raise ArithmeticError("minus one cannot be doubled")
        if -2 in items:
            return []
        return [2 * item for item in items]

    def open(self) -> None:
        self._pass.set()

    async def begun(self) -> None:
        """Returns when the next run has begun."""
        assert await asyncio.to_thread(self._begun.acquire, True, 20)


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    made = Gate()
    yield made
    made.open()


def batcher(gate: Gate, *, max_batch: int = 4, max_queue: int = 100) -> Batcher[int, int]:
    return Batcher("test", gate.run, max_batch=max_batch, max_queue=max_queue)


def submit(target: Batcher[int, int], *items: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(target.submit(item)) for item in items]


async def settled() -> None:
    """Every task that can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_each_caller_gets_its_own_result() -> None:
    gate = Gate(open_from_start=True)
    target = batcher(gate)

    assert await asyncio.gather(*submit(target, *range(25))) == [2 * n for n in range(25)]
    await target.close()

    assert sum(map(len, gate.batches)) == 25
    assert max(map(len, gate.batches)) <= 4
    assert len(gate.threads) == 1


async def test_a_single_item_starts_at_once_and_the_next_batch_is_what_queued(gate: Gate) -> None:
    target = batcher(gate)
    first = submit(target, 1)
    await gate.begun()
    assert gate.batches == [[1]]

    later = submit(target, 2, 3, 4)
    await settled()
    assert target.counters.waiting == 3
    gate.open()

    assert await asyncio.gather(*first, *later) == [2, 4, 6, 8]
    assert gate.batches == [[1], [2, 3, 4]]
    counters = target.counters
    assert (counters.runs, counters.items, counters.waiting) == (2, 4, 0)
    await target.close()


async def test_a_batch_is_never_larger_than_its_maximum(gate: Gate) -> None:
    target = batcher(gate, max_batch=3)
    tasks = submit(target, 0)
    await gate.begun()
    tasks += submit(target, *range(1, 8))
    await settled()
    gate.open()

    await asyncio.gather(*tasks)
    assert gate.batches == [[0], [1, 2, 3], [4, 5, 6], [7]]
    await target.close()


async def test_a_cancelled_item_is_not_run(gate: Gate) -> None:
    target = batcher(gate)
    first = submit(target, 1)
    await gate.begun()
    given_up, kept = submit(target, 2, 3)
    await settled()
    given_up.cancel()
    await settled()
    gate.open()

    assert await asyncio.gather(*first, kept) == [2, 6]
    assert gate.batches == [[1], [3]]
    assert target.counters.skipped == 1
    assert target.counters.items == 2
    await target.close()


async def test_cancelling_during_the_run_harms_nobody(gate: Gate) -> None:
    target = batcher(gate)
    first = submit(target, 1)
    await gate.begun()
    pair = submit(target, 2, 3)
    await settled()
    gate.open()
    first[0].cancel()

    assert await asyncio.gather(*pair) == [4, 6]
    assert first[0].cancelled()
    assert target.counters.skipped == 0
    await target.close()


async def test_a_full_queue_refuses_and_says_when_to_come_back(gate: Gate) -> None:
    target = batcher(gate, max_queue=2)
    tasks = submit(target, 1)
    await gate.begun()
    tasks += submit(target, 2, 3)
    await settled()

    with pytest.raises(Exhausted) as caught:
        await target.submit(4)

    assert caught.value.reason is Reason.QUEUE_FULL
    assert caught.value.retry_after_s is not None
    assert 0 < caught.value.retry_after_s <= 5
    assert "got 3, allowed 2" in caught.value.message
    assert target.counters.refused == 1
    gate.open()
    assert await asyncio.gather(*tasks) == [2, 4, 6]
    await target.close()


async def test_a_place_given_up_is_free_again(gate: Gate) -> None:
    target = batcher(gate, max_queue=2)
    tasks = submit(target, 1)
    await gate.begun()
    given_up, kept = submit(target, 2, 3)
    await settled()
    given_up.cancel()
    await settled()
    tasks += [kept, *submit(target, 4)]
    await settled()
    gate.open()

    assert await asyncio.gather(*tasks) == [2, 6, 8]
    await target.close()


async def test_many_at_once_are_queued_whole_or_not_at_all(gate: Gate) -> None:
    target = batcher(gate, max_queue=4)
    tasks = submit(target, 1)
    await gate.begun()
    tasks += submit(target, 2, 3)
    await settled()

    with pytest.raises(Exhausted):
        await target.submit_all([4, 5, 6])
    assert target.counters.waiting == 2

    together = asyncio.create_task(target.submit_all([7, 8]))
    await settled()
    gate.open()
    assert await together == [14, 16]
    assert await asyncio.gather(*tasks) == [2, 4, 6]
    await target.close()


async def test_an_empty_queue_takes_more_than_its_maximum() -> None:
    target = batcher(Gate(open_from_start=True), max_queue=2)

    assert await target.submit_all(range(9)) == [2 * n for n in range(9)]
    await target.close()


async def test_none_at_once_is_no_run() -> None:
    gate = Gate(open_from_start=True)
    target = batcher(gate)

    assert await target.submit_all([]) == []
    await target.close()
    assert gate.batches == []


async def test_giving_up_many_drops_them_all(gate: Gate) -> None:
    target = batcher(gate)
    first = submit(target, 1)
    await gate.begun()
    together = asyncio.create_task(target.submit_all([2, 3, 4]))
    await settled()
    together.cancel()
    await settled()
    gate.open()
    await first[0]
    await target.close()

    assert gate.batches == [[1]]
    assert target.counters.skipped == 3


@pytest.mark.parametrize("poison", [-1, -2])
async def test_a_failing_run_fails_its_own_batch_alone(
    gate: Gate, poison: int, caplog: pytest.LogCaptureFixture
) -> None:
    target = batcher(gate, max_batch=2)
    before = submit(target, 1)
    await gate.begun()
    failing = submit(target, poison, 2)
    after = submit(target, 3, 4)
    await settled()
    gate.open()

    results = await asyncio.gather(*before, *failing, *after, return_exceptions=True)

    assert [results[0], *results[3:]] == [2, 6, 8]
    for error in results[1:3]:
        assert isinstance(error, EncodingFailed)
        assert error.code is Code.INTERNAL
        assert "minus one" not in error.message
        assert error.__cause__ is not None
    assert results[1] is not results[2]
    assert target.counters.failed_runs == 1
    records = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(records) == 1
    assert records[0].exc_info is not None
    await target.close()


async def test_closing_ends_the_run_in_progress_and_fails_what_waits(gate: Gate) -> None:
    target = batcher(gate)
    running = submit(target, 1)
    await gate.begun()
    waiting = submit(target, 2, 3)
    await settled()
    closing = asyncio.create_task(target.close())
    await settled()
    assert not closing.done()
    gate.open()
    await closing

    assert await running[0] == 2
    for task in waiting:
        with pytest.raises(Unavailable):
            await task
    with pytest.raises(Unavailable):
        await target.submit(4)
    assert gate.batches == [[1]]


async def test_closing_ends_the_thread() -> None:
    gate = Gate(open_from_start=True)
    target = batcher(gate)
    await target.submit(1)
    await target.close()
    await target.close()

    (name,) = gate.threads
    for thread in threading.enumerate():
        if thread.name == name:
            await asyncio.to_thread(thread.join, 10)
    assert name not in {thread.name for thread in threading.enumerate()}


async def test_an_unused_batcher_can_be_closed() -> None:
    await batcher(Gate()).close()


async def test_a_batch_holds_items_of_similar_size(gate: Gate) -> None:
    target = Batcher(
        "test", gate.run, max_batch=3, max_queue=100, size_of=abs, run_cost=20, window=9
    )
    tasks = submit(target, 1)
    await gate.begun()
    tasks += submit(target, 77, 5, 6, 75, 20, 76, 74, 7)
    await settled()
    gate.open()

    results = await asyncio.gather(*tasks)

    # Led by turns by the smallest and the oldest; those nearest to it in size come with it.
    assert gate.batches == [[1], [5, 6, 7], [75, 76, 77], [20], [74]]
    assert results == [2, 154, 10, 12, 150, 40, 152, 148, 14]
    await target.close()


async def test_a_batch_costs_its_largest_times_its_count(gate: Gate) -> None:
    target = Batcher(
        "test", gate.run, max_batch=9, max_queue=100, size_of=abs, max_cost=40, run_cost=20
    )
    tasks = submit(target, 1)
    await gate.begun()
    tasks += submit(target, 10, 12, 11, 13, 50, 9)
    await settled()
    gate.open()

    await asyncio.gather(*tasks)

    # A fourth, of 12, would cost 48; 50 alone costs more than is allowed, and runs.
    assert gate.batches == [[1], [9, 10, 11], [12, 13], [50]]
    await target.close()


async def test_a_small_item_passes_the_large_and_neither_waits_for_ever() -> None:
    gate = Gate(open_from_start=True)
    target = Batcher("test", gate.run, max_batch=1, max_queue=100, size_of=abs)
    large = submit(target, *range(1000, 1010))
    answered: list[int] = []

    async def keep_asking() -> None:
        while not all(task.done() for task in large):
            answered.append(await target.submit(5))

    await asyncio.wait_for(asyncio.gather(keep_asking(), keep_asking(), *large), 20)

    order = [batch[0] for batch in gate.batches]
    # However many small ones come, every second run is for the one that has waited longest.
    assert len(order) <= 2 * 10 + 4
    # And small ones did not have to wait for all the large.
    assert order.index(5) <= 2
    assert len(answered) >= 8
    await target.close()


@pytest.mark.parametrize(("max_batch", "max_queue"), [(0, 1), (1, 0)])
def test_maxima_below_one_are_a_defect(max_batch: int, max_queue: int) -> None:
    with pytest.raises(ValueError):
        Batcher("test", Gate().run, max_batch=max_batch, max_queue=max_queue)


async def test_several_runners_take_from_one_queue() -> None:
    gates = [Gate(), Gate()]
    target = Batcher("test", [gate.run for gate in gates], max_batch=2, max_queue=100)
    tasks = submit(target, 1, 2, 3, 4, 5, 6)
    for gate in gates:
        await gate.begun()
    assert [gate.batches for gate in gates] == [[[1, 2]], [[3, 4]]]

    # The one that is free takes what is left, and the other need not end for it.
    gates[1].open()
    assert await asyncio.gather(*tasks[2:]) == [6, 8, 10, 12]
    assert [gate.batches for gate in gates] == [[[1, 2]], [[3, 4], [5, 6]]]
    assert not tasks[0].done()
    gates[0].open()
    assert await asyncio.gather(*tasks[:2]) == [2, 4]
    assert gates[0].threads.isdisjoint(gates[1].threads)
    assert target.counters.runs == 3

    late = submit(target, 7)
    assert await late[0] == 14
    await target.close()
    with pytest.raises(Unavailable):
        await target.submit(8)


async def test_closing_waits_for_every_runner() -> None:
    gates = [Gate(), Gate()]
    target = Batcher("test", [gate.run for gate in gates], max_batch=1, max_queue=100)
    tasks = submit(target, 1, 2, 3)
    for gate in gates:
        await gate.begun()
    closing = asyncio.create_task(target.close())
    await settled()
    gates[0].open()
    assert await tasks[0] == 2
    assert not closing.done()
    gates[1].open()
    await closing

    assert await tasks[1] == 4
    with pytest.raises(Unavailable):
        await tasks[2]


async def test_an_error_among_the_results_is_for_its_item_alone() -> None:
    def run(items: Sequence[int]) -> list[int | Exhausted]:
        return [
            Exhausted(Reason.ENCODER_MEMORY, "too large") if item > 9 else item for item in items
        ]

    target: Batcher[int, int] = Batcher("test", run, max_batch=4, max_queue=100)

    results = await asyncio.gather(*submit(target, 1, 10, 3), return_exceptions=True)

    assert (results[0], results[2]) == (1, 3)
    assert isinstance(results[1], Exhausted)
    assert target.counters.failed_runs == 0
    await target.close()
