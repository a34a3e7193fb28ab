"""The store contract: collections come, are described, and go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.support.stores import IMAGE, TERMS, collection, dense, pid, whole_point
from triptych_server.domain.errors import AlreadyExists, NotFound, Reason
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.ports import VectorStore

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_new_collection_is_described_as_it_was_made(store: VectorStore) -> None:
    made = collection("described")
    await store.create_collection(made)
    assert await store.get_collection("described") == made
    assert await store.count("described", Filter()) == 0


async def test_collections_are_listed_by_id(store: VectorStore) -> None:
    for name in ("list-b", "list-a", "list_c", "0-list"):
        await store.create_collection(collection(name, [IMAGE], []))
    listed = [found.id for found in await store.list_collections()]
    assert listed == sorted(listed)
    assert {"list-a", "list-b", "list_c", "0-list"} <= set(listed)


async def test_a_collection_may_have_one_space_and_no_fields(store: VectorStore) -> None:
    await store.create_collection(collection("only-image", [IMAGE], []))
    await store.create_collection(collection("only-terms", [TERMS], []))
    assert await store.count("only-image", Filter()) == 0
    assert await store.count("only-terms", Filter()) == 0


async def test_an_id_is_taken_once(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(1)])
    with pytest.raises(AlreadyExists) as caught:
        await store.create_collection(collection(things, [IMAGE], []))
    assert caught.value.reason is Reason.COLLECTION_EXISTS
    assert caught.value.name == things
    assert await store.get_collection(things) == collection(things)
    assert await store.count(things, Filter()) == 1


async def test_a_dropped_collection_is_gone_and_its_id_is_free(store: VectorStore) -> None:
    await store.create_collection(collection("dropped"))
    await store.upsert("dropped", [whole_point(1)])
    await store.drop_collection("dropped")
    with pytest.raises(NotFound):
        await store.get_collection("dropped")
    assert "dropped" not in {found.id for found in await store.list_collections()}

    await store.create_collection(collection("dropped", [IMAGE], []))
    assert await store.count("dropped", Filter()) == 0


CALLS: dict[str, Callable[[VectorStore], Awaitable[object]]] = {
    "get": lambda store: store.get_collection("absent"),
    "drop": lambda store: store.drop_collection("absent"),
    "upsert": lambda store: store.upsert("absent", [whole_point(1)]),
    "retrieve": lambda store: store.retrieve("absent", [pid(1)]),
    "delete": lambda store: store.delete("absent", [pid(1)]),
    "delete_matching": lambda store: store.delete_matching("absent", Filter()),
    "count": lambda store: store.count("absent", Filter()),
    "scroll": lambda store: store.scroll("absent", Filter(), limit=1, start_id=None),
    "query": lambda store: store.query("absent", [LegQuery("image", dense(1), 1)]),
    "query within nothing": lambda store: store.query(
        "absent", [LegQuery("image", dense(1), 1, within=())]
    ),
}


@pytest.mark.parametrize("call", CALLS)
async def test_every_call_says_that_a_collection_is_absent(store: VectorStore, call: str) -> None:
    with pytest.raises(NotFound) as caught:
        await CALLS[call](store)
    assert caught.value.reason is Reason.COLLECTION_NOT_FOUND
    assert caught.value.name == "absent"
    assert "'absent'" in caught.value.message


async def test_info_names_the_engine(store: VectorStore) -> None:
    info = await store.info()
    assert info.ready
    assert info.kind in {"embedded", "reference", "qdrant"}
    assert info.engine_version[0].isdigit()
