"""The life of the embedded engine's process: closing, signals, restarts, flushes, cancellation."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stores import engine_of, pid, running, small, until, whole_point
from triptych_server.domain.errors import Unavailable
from triptych_server.domain.filters import Filter
from triptych_server.store.catalogue import Catalogue


async def test_after_close_calls_are_unavailable_and_the_engine_is_gone(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.create_collection(small())
        late = [asyncio.create_task(store.upsert("things", [whole_point(n)])) for n in range(40)]
        await asyncio.sleep(0)
        engine = engine_of(store)
        await store.close()
        await asyncio.gather(*late)  # what was waiting has been answered
        with pytest.raises(ProcessLookupError):
            os.kill(engine, 0)
        assert not (await store.info()).ready
        with pytest.raises(Unavailable, match="stopping"):
            await store.count("things", Filter())
    async with running(tmp_path) as again:
        assert await again.count("things", Filter()) == 40


async def test_a_store_closes_while_its_engine_is_down(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.create_collection(small())
        os.kill(engine_of(store), signal.SIGKILL)
        await until(lambda: store.engine_pid is None)
        waiting = asyncio.create_task(store.count("things", Filter()))
        await asyncio.sleep(0)
        await store.close()
        with pytest.raises(Unavailable):
            await waiting


async def test_the_engine_outlives_the_signals_of_its_group(tmp_path: Path) -> None:
    """Ctrl-C and a stop of the whole group reach the engine; the service says when it ends."""
    async with running(tmp_path) as store:
        await store.create_collection(small())
        engine = engine_of(store)
        os.kill(engine, signal.SIGINT)
        os.kill(engine, signal.SIGTERM)
        await store.upsert("things", [whole_point(1)])
        assert await store.count("things", Filter()) == 1
        assert store.engine_pid == engine


async def test_an_engine_that_does_not_start_again_is_reported_and_retried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, restart_wait_s=0.3) as store:
        await store.create_collection(small())
        description = tmp_path / "collections" / "things" / "collection.json"
        text = description.read_text(encoding="utf-8")
        description.write_text("{}", encoding="utf-8")
        os.kill(engine_of(store), signal.SIGKILL)
        await until(lambda: store.engine_pid is None)
        for _ in range(3):
            with pytest.raises(Unavailable, match="starting again"):
                await store.count("things", Filter())
        assert not (await store.info()).ready
        assert "SIGKILL" in caplog.text
        await until(lambda: "unreadable" in caplog.text)
        description.write_text(text, encoding="utf-8")
        await until(lambda: store.engine_pid is not None)
        assert (await store.info()).ready
        assert await store.count("things", Filter()) == 0


async def test_a_caller_that_tries_again_without_a_pause_does_not_hold_up_the_restart(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, restart_wait_s=0) as store:
        await store.create_collection(small())
        os.kill(engine_of(store), signal.SIGKILL)
        refusals = 0
        while True:
            try:
                assert await store.count("things", Filter()) == 0
            except Unavailable:
                refusals += 1
            else:
                break
        assert refusals > 1


async def test_a_caller_that_goes_away_does_not_hide_a_collection(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        making = asyncio.create_task(store.create_collection(small()))
        await asyncio.sleep(0.01)
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
        assert making.cancelled()
        assert await store.count("things", Filter()) == 0  # stands behind it in the queue
        assert (await store.get_collection("things")).id == "things"


async def test_cancelled_calls_leave_the_others_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.create_collection(small())
        calls = [asyncio.create_task(store.upsert("things", [whole_point(n)])) for n in range(60)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
        assert all(outcome is None for outcome in outcomes[1::2])
        found = await store.retrieve("things", [pid(n) for n in range(60)])
        assert {pid(n) for n in range(1, 60, 2)} <= {stored.id for stored in found}
        # Of the cancelled ones, the engine was spared those that it did not have yet.
        assert len(found) <= 30 + 8


def flushed(folder: Path) -> bool:
    """The engine notes the ids of a shard in this file when it first flushes points, not before."""
    return any(Catalogue(folder).shard("things").glob("segments/*/mutable_id_tracker.mappings"))


async def test_writes_are_flushed_in_a_quiet_moment(tmp_path: Path) -> None:
    async with running(tmp_path, flush_interval_s=0.5) as store:
        await store.create_collection(small())
        await store.upsert("things", [whole_point(n) for n in range(100)])
        assert not flushed(tmp_path)
        await until(lambda: flushed(tmp_path))


@pytest.mark.parametrize(
    ("interval_s", "after_points"), [(600, 50), (0.2, 1_000_000)], ids=["many", "old"]
)
async def test_writes_are_flushed_though_the_engine_is_never_idle(
    tmp_path: Path, interval_s: float, after_points: int
) -> None:
    async with running(
        tmp_path, flush_interval_s=interval_s, flush_after_points=after_points
    ) as store:
        await store.create_collection(small())
        await store.upsert("things", [whole_point(n) for n in range(49)])
        assert not flushed(tmp_path)

        async def write() -> None:
            number = 0
            while not flushed(tmp_path):
                await store.upsert("things", [whole_point(number % 300)])
                number += 1

        async with asyncio.timeout(20):
            await asyncio.gather(*(write() for _ in range(4)))


def test_the_service_loads_neither_the_engine_nor_the_clients_library() -> None:
    names = "import sys, triptych_server.store.edge_store; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", names], text=True).split()
    assert "triptych_server.store.edge_store" in loaded
    assert not {"qdrant_client", "qdrant_edge"} & set(loaded)
