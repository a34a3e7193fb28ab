"""The embedded store's folder: whose it is, what is in it, and what is done about odd things."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.stores import IMAGE, collection, pid, same_vectors, small, whole_point
from triptych_server.domain.collections import (
    Distance,
    FieldType,
    PayloadField,
    Source,
    SpaceKind,
    VectorSpace,
)
from triptych_server.domain.errors import (
    Code,
    Exhausted,
    InvalidInput,
    Reason,
    TriptychError,
    Unavailable,
)
from triptych_server.domain.filters import Filter
from triptych_server.domain.ports import LegQuery
from triptych_server.store.catalogue import Catalogue
from triptych_server.store.collection_json import dump_collection, load_collection
from triptych_server.store.edge_store import EdgeStore
from triptych_server.store.errors import StoreLocked, StoreRejected, StoreUnreadable


@asynccontextmanager
async def running(folder: Path, **settings: float) -> AsyncIterator[EdgeStore]:
    """An open store with some of its settings changed."""
    store = EdgeStore(folder, **settings)  # type: ignore[arg-type]
    await store.start()
    try:
        yield store
    finally:
        await store.close()


async def filled(folder: Path) -> None:
    """A closed store with one collection of ten points."""
    store = await EdgeStore.open(folder)
    await store.create_collection(small())
    await store.upsert("things", [whole_point(n) for n in range(10)])
    await store.close()


async def test_a_store_is_read_back_after_it_was_closed(tmp_path: Path) -> None:
    await filled(tmp_path / "not" / "there" / "yet")
    store = await EdgeStore.open(tmp_path / "not" / "there" / "yet")
    assert await store.list_collections() == (small(),)
    found = await store.retrieve("things", [pid(n) for n in range(10)], vectors=True)
    for number, stored in enumerate(found):
        assert stored.payload == {"number": number}
        assert same_vectors(stored.vectors, whole_point(number).vectors)
    assert len(found) == 10
    await store.close()
    assert {entry.name for entry in (tmp_path / "not" / "there" / "yet").iterdir()} == {
        "collections",
        "lock",
    }


async def test_a_folder_has_one_store_at_a_time(tmp_path: Path) -> None:
    first = await EdgeStore.open(tmp_path)
    await first.create_collection(small())
    second = EdgeStore(tmp_path, lock_wait_s=0.2)
    with pytest.raises(StoreLocked) as caught:
        await second.start()
    assert caught.value.message == "the folder is in use by another process"
    assert caught.value.folder == tmp_path
    assert caught.value.code is Code.UNAVAILABLE

    await first.upsert("things", [whole_point(1)])
    await first.close()
    third = await EdgeStore.open(tmp_path)
    assert await third.count("things", Filter()) == 1
    await third.close()


async def test_a_folder_is_waited_for_while_its_last_user_leaves(tmp_path: Path) -> None:
    first = await EdgeStore.open(tmp_path)
    opening = asyncio.create_task(EdgeStore.open(tmp_path))
    await asyncio.sleep(0.5)
    assert not opening.done()
    await first.close()
    async with asyncio.timeout(10):
        second = await opening
    assert (await second.info()).ready
    await second.close()


async def test_a_shard_that_something_else_has_open_is_locked_too(tmp_path: Path) -> None:
    await filled(tmp_path)
    hold = (
        "import sys, qdrant_edge; shard = qdrant_edge.EdgeShard.load(sys.argv[1]);"
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        hold,
        str(Catalogue(tmp_path).shard("things")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    with pytest.raises(StoreLocked):
        await EdgeStore.open(tmp_path)
    await holder.communicate(b"")  # ends its input, and so the holder
    await (await EdgeStore.open(tmp_path)).close()


def _cut(folder: Path) -> None:
    description = folder / "collection.json"
    description.write_text(description.read_text(encoding="utf-8")[:100], encoding="utf-8")


def _change(folder: Path, key: str, value: object) -> None:
    description = folder / "collection.json"
    tree = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps({**tree, key: value}), encoding="utf-8")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no description": lambda folder: (folder / "collection.json").unlink(),
    "half a description": _cut,
    "a list": lambda folder: (folder / "collection.json").write_text("[]", encoding="utf-8"),
    "a newer format": lambda folder: _change(folder, "format", 2),
    "a kind of space that is not known": lambda folder: _change(
        folder, "vector_spaces", [{"name": "image", "kind": "hyper"}]
    ),
    "the description of another": lambda folder: _change(folder, "id", "other"),
    "no shard": lambda folder: (folder / "shard").rename(folder / "moved"),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_collection_is_named_at_the_start(tmp_path: Path, damage: str) -> None:
    """Passing over it would look like an empty store."""
    await filled(tmp_path)
    DAMAGE[damage](tmp_path / "collections" / "things")
    with pytest.raises(StoreUnreadable) as caught:
        await EdgeStore.open(tmp_path)
    assert caught.value.message == "collection 'things' cannot be read"


async def test_leftovers_are_removed_and_foreign_files_left_alone(tmp_path: Path) -> None:
    await filled(tmp_path)
    folder = tmp_path / "collections"
    (folder / ".new-half" / "shard").mkdir(parents=True)
    (folder / ".new-half" / "shard" / "file").write_bytes(b"x")
    (folder / ".dropped-0f").mkdir()
    (folder / "lost+found").mkdir()
    (folder / ".DS_Store").write_bytes(b"x")
    store = await EdgeStore.open(tmp_path)
    assert [found.id for found in await store.list_collections()] == ["things"]
    assert {entry.name for entry in folder.iterdir()} == {"things", "lost+found", ".DS_Store"}
    await store.create_collection(small("half"))
    await store.close()


@pytest.mark.parametrize(
    "name", ["../evil", "..", ".", "", "a/b", "/evil", "A", "-a", "a" * 64, "a\n", ".new-a", "é"]
)
async def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "in" / "store"
    store = await EdgeStore.open(root)
    space = VectorSpace(name, SpaceKind.DENSE, (Source.IMAGE,), Distance.COSINE, 4)
    for bad in (collection(name, [IMAGE]), collection("fine", [space])):
        with pytest.raises(InvalidInput) as caught:
            await store.create_collection(bad)
        assert caught.value.reason is Reason.COLLECTION_ID_INVALID
    for call in (store.drop_collection(name), store.count(name, Filter())):
        with pytest.raises(TriptychError) as refused:
            await call
        assert refused.value.reason is Reason.COLLECTION_NOT_FOUND
    await store.close()
    assert list((root / "collections").iterdir()) == []
    assert os.listdir(tmp_path) == ["in"]
    assert os.listdir(tmp_path / "in") == ["store"]


async def test_a_nearly_full_disk_refuses_writes_and_answers_reads(tmp_path: Path) -> None:
    await filled(tmp_path)
    store = EdgeStore(tmp_path, min_free_bytes=2**62)
    await store.start()
    for call in (
        store.upsert("things", [whole_point(11)]),
        store.create_collection(collection("more")),
    ):
        with pytest.raises(Exhausted) as caught:
            await call
        assert caught.value.reason is Reason.STORE_UNAVAILABLE
    assert await store.count("things", Filter()) == 10
    assert await store.delete("things", [pid(1)]) == 1
    assert [found.id for found in await store.list_collections()] == ["things"]
    await store.close()


def _nested(depth: int) -> dict[str, Json]:
    payload: dict[str, Json] = {}
    for _ in range(depth - 1):
        payload = {"a": payload}
    return payload


ONES = np.ones(8, np.float32)
UNBEARABLE: dict[str, tuple[dict[str, Vector], dict[str, Json]]] = {
    "short": ({"image": ONES[:3]}, {}),
    "no numbers": ({"image": ONES[:0]}, {}),
    "rows for a dense space": ({"image": np.ones((2, 8), np.float32)}, {}),
    "no rows": ({"ocr": np.ones((0, 8), np.float32)}, {}),
    "empty rows": ({"ocr": np.ones((2, 0), np.float32)}, {}),
    "short rows": ({"ocr": np.ones((2, 7), np.float32)}, {}),
    "rows of rows": ({"ocr": np.ones((1, 2, 8), np.float32)}, {}),
    "not finite": ({"image": ONES * np.nan}, {}),
    "infinite in a row": ({"ocr": np.stack([ONES, ONES * np.inf])}, {}),
    "no such space": ({"nope": ONES}, {}),
    "sparse for dense": ({"image": sparse({1: 1.0})}, {}),
    "dense for sparse": ({"terms": ONES}, {}),
    "halves": ({"terms": SparseVector(np.array([1, 2], np.uint32), ONES[:1])}, {}),
    "twice": ({"terms": SparseVector(np.array([1, 1], np.uint32), ONES[:2])}, {}),
    "backwards": ({"terms": SparseVector(np.array([2, 1], np.uint32), ONES[:2])}, {}),
    "deep": ({"image": ONES}, _nested(200)),
    "deep lists": ({"image": ONES}, {"a": [[[_nested(100)]]]}),
    "not a number": ({"image": ONES}, {"a": float("nan")}),
}


async def test_what_the_engine_cannot_bear_never_reaches_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Any of these would leave half a batch behind, or a folder that no engine opens again."""
    async with running(tmp_path) as store:
        await store.create_collection(small())
        for name, (vectors, payload) in UNBEARABLE.items():
            batch = [whole_point(1), Point(pid(2), vectors, payload), whole_point(3)]
            with pytest.raises(StoreRejected) as caught:
                await store.upsert("things", batch)
            assert caught.value.code is Code.INTERNAL
            assert caught.value.message == "the store refused the operation; the log says why"
            assert await store.count("things", Filter()) == 0, name
        with pytest.raises(StoreRejected):
            await store.upsert("things", [whole_point(1), Point("no-uuid", {}, {})])
        assert "dimension 3, not 8" in caplog.text

        await store.upsert("things", [point(1, {"image": ONES}, _nested(64))])
        engine = store.engine_pid
        assert engine is not None
        for name, (vectors, _) in UNBEARABLE.items():
            for vector_name, vector in vectors.items():
                if vector is not ONES or vector_name == "nope":
                    with pytest.raises(StoreRejected):
                        await store.query("things", [LegQuery(vector_name, vector, 5)])
        assert store.engine_pid == engine  # none of them made it panic
        os.kill(engine, signal.SIGKILL)
    async with running(tmp_path) as store:
        (stored,) = await store.retrieve("things", [pid(1)])
        assert stored.payload == _nested(64)


async def test_a_collection_that_the_engine_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        field = PayloadField("a b", FieldType.KEYWORD)
        with pytest.raises(StoreRejected):
            await store.create_collection(collection("odd", [IMAGE], [field]))
        assert await store.list_collections() == ()
    assert os.listdir(tmp_path / "collections") == []


async def test_after_close_calls_are_unavailable_and_the_engine_is_gone(tmp_path: Path) -> None:
    store = await EdgeStore.open(tmp_path)
    await store.create_collection(small())
    late = [asyncio.create_task(store.upsert("things", [whole_point(n)])) for n in range(40)]
    await asyncio.sleep(0)
    engine = store.engine_pid
    assert engine is not None
    await store.close()
    await asyncio.gather(*late)  # what was waiting has been answered
    with pytest.raises(ProcessLookupError):
        os.kill(engine, 0)
    assert not (await store.info()).ready
    with pytest.raises(Unavailable, match="closed"):
        await store.count("things", Filter())
    await store.close()
    again = await EdgeStore.open(tmp_path)
    assert await again.count("things", Filter()) == 40
    await again.close()


async def test_the_engine_outlives_the_signals_of_its_group(tmp_path: Path) -> None:
    """Ctrl-C and a stop of the whole group reach the engine; the service says when it ends."""
    store = await EdgeStore.open(tmp_path)
    await store.create_collection(small())
    engine = store.engine_pid
    assert engine is not None
    os.kill(engine, signal.SIGINT)
    os.kill(engine, signal.SIGTERM)
    await store.upsert("things", [whole_point(1)])
    assert await store.count("things", Filter()) == 1
    assert store.engine_pid == engine
    await store.close()


async def test_a_caller_that_goes_away_does_not_hide_a_collection(tmp_path: Path) -> None:
    store = await EdgeStore.open(tmp_path)
    making = asyncio.create_task(store.create_collection(small()))
    await asyncio.sleep(0.01)
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    assert making.cancelled()
    assert await store.count("things", Filter()) == 0  # stands behind it in the queue
    assert (await store.get_collection("things")).id == "things"
    await store.close()


async def test_cancelled_calls_leave_the_others_alone(tmp_path: Path) -> None:
    store = await EdgeStore.open(tmp_path)
    await store.create_collection(small())
    calls = [asyncio.create_task(store.upsert("things", [whole_point(n)])) for n in range(60)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(outcome is None for outcome in outcomes[1::2])
    found = await store.retrieve("things", [pid(n) for n in range(1, 60, 2)])
    assert len(found) == 30
    await store.close()


def noted_ids(folder: Path) -> list[Path]:
    """The engine notes the ids of a shard in this file when it first flushes points, not before."""
    return list(Catalogue(folder).shard("things").glob("segments/*/mutable_id_tracker.mappings"))


async def test_writes_are_flushed_in_a_quiet_moment(tmp_path: Path) -> None:
    store = EdgeStore(tmp_path, flush_interval_s=0.5)
    await store.start()
    await store.create_collection(small())
    await store.upsert("things", [whole_point(n) for n in range(100)])
    assert not noted_ids(tmp_path)
    async with asyncio.timeout(20):
        while not noted_ids(tmp_path):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)
    await store.close()


async def test_many_writes_are_flushed_though_the_engine_is_never_idle(tmp_path: Path) -> None:
    store = EdgeStore(tmp_path, flush_interval_s=600, flush_after_points=50)
    await store.start()
    await store.create_collection(small())
    await store.upsert("things", [whole_point(n) for n in range(49)])
    await asyncio.sleep(0.2)
    assert not noted_ids(tmp_path)

    async def write() -> None:
        number = 0
        while not noted_ids(tmp_path):
            await store.upsert("things", [whole_point(number % 300)])
            number += 1

    async with asyncio.timeout(20):
        await asyncio.gather(write(), write())
    await store.close()


async def test_an_engine_that_does_not_start_again_is_reported_and_retried(
    tmp_path: Path,
) -> None:
    await filled(tmp_path)
    store = EdgeStore(tmp_path, restart_wait_s=0.3)
    await store.start()
    description = tmp_path / "collections" / "things" / "collection.json"
    text = description.read_text(encoding="utf-8")
    description.write_text("{}", encoding="utf-8")
    assert store.engine_pid is not None
    os.kill(store.engine_pid, signal.SIGKILL)
    with pytest.raises(Unavailable):
        await store.count("things", Filter())
    with pytest.raises(Unavailable, match="starting again"):
        await store.count("things", Filter())
    assert not (await store.info()).ready
    description.write_text(text, encoding="utf-8")
    async with asyncio.timeout(20):
        while not (await store.info()).ready:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)
    assert await store.count("things", Filter()) == 10
    await store.close()


def test_the_description_of_a_collection_survives_json() -> None:
    assert load_collection(dump_collection(collection())) == collection()


def test_the_service_loads_neither_the_engine_nor_the_clients_library() -> None:
    names = "import sys, triptych_server.store.edge_store; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", names], text=True).split()
    assert "triptych_server.store.edge_store" in loaded
    assert not {"qdrant_client", "qdrant_edge"} & set(loaded)
