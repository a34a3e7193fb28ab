"""Optimizing the embedded store while it is in use: nothing lost, nothing wrong, nothing stopped.

Every step is met by a kill with TRIPTYCH_SOAK=1, some of them without.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.support.edge_driver import COLLECTION, EAGER, noted, numbers_in
from tests.support.stores import (
    DIMENSION,
    dense,
    engine_of,
    pid,
    running,
    same_vectors,
    small,
    sparse,
    until,
    whole_point,
)
from triptych_server.domain.errors import Exhausted, NotFound, Reason, Unavailable
from triptych_server.domain.filters import Equals, FieldCondition, Filter
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.optimization import Optimization, OptimizationState
from triptych_server.domain.ports import Point
from triptych_server.optimize import main as optimize_command
from triptych_server.store.edge_optimizer import (
    BUILDING,
    CATCHING_UP,
    CHANGING,
    COPYING,
    STARTING,
    WAITS,
)
from triptych_server.store.edge_store import EdgeStore

SOAK = os.environ.get("TRIPTYCH_SOAK") == "1"
STEPS = (STARTING, COPYING, BUILDING, CATCHING_UP, CHANGING)
COUNT = 600

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600 if SOAK else 180)]


def clustered(number: int, version: int = 0) -> Point:
    """A point near one of 30 centres, as the embeddings of pictures stand; another each version."""
    rng = np.random.default_rng((number, version))
    centre = np.random.default_rng(number % 30).standard_normal(DIMENSION)

    def near(rows: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return (centre + 0.6 * rng.standard_normal((rows, DIMENSION))).astype(np.float32)

    vectors = {
        "image": near(1)[0],
        "caption": near(1),
        "ocr": near(1 + number % 3),
        "terms": sparse({number % 7: 1.0, 100 + number: 0.5}),
    }
    kind = "rare" if number % 100 == 0 else f"k{number % 3}"
    return Point(pid(number), vectors, {"kind": kind, "version": version})


async def ended(store: EdgeStore, name: str = "things") -> Optimization:
    """The optimization once it has ended."""
    await until(lambda: current(store, name).state.has_ended)
    return current(store, name)


def current(store: EdgeStore, name: str = "things") -> Optimization:
    state = store.optimization(name)
    assert state is not None
    return state


async def reached(store: EdgeStore, *steps: str, name: str = "things") -> str:
    """The first of the steps that it comes to."""
    while (state := current(store, name)).message not in steps:
        assert not state.state.has_ended, state
        await asyncio.sleep(0)
    return state.message


def left(folder: Path, name: str = "things") -> list[str]:
    """What stands in a collection's folder, the names of optimized shards made short."""
    entries = os.listdir(folder / "collections" / name)
    return sorted("shard-" if entry.startswith("shard-") else entry for entry in entries)


PLAIN, CHANGED = ["collection.json", "shard"], ["collection.json", "current", "shard-"]


class Model:
    """What the store should hold: the version of each number that is there."""

    def __init__(self, store: EdgeStore) -> None:
        self.store = store
        self.there: dict[int, int] = {}
        self.changes = Counter[str]()
        self.enough = False

    async def write(self, numbers: range, version: int) -> None:
        await self.store.upsert("things", [clustered(n, version) for n in numbers])
        self.there.update(dict.fromkeys(numbers, version))
        self.changes["write"] += 1

    async def keep_changing(self) -> None:
        """Write new points, write others anew, delete by id and by filter, one after the other.

        However long it goes on, most of the first points stay as they are.
        """
        for turn in range(sys.maxsize):
            if self.enough:
                return
            version = 1 + turn
            await self.write(range(COUNT + 8 * turn, COUNT + 8 * turn + 8), version)
            await self.write(range(turn * 4 % 100, turn * 4 % 100 + 4), version)
            gone = 104 + turn % 20
            await self.store.delete("things", [pid(gone)])
            self.there.pop(gone, None)
            wrong = Filter(must=(FieldCondition(("version",), Equals(version)),))
            if turn % 10 == 9:
                await self.store.delete_matching("things", wrong)
                self.there = {n: v for n, v in self.there.items() if v != version}
                self.changes["delete"] += 1
            await asyncio.sleep(0.05)

    async def check(self, store: EdgeStore) -> None:
        """Every point is there as it was written last, and no other."""
        assert await store.count("things", Filter()) == len(self.there)
        numbers = sorted(self.there)
        for start in range(0, len(numbers), 1000):
            part = numbers[start : start + 1000]
            found = await store.retrieve("things", [pid(n) for n in part], vectors=True)
            assert len(found) == len(part)
            for number, stored in zip(part, found, strict=True):
                wanted = clustered(number, self.there[number])
                assert stored.payload == wanted.payload
                assert same_vectors(stored.vectors, wanted.vectors)

    def nearest(self, query: np.ndarray[tuple[int], np.dtype[np.float32]], kind: str) -> list[str]:
        """The exact answer of the leg `image`, by numpy."""
        points = [clustered(number, version) for number, version in self.there.items()]
        chosen = [p for p in points if not kind or p.payload["kind"] == kind]
        images = np.array([p.vectors["image"] for p in chosen])
        scores = images @ query / np.linalg.norm(images, axis=1)
        return [chosen[i].id for i in np.argsort(-scores)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def optimized(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[EdgeStore, Model, Counter[str], Path]]:
    """A store that was written to and searched all the time while it was optimized, and how many
    searches were answered in each step."""
    folder = tmp_path_factory.mktemp("optimized")
    async with running(folder, tuning=EAGER) as store:
        await store.create_collection(small())
        model = Model(store)
        for first in range(0, COUNT, 200):
            await model.write(range(first, first + 200), 0)
        started = await store.optimize("things")
        assert started.state is OptimizationState.RUNNING
        assert (await store.optimize("things")).start_time == started.start_time
        changing = asyncio.create_task(model.keep_changing())
        answered = Counter[str]()
        while not (state := current(store)).state.has_ended:
            # Numbers from 550 on are never changed, so that the answer is known meanwhile.
            number = 550 + answered.total() % 50
            query = clustered(number).vectors["image"]
            ((hit, *_),) = await store.query("things", [LegQuery("image", query, 10)])
            assert hit.id == pid(number)
            assert hit.similarity == pytest.approx(1, abs=1e-5)
            answered[state.message] += 1
            await asyncio.sleep(0.01)  # the optimizer has a low priority
        writes = model.changes["write"]
        await until(lambda: model.changes["write"] > writes + 10 or changing.done())
        model.enough = True
        await changing
        yield store, model, answered, folder


module_loop = pytest.mark.asyncio(loop_scope="module")
Optimized = tuple[EdgeStore, Model, Counter[str], Path]


@module_loop
async def test_nothing_is_lost_and_searches_go_on(optimized: Optimized) -> None:
    store, model, answered, folder = optimized
    state = current(store)
    assert state.state is OptimizationState.DONE, state
    assert state.end_time is not None
    assert state.end_time > state.start_time
    assert state.message == ""
    assert state.item_count >= COUNT - 20
    assert state.indexed_vector_count >= 3 * (COUNT - 124)
    assert answered[BUILDING] >= 3
    assert model.changes["write"] >= 10
    assert left(folder) == CHANGED
    assert os.listdir(folder / "collections") == ["things"]
    await model.check(store)


@module_loop
async def test_the_graph_finds_what_comparing_all_finds(optimized: Optimized) -> None:
    store, model, _, _ = optimized
    rng = np.random.default_rng(5)
    found, wanted = 0, 0
    for number in rng.integers(0, COUNT, 20):
        query = clustered(int(number), 99).vectors["image"]
        assert isinstance(query, np.ndarray)
        legs = [LegQuery(name, query, 100) for name in ("image", "caption", "ocr")]
        graph = await store.query("things", legs)
        exact = await store.query("things", [replace(leg, exact=True) for leg in legs])
        for near, true in zip(graph, exact, strict=True):
            found += len({hit.id for hit in near[:10]} & {hit.id for hit in true[:10]})
            wanted += 10
            # What is found has its exact similarity.
            known = {hit.id: hit.similarity for hit in true}
            for hit in near:
                if hit.id in known:
                    assert hit.similarity == pytest.approx(known[hit.id], abs=1e-6)
        assert [hit.id for hit in exact[0]][:10] == model.nearest(query, "")[:10]
    assert found / wanted >= 0.98


@module_loop
async def test_filters_and_thresholds_hold_on_the_graph(optimized: Optimized) -> None:
    store, model, _, _ = optimized
    found = 0
    for number in range(10):
        query = clustered(number, 99).vectors["image"]
        assert isinstance(query, np.ndarray)
        rare, common = (
            Filter(must=(FieldCondition(("kind",), Equals(kind)),)) for kind in ("rare", "k1")
        )
        strict, loose, above = await store.query(
            "things",
            [
                LegQuery("image", query, 100, rare),
                LegQuery("image", query, 100, common),
                LegQuery("image", query, 1000, at_least=0.5),
            ],
        )
        # What a strict filter lets through is compared one by one.
        assert [hit.id for hit in strict] == model.nearest(query, "rare")
        truth = model.nearest(query, "k1")
        assert {hit.id for hit in loose} <= set(truth)
        found += len({hit.id for hit in loose[:10]} & set(truth[:10]))
        assert all(hit.similarity >= 0.5 for hit in above)
    assert found >= 95  # of a hundred


@module_loop
async def test_it_is_read_back_and_optimized_again_by_the_command(
    optimized: Optimized, capfd: pytest.CaptureFixture[str]
) -> None:
    store, model, _, folder = optimized
    arguments = ["--store", f"embedded:{folder}"]
    assert await asyncio.to_thread(optimize_command, arguments) == 73
    assert "the folder is in use by another process" in capfd.readouterr().err
    await store.close()
    assert await asyncio.to_thread(optimize_command, [*arguments, "none"]) == 78
    assert "there is no collection 'none'" in capfd.readouterr().err
    (before,) = (folder / "collections" / "things").glob("shard-*")
    assert await asyncio.to_thread(optimize_command, [*arguments, "things"]) == 0
    told = capfd.readouterr().err.splitlines()
    assert told[0].startswith(f"things: copying {len(model.there):,} items, ")
    assert told[-1].startswith("things: done in ")
    assert left(folder) == CHANGED
    assert not before.exists()
    async with running(folder) as again:
        await model.check(again)
        assert again.optimization("things") is None


async def test_a_disk_without_room_is_told_of_before_anything_is_done(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    async with running(tmp_path, min_free_bytes=free - 100 * 2**20) as store:
        await store.create_collection(small())
        await store.upsert("things", [whole_point(1)])
        with pytest.raises(Exhausted) as caught:
            await store.optimize("things")
        assert caught.value.reason is Reason.OPTIMIZE_NEEDS_DISK
        assert caught.value.message.startswith(
            "collection_id: the disk has no room to optimize 'things' (got "
        )
        assert store.optimization("things") is None
        with pytest.raises(NotFound):
            await store.optimize("none")
    assert left(tmp_path) == PLAIN


async def test_the_optimizer_or_the_engine_is_killed(tmp_path: Path) -> None:
    """The collection stays as it was, or is optimized; either process does without the other."""
    rng = random.Random(4)
    rounds = [(step, who) for step in STEPS for who in ("optimizer", "engine")] * 4
    async with running(tmp_path, restart_wait_s=30, tuning=EAGER) as store:
        await store.create_collection(small())
        await store.upsert("things", [whole_point(n) for n in range(256)])
        for step, who in rounds if SOAK else [(BUILDING, "optimizer"), (CHANGING, "engine")]:
            engine = engine_of(store)
            await store.optimize("things")
            await reached(store, step)
            await asyncio.sleep(rng.random() * 0.1 if SOAK else 0)
            victim = store.optimizer_pid if who == "optimizer" else engine
            if victim is not None:
                os.kill(victim, signal.SIGKILL)
            state = await ended(store)
            assert (state.state is OptimizationState.FAILED) == bool(state.message), state
            assert await _counted(store) == 256
            assert (engine_of(store) == engine) == (who == "optimizer")
            assert left(tmp_path) in (PLAIN, CHANGED)
            await store.upsert("things", [whole_point(n) for n in range(8)])
            found = await store.query("things", [LegQuery("image", dense(1), 300)])
            assert len(found[0]) == 256


async def _counted(store: EdgeStore) -> int:
    while True:
        try:
            return await store.count("things", Filter())
        except Unavailable:
            await asyncio.sleep(0.05)


async def test_a_collection_is_dropped_or_the_store_closed_meanwhile(tmp_path: Path) -> None:
    async with running(tmp_path, tuning=EAGER) as store:
        for name in ("things", "others"):
            await store.create_collection(small(name))
            await store.upsert(name, [whole_point(n) for n in range(64)])
        await store.optimize("things")
        waits = await store.optimize("others")
        assert (waits.state, waits.message) == (OptimizationState.WAITING, WAITS)
        await reached(store, BUILDING, CATCHING_UP)
        await store.drop_collection("things")
        assert store.optimization("things") is None
        assert [found.id for found in await store.list_collections()] == ["others"]
        await reached(store, COPYING, BUILDING, CATCHING_UP, CHANGING, name="others")
    assert os.listdir(tmp_path / "collections") == ["others"]
    async with running(tmp_path) as store:
        assert await store.count("others", Filter()) == 64
        assert left(tmp_path, "others") in (PLAIN, CHANGED)


@pytest.mark.skipif(sys.platform != "linux", reason="an orphan is killed at once on Linux only")
async def test_no_answered_write_is_lost_when_the_service_is_killed_meanwhile(
    tmp_path: Path,
) -> None:
    folder, log = tmp_path / "store", tmp_path / "log"
    rng = random.Random(5)
    kept: set[int] = set()
    for number, step in enumerate([*STEPS, "done"] * 5 if SOAK else [CHANGING]):
        log.unlink(missing_ok=True)
        driver = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.edge_driver",
            str(folder),
            str(log),
            str(number * 1_000_000),
            step,
            str(rng.random() * 0.2),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert await driver.wait() == -signal.SIGKILL
        there, unsure = noted(log, kept)
        async with running(folder, lock_wait_s=2) as store:
            kept = await numbers_in(store)
            assert there - unsure <= kept <= there | unsure
            assert kept & unsure in (set(), unsure)
            numbers = sorted(kept)
            found = await store.retrieve(COLLECTION, [pid(n) for n in numbers], vectors=True)
            assert len(found) == len(numbers)
            for point, stored in zip(map(whole_point, numbers), found, strict=True):
                assert same_vectors(stored.vectors, point.vectors)
            assert left(folder, COLLECTION) in (PLAIN, CHANGED)
            assert os.listdir(folder / "collections") == [COLLECTION]
