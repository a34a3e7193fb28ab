"""The embedded store's folder: whose it is, what is in it, and what is done about odd things."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import qdrant_edge as edge

from tests.support.stores import (
    AUDIO,
    IMAGE,
    collection,
    pid,
    point,
    running,
    same_vectors,
    small,
    whole_point,
)
from triptych_server.domain.collections import (
    Collection,
    Distance,
    FieldType,
    PayloadField,
    Source,
    SpaceKind,
    UnindexedFilterPolicy,
    VectorSpace,
)
from triptych_server.domain.errors import Code, Exhausted, InvalidInput, Reason, TriptychError
from triptych_server.domain.filters import Equals, FieldCondition, Filter
from triptych_server.store.catalogue import Catalogue
from triptych_server.store.collection_json import dump_collection, load_collection
from triptych_server.store.edge_store import EdgeStore
from triptych_server.store.errors import StoreLocked, StoreStartError, StoreUnreadable


async def filled(folder: Path) -> None:
    """A closed store with one collection of ten points."""
    async with running(folder) as store:
        await store.create_collection(small())
        await store.upsert("things", [whole_point(n) for n in range(10)])


async def test_a_store_is_read_back_after_it_was_closed(tmp_path: Path) -> None:
    root = tmp_path / "not" / "there" / "yet"
    await filled(root)
    async with running(root) as store:
        assert await store.list_collections() == (small(),)
        found = await store.retrieve("things", [pid(n) for n in range(10)], vectors=True)
    assert len(found) == 10
    for number, stored in enumerate(found):
        assert stored.payload == {"number": number}
        assert same_vectors(stored.vectors, whole_point(number).vectors)
    assert sorted(os.listdir(root)) == ["collections", "lock"]
    assert sorted(os.listdir(root / "collections" / "things")) == ["collection.json", "shard"]


async def test_a_folder_has_one_store_at_a_time(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await first.create_collection(small())
        with pytest.raises(StoreLocked) as caught:
            await EdgeStore(tmp_path, lock_wait_s=0.2).start()
        assert caught.value.message == "the folder is in use by another process"
        assert caught.value.place == tmp_path
        assert caught.value.code is Code.UNAVAILABLE
        await first.upsert("things", [whole_point(1)])
    async with running(tmp_path) as second:
        assert await second.count("things", Filter()) == 1


async def test_a_folder_is_waited_for_while_its_last_user_leaves(tmp_path: Path) -> None:
    async with running(tmp_path):
        second = EdgeStore(tmp_path, lock_wait_s=20)
        opening = asyncio.create_task(second.start())
        await asyncio.sleep(0.5)
        assert not opening.done()
    async with asyncio.timeout(20):
        await opening
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
    async with running(tmp_path) as store:
        assert await store.count("things", Filter()) == 10


def _cut(folder: Path) -> None:
    description = folder / "collection.json"
    description.write_text(description.read_text(encoding="utf-8")[:100], encoding="utf-8")


def _change(folder: Path, key: str, value: object) -> None:
    description = folder / "collection.json"
    tree = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps({**tree, key: value}), encoding="utf-8")


def _panic(folder: Path) -> None:
    """Leave an operation in the engine's log on which it panics, now and whenever it starts."""
    shard = edge.EdgeShard.load(str(folder / "shard"))
    rows = [[1.0] * 8, [1.0] * 9]
    with pytest.raises(BaseException, match="size mismatch"):
        shard.update(edge.UpdateOperation.upsert_points([edge.Point(pid(1), {"ocr": rows})]))
    shard.close()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no description": lambda folder: (folder / "collection.json").unlink(),
    "half a description": _cut,
    "a list": lambda folder: (folder / "collection.json").write_text("[]", encoding="utf-8"),
    "a newer format": lambda folder: _change(folder, "format", 2),
    "a kind of space that is not known": lambda folder: _change(
        folder, "vector_spaces", [{"name": "image", "kind": "hyper"}]
    ),
    "the description of another": lambda folder: _change(folder, "id", "other"),
    "a log that makes the engine panic": _panic,
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


async def test_a_folder_that_cannot_be_made_is_a_start_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreStartError) as caught:
        await EdgeStore.open(tmp_path / "file" / "store")
    assert caught.value.message == "the store did not start; the log says why"


async def test_leftovers_are_removed_and_foreign_files_left_alone(tmp_path: Path) -> None:
    await filled(tmp_path)
    folder = tmp_path / "collections"
    (folder / ".new-half" / "shard").mkdir(parents=True)
    (folder / ".new-half" / "shard" / "file").write_bytes(b"x")
    (folder / ".dropped-0f").mkdir()
    (folder / "lost+found").mkdir()
    (folder / ".DS_Store").write_bytes(b"x")
    async with running(tmp_path) as store:
        assert [found.id for found in await store.list_collections()] == ["things"]
        assert sorted(os.listdir(folder)) == [".DS_Store", "lost+found", "things"]
        await store.create_collection(small("half"))


@pytest.mark.parametrize(
    "name", ["../evil", "..", ".", "", "a/b", "/evil", "A", "-a", "a" * 64, "a\n", ".new-a", "é"]
)
async def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "in" / "store"
    space = VectorSpace(name, SpaceKind.DENSE, (Source.IMAGE,), Distance.COSINE, 4)
    async with running(root) as store:
        for bad in (collection(name, [IMAGE]), collection("fine", [space])):
            with pytest.raises(InvalidInput) as caught:
                await store.create_collection(bad)
            assert caught.value.reason is Reason.COLLECTION_ID_INVALID
        for call in (store.drop_collection(name), store.count(name, Filter())):
            with pytest.raises(TriptychError) as refused:
                await call
            assert refused.value.reason is Reason.COLLECTION_NOT_FOUND
    assert os.listdir(root / "collections") == []
    assert os.listdir(tmp_path) == ["in"]
    assert os.listdir(tmp_path / "in") == ["store"]


async def test_a_nearly_full_disk_refuses_writes_and_answers_reads(tmp_path: Path) -> None:
    await filled(tmp_path)
    async with running(tmp_path, min_free_bytes=2**62) as store:
        for call in (
            store.upsert("things", [whole_point(11)]),
            store.create_collection(small("more")),
        ):
            with pytest.raises(Exhausted) as caught:
                await call
            assert caught.value.reason is Reason.STORE_FULL
        assert await store.count("things", Filter()) == 10
        assert await store.delete("things", [pid(1)]) == 1
        assert [found.id for found in await store.list_collections()] == ["things"]


def test_the_description_of_a_collection_survives_json() -> None:
    assert load_collection(dump_collection(collection())) == collection()


EVERY_TYPE = [PayloadField(type_.value, type_) for type_ in FieldType]


@pytest.mark.parametrize("policy", UnindexedFilterPolicy)
def test_every_type_and_policy_survives_json(policy: UnindexedFilterPolicy) -> None:
    made = dataclasses.replace(collection(fields=EVERY_TYPE), unindexed_filter_policy=policy)
    assert load_collection(dump_collection(made)) == made


# As the first server wrote it, when there was no policy yet.
FIRST_FORM = """{
  "format": 1,
  "id": "things",
  "create_time": "2025-03-01T12:30:15.250000+00:00",
  "default_encoder_id": "tiny-clip",
  "language": "en",
  "vector_spaces": [
    {
      "name": "audio",
      "kind": "dense",
      "sources": ["supplied"],
      "distance": "dot",
      "dimension": 4,
      "encoder_id": null,
      "windows": null,
      "stamp": null
    }
  ],
  "payload_fields": [{"name": "kind", "type": "keyword"}]
}
"""


async def test_a_collection_of_the_first_server_still_opens(tmp_path: Path) -> None:
    made = collection("things", [AUDIO], [PayloadField("kind", FieldType.KEYWORD)])
    async with running(tmp_path) as store:
        await store.create_collection(made)
        await store.upsert("things", [point(1, {}, {"kind": "a"}), point(2, {}, {"kind": "b"})])
    description = tmp_path / "collections" / "things" / "collection.json"
    description.write_text(FIRST_FORM, encoding="utf-8")
    async with running(tmp_path) as store:
        found: Collection = await store.get_collection("things")
        assert found == made
        assert found.unindexed_filter_policy is UnindexedFilterPolicy.WARN
        filter = Filter(must=(FieldCondition(("kind",), Equals("b")),))
        page = await store.scroll("things", filter, limit=9, start_id=None)
        assert [one.id for one in page.points] == [pid(2)]
