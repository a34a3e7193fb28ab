"""Which of what waits comes next, and how long it takes: no clock, no thread."""

import asyncio
import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych_server.encode.batch_queue import BatchQueue, Entry
from triptych_server.encode.run_times import AT_ONCE, Pace, RunTimes

PACE = Pace(0.0, 0.01)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def entry(loop: asyncio.AbstractEventLoop, size: int, due: float = math.inf) -> Entry[int, int]:
    return Entry(size, size, due, loop.create_future())


def sizes(entries: list[Entry[int, int]]) -> list[int]:
    return [one.size for one in entries]


def test_a_batch_does_not_grow_past_the_deadlines_in_it(loop: asyncio.AbstractEventLoop) -> None:
    queue: BatchQueue[int, int] = BatchQueue(8, run_cost=20)
    hurried = entry(loop, 10, due=100.25)
    queue.extend([hurried, entry(loop, 11), entry(loop, 12), entry(loop, 13)])

    # 10 and 11 take 0.21 s; with 12, 0.33.
    assert sizes(queue.take(100.0, PACE, smallest_first=False)) == [10, 11]
    assert sizes(queue.take(100.0, PACE, smallest_first=False)) == [12, 13]


def test_who_could_not_wait_for_the_batch_is_not_put_in_it(
    loop: asyncio.AbstractEventLoop,
) -> None:
    queue: BatchQueue[int, int] = BatchQueue(8, run_cost=20)
    queue.extend([entry(loop, 10), entry(loop, 11, due=100.15), entry(loop, 10)])

    assert sizes(queue.take(100.0, PACE, smallest_first=False)) == [10, 10]
    assert [one.deadline for one in queue.take_all()] == [100.15]


def test_company_is_taken_where_it_saves_more_than_it_pads(
    loop: asyncio.AbstractEventLoop,
) -> None:
    queue: BatchQueue[int, int] = BatchQueue(8, run_cost=5, window=5)
    queue.extend([entry(loop, size) for size in (9, 14, 8, 6, 9, 9)])

    # Three runs of their own would cost 41, this one 32; the last 9 is outside the window, and
    # with 6 or 14 in the run, the others would be padded for more than that saves.
    assert sizes(queue.take(0.0, PACE, smallest_first=False)) == [8, 9, 9]
    assert sizes(queue.take_all()) == [14, 6, 9]


def test_the_smallest_leads_only_past_what_costs_over_twice_as_much(
    loop: asyncio.AbstractEventLoop,
) -> None:
    queue: BatchQueue[int, int] = BatchQueue(1, run_cost=5)
    queue.extend([entry(loop, size) for size in (14, 5, 77, 5)])

    assert sizes(queue.take(0.0, PACE, smallest_first=True)) == [14]
    assert sizes(queue.take(0.0, PACE, smallest_first=False)) == [5]
    assert sizes(queue.take(0.0, PACE, smallest_first=True)) == [5]
    assert sizes(queue.take(0.0, PACE, smallest_first=True)) == [77]


def test_the_lead_is_taken_whatever_its_deadline(loop: asyncio.AbstractEventLoop) -> None:
    queue: BatchQueue[int, int] = BatchQueue(8)
    queue.extend([entry(loop, 10, due=100.01), entry(loop, 10)])
    assert sizes(queue.take(100.0, PACE, smallest_first=False)) == [10]


def test_unwanted_is_what_is_given_up_or_too_late(loop: asyncio.AbstractEventLoop) -> None:
    queue: BatchQueue[int, int] = BatchQueue(8)
    given_up, late, tight, patient = (
        entry(loop, 10),
        entry(loop, 10, due=100.0),
        entry(loop, 10, due=100.05),
        entry(loop, 10),
    )
    given_up.answer.cancel()
    queue.extend([given_up, late, tight, patient])

    assert queue.take_unwanted(100.0, AT_ONCE) == [given_up, late]
    assert queue.take_unwanted(100.0, PACE) == [tight]
    assert len(queue) == 1


@given(count=st.integers(0, 50), max_batch=st.integers(1, 9))
def test_among_equals_the_wait_is_the_runs_ahead_and_ones_own(count: int, max_batch: int) -> None:
    loop = asyncio.new_event_loop()
    queue: BatchQueue[int, int] = BatchQueue(max_batch)
    queue.extend([entry(loop, 1) for _ in range(count)])
    runs = count // max_batch + 1

    assert queue.wait([1], Pace(1.0, 0.0)) == runs
    assert queue.wait([1], Pace(0.0, 1.0)) == count + 1
    assert queue.wait([1], Pace(0.0, 1.0), preparing=3) == count + 4
    loop.close()


@given(
    waiting=st.lists(st.integers(2, 77), max_size=60),
    mine=st.integers(2, 77),
    max_batch=st.integers(1, 32),
)
def test_the_wait_is_near_what_it_turns_out_to_be(
    waiting: list[int], mine: int, max_batch: int
) -> None:
    """Never under half of it, counted in units, and never more than everything there is to do."""
    loop = asyncio.new_event_loop()
    pace = Pace(0.0, 1.0)
    queue: BatchQueue[int, int] = BatchQueue(max_batch, 16 * max_batch)
    queue.extend([entry(loop, size) for size in waiting])
    expected = queue.wait([mine], pace)
    own = entry(loop, mine)
    queue.extend([own])

    passed, small = 0.0, False
    while True:
        batch = queue.take(0.0, pace, smallest_first=small)
        passed, small = passed + sum(sizes(batch)), not small
        if own in batch:
            break

    assert mine <= expected <= sum(waiting) + mine
    # A batch of one may cost more than a full one.
    assert passed <= 2 * expected + 2 * 77
    loop.close()


@given(
    of_run=st.floats(0.001, 0.5),
    of_unit=st.floats(0.0001, 0.01),
    runs=st.lists(st.integers(1, 500), min_size=2, max_size=30, unique=True),
)
def test_a_steady_pace_is_found(of_run: float, of_unit: float, runs: list[int]) -> None:
    times = RunTimes()
    for units in runs:
        times.observe(units, of_run + of_unit * units)
    for units in runs:
        known = of_run + of_unit * units
        # Where the runs were too alike, all is the units': near enough for runs as large.
        assert times.pace.seconds(units) == pytest.approx(known, rel=0.5)


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 10)), min_size=1, max_size=40))
def test_no_pace_runs_backwards(runs: list[tuple[int, float]]) -> None:
    times = RunTimes()
    for units, seconds in runs:
        times.observe(units, seconds)
        assert times.pace.of_run >= 0
        assert times.pace.of_unit >= 0


def test_the_pace_follows_the_machine() -> None:
    times = RunTimes()
    for units in (10, 100) * 10:
        times.observe(units, 0.01 * units)
    for units in (10, 100) * 20:
        times.observe(units, 0.1 * units)
    assert times.pace.seconds(50) == pytest.approx(5, rel=0.05)


def test_runs_of_one_size_are_taken_to_cost_by_size() -> None:
    times = RunTimes()
    for _ in range(5):
        times.observe(10, 0.2)
    assert times.pace.of_run == 0
    assert times.pace.of_unit == pytest.approx(0.02)
