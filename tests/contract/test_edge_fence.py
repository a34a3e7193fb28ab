"""The fence in front of the embedded engine: what would break it never reaches it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.stores import (
    IMAGE,
    collection,
    engine_of,
    pid,
    point,
    running,
    small,
    whole_point,
)
from tests.support.unbearable import ONES, UNBEARABLE, nested
from triptych_server.domain.collections import FieldType, PayloadField
from triptych_server.domain.errors import Code, InvalidInput, Reason
from triptych_server.domain.filters import (
    Condition,
    Elements,
    Exists,
    FieldCondition,
    Filter,
    GeoBox,
    Group,
)
from triptych_server.domain.items import Json
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.ports import Point
from triptych_server.store.errors import StoreRejected


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

        await store.upsert("things", [point(1, {"image": ONES}, nested(64))])
        engine = engine_of(store)
        for vectors, _ in UNBEARABLE.values():
            for vector_name, vector in vectors.items():
                if vector is not ONES or vector_name == "nope":
                    with pytest.raises(StoreRejected):
                        await store.query("things", [LegQuery(vector_name, vector, 5)])
        assert store.engine_pid == engine  # none of them made it panic
        os.kill(engine, signal.SIGKILL)
    async with running(tmp_path) as store:
        (stored,) = await store.retrieve("things", [pid(1)])
        assert stored.payload == nested(64)


def _deep_filter(levels: int, condition: Condition, *, lists: bool) -> Filter:
    """So many filters inside one another, the condition in the innermost."""
    filter = Filter(should=(condition,))
    for _ in range(levels - 1):
        filter = Filter(must=(Elements(("a",), filter) if lists else Group(filter),))
    return filter


@pytest.mark.parametrize("lists", [True, False])
async def test_a_deletion_by_the_deepest_filter_can_be_read_back(
    tmp_path: Path, lists: bool
) -> None:
    """The engine's log takes filters to some depth, and a folder is lost with what is deeper."""
    world = GeoBox(-90, -180, 90, 180)  # what is put together from the most parts
    deepest = _deep_filter(20, FieldCondition(("a",), world), lists=lists)
    async with running(tmp_path) as store:
        await store.create_collection(small())
        payload: dict[str, Json] = {"a": {"lat": 90, "lon": 0}}
        for _ in range(19):
            payload = {"a": [payload]} if lists else payload
        await store.upsert("things", [whole_point(1), point(2, {"image": ONES}, payload)])
        too_deep = Filter(must=(Group(deepest),))
        for call in (
            store.count("things", too_deep),
            store.delete_matching("things", too_deep),
            store.query("things", [LegQuery("image", ONES, 1, too_deep)]),
        ):
            with pytest.raises(StoreRejected):
                await call
        assert await store.delete_matching("things", deepest) == 1
        os.kill(engine_of(store), signal.SIGKILL)
    async with running(tmp_path) as store:
        page = await store.scroll("things", Filter(), limit=9, start_id=None)
        assert [found.id for found in page.points] == [pid(1)]


async def test_a_collection_that_the_engine_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        field = PayloadField("a b", FieldType.KEYWORD)
        with pytest.raises(StoreRejected):
            await store.create_collection(collection("odd", [IMAGE], [field]))
        assert await store.list_collections() == ()
    assert os.listdir(tmp_path / "collections") == []


@pytest.mark.parametrize("key", ['a"b', "a\\b", '"', "\\"])
async def test_a_key_that_the_engine_cannot_name_is_refused(tmp_path: Path, key: str) -> None:
    filter = Filter(must_not=(FieldCondition(("in", key), Exists()),))
    async with running(tmp_path) as store:
        await store.create_collection(small())
        for call in (
            store.count("things", filter),
            store.delete_matching("things", filter),
            store.scroll("things", filter, limit=1, start_id=None),
            store.query("things", [LegQuery("image", ONES, 1, filter)]),
        ):
            with pytest.raises(InvalidInput) as caught:
                await call
            assert caught.value.violations[0].reason is Reason.FILTER_FIELD_INVALID
            assert key in caught.value.message
