"""The adapter of the Qdrant server, when the server fails it: on a real port, with the real client.

What stands in the server's place has its faults and nothing more; how a server keeps and finds
points is for the live tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
from qdrant_client import grpc as messages
from qdrant_client.conversions.conversion import GrpcToRest

from tests.support.faulty_qdrant import Fault, FaultyQdrant
from tests.support.stores import FIELDS, IMAGE, collection, dense, pid, small, until, whole_point
from tests.support.unbearable import ONES, UNBEARABLE
from triptych_server.domain.collections import Collection
from triptych_server.domain.errors import (
    AlreadyExists,
    Exhausted,
    InvalidInput,
    NotFound,
    Reason,
    TriptychError,
    Unavailable,
    WrongState,
)
from triptych_server.domain.filters import Exists, FieldCondition, Filter
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.ports import Point
from triptych_server.store.collection_json import collection_tree
from triptych_server.store.errors import StoreRejected, StoreUnsuitable
from triptych_server.store.qdrant_store import QdrantStore

Status = grpc.StatusCode
MADE = small()


def described(made: Collection, *, ready: bool = True) -> dict[str, Any]:
    """The metadata of a collection of this service."""
    metadata: dict[str, Any] = {"triptych": collection_tree(made)}
    return metadata | {"triptych_ready": made.create_time.isoformat()} if ready else metadata


@pytest.fixture
def faulty() -> Iterator[FaultyQdrant]:
    """A server that describes the collection ``things``."""
    with FaultyQdrant() as server:
        server.metadata = described(MADE)
        yield server


@asynccontextmanager
async def opened(port: int, **settings: Any) -> AsyncIterator[QdrantStore]:
    """A store on that server."""
    store = await QdrantStore.open(host="127.0.0.1", port=port, **settings)
    try:
        yield store
    finally:
        await store.close()


CALLS: dict[str, tuple[str, Callable[[QdrantStore], Awaitable[object]]]] = {
    "get": ("Collections/Get", lambda store: store.get_collection("things")),
    "create": ("Collections/Create", lambda store: store.create_collection(small("new"))),
    "drop": ("Collections/Delete", lambda store: store.drop_collection("things")),
    "upsert": ("Points/Upsert", lambda store: store.upsert("things", [whole_point(1)])),
    "retrieve": ("Points/Get", lambda store: store.retrieve("things", [pid(1)])),
    "delete": ("Points/Get", lambda store: store.delete("things", [pid(1)])),
    "delete_matching": ("Points/Count", lambda store: store.delete_matching("things", Filter())),
    "count": ("Points/Count", lambda store: store.count("things", Filter())),
    "scroll": (
        "Points/Scroll",
        lambda store: store.scroll("things", Filter(), limit=1, start_id=None),
    ),
    "query": (
        "Points/QueryBatch",
        lambda store: store.query("things", [LegQuery("image", dense(1), 1)]),
    ),
}
WRITES = {"create", "drop", "upsert"}
FAULTS: list[tuple[grpc.StatusCode, type[TriptychError], Reason]] = [
    (Status.UNAVAILABLE, Unavailable, Reason.STORE_UNAVAILABLE),
    (Status.DEADLINE_EXCEEDED, Unavailable, Reason.STORE_UNAVAILABLE),
    (Status.CANCELLED, Unavailable, Reason.STORE_UNAVAILABLE),
    (Status.PERMISSION_DENIED, Unavailable, Reason.STORE_UNAVAILABLE),
    (Status.UNAUTHENTICATED, Unavailable, Reason.STORE_UNAVAILABLE),
    (Status.FAILED_PRECONDITION, Unavailable, Reason.STORE_UNAVAILABLE),
    (Status.RESOURCE_EXHAUSTED, Exhausted, Reason.STORE_BUSY),
    (Status.INVALID_ARGUMENT, StoreRejected, Reason.INTERNAL),
    (Status.INTERNAL, Unavailable, Reason.STORE_UNAVAILABLE),
    (Status.UNKNOWN, Unavailable, Reason.STORE_UNAVAILABLE),
    (Status.UNIMPLEMENTED, StoreRejected, Reason.INTERNAL),
]


@pytest.mark.parametrize("call", CALLS)
async def test_a_fault_of_any_call_is_an_error_of_the_domain(
    faulty: FaultyQdrant, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, run = CALLS[call]
    async with opened(faulty.port) as store:
        for code, kind, reason in FAULTS:
            absent = {"Collections/Get": Fault(Status.NOT_FOUND)} if call == "create" else {}
            faulty.faults = {method: Fault(code), **absent}
            with pytest.raises(kind) as caught:
                await run(store)
            assert caught.value.reason is reason, code
            assert "upstream" not in caught.value.message
            if code is Status.UNAVAILABLE:
                applied = "may have been applied" in caught.value.message
                assert applied == (call in WRITES)
    assert "upstream words" in caplog.text  # what no caller is told, the operator is


async def test_a_collection_that_is_gone_is_not_found(faulty: FaultyQdrant) -> None:
    async with opened(faulty.port) as store:
        assert await store.get_collection("things") == MADE
        faulty.faults = {"Points/Count": Fault(Status.NOT_FOUND)}
        with pytest.raises(NotFound) as caught:
            await store.count("things", Filter())
        assert caught.value.reason is Reason.COLLECTION_NOT_FOUND
        assert caught.value.name == "things"


async def test_the_rate_limit_says_when_to_come_again(faulty: FaultyQdrant) -> None:
    async with opened(faulty.port) as store:
        for trailers, wait in (((("retry-after", "7"),), 7), ((), None)):
            faulty.faults = {"Points/Upsert": Fault(Status.RESOURCE_EXHAUSTED, trailers=trailers)}
            with pytest.raises(Exhausted) as caught:
                await store.upsert("things", [whole_point(1)])
            assert caught.value.reason is Reason.STORE_BUSY
            assert caught.value.retry_after_s == wait
            assert "upstream" not in caught.value.message


async def test_a_full_disk_and_strict_mode_are_known_by_their_words(faulty: FaultyQdrant) -> None:
    full = "Service internal error: No space left on device: WAL buffer size exceeds ..."
    strict = 'Bad request: Limit exceeded 500 > 100 for "limit". Help: Reduce the "limit"'
    async with opened(faulty.port) as store:
        faulty.faults = {"Points/Upsert": Fault(Status.INTERNAL, full)}
        with pytest.raises(Exhausted) as exhausted:
            await store.upsert("things", [whole_point(1)])
        assert exhausted.value.reason is Reason.STORE_FULL
        faulty.faults = {"Points/QueryBatch": Fault(Status.INVALID_ARGUMENT, strict)}
        with pytest.raises(WrongState) as refused:
            await store.query("things", [LegQuery("image", dense(1), 500)])
        assert refused.value.reason is Reason.STORE_STRICT_MODE
        assert "500" not in refused.value.message


@pytest.mark.parametrize(
    "status", [messages.UpdateStatus.Acknowledged, messages.UpdateStatus.WaitTimeout]
)
async def test_a_write_that_was_only_taken_is_not_ok(
    faulty: FaultyQdrant, status: messages.UpdateStatus.ValueType
) -> None:
    faulty.status = status
    async with opened(faulty.port) as store:
        with pytest.raises(Unavailable) as caught:
            await store.upsert("things", [whole_point(1)])
        assert "retry is safe" in caught.value.message


async def test_a_caller_that_gives_up_ends_the_call_in_the_server(faulty: FaultyQdrant) -> None:
    faulty.silent = {"Points/QueryBatch"}
    async with opened(faulty.port) as store:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await store.query("things", [LegQuery("image", dense(1), 1)])
        await until(faulty.abandoned.is_set)


# -- what is sent, and what is not ----------------------------------------------------------------


async def test_what_qdrant_cannot_bear_is_not_sent(
    faulty: FaultyQdrant, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(faulty.port) as store:
        for vectors, payload in UNBEARABLE.values():
            batch = [whole_point(1), Point(pid(2), vectors, payload), whole_point(3)]
            with pytest.raises(StoreRejected):
                await store.upsert("things", batch)
            for name, vector in vectors.items():
                if vector is not ONES or name == "nope":
                    with pytest.raises(StoreRejected):
                        await store.query("things", [LegQuery(name, vector, 5)])
    assert "dimension 3, not 8" in caplog.text
    assert set(faulty.methods) == {"Collections/Get"}


@pytest.mark.parametrize("key", ['a"b', "a\\b"])
async def test_a_key_that_qdrant_cannot_name_is_refused(faulty: FaultyQdrant, key: str) -> None:
    filter = Filter(must_not=(FieldCondition(("in", key), Exists()),))
    async with opened(faulty.port) as store:
        for call in (
            store.count("things", filter),
            store.delete_matching("things", filter),
            store.scroll("things", filter, limit=1, start_id=None),
            store.query("things", [LegQuery("image", ONES, 1, filter)]),
        ):
            with pytest.raises(InvalidInput) as caught:
                await call
            assert caught.value.violations[0].reason is Reason.FILTER_FIELD_INVALID


async def test_a_name_that_is_none_is_not_sent(faulty: FaultyQdrant) -> None:
    async with opened(faulty.port) as store:
        for made in (small("../up"), small("a.b"), collection("c", [replace(IMAGE, name="A")])):
            with pytest.raises(InvalidInput) as caught:
                await store.create_collection(made)
            assert caught.value.reason is Reason.COLLECTION_ID_INVALID
    assert faulty.methods == []


async def test_the_key_goes_to_the_server_and_nowhere_else(
    faulty: FaultyQdrant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with opened(faulty.port, api_key="sesame") as store:
        faulty.faults = {"Points/Upsert": Fault(Status.PERMISSION_DENIED)}
        with pytest.raises(Unavailable):
            await store.upsert("things", [whole_point(1)])
        assert "sesame" not in repr(store.__dict__)
    assert all(seen.headers["api-key"] == "sesame" for seen in faulty.seen)
    assert "unencrypted" in caplog.text
    assert "sesame" not in caplog.text


# -- collections ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"owner": "somebody"},
        {"triptych": "text"},
        described(MADE) | {"triptych": {"format": 99, "id": "things"}},
        described(small("another")),  # a copy under another name, or an alias
    ],
    ids=["none", "other", "text", "newer", "alias"],
)
async def test_a_collection_of_somebody_else_is_not_touched(
    faulty: FaultyQdrant, metadata: dict[str, Any]
) -> None:
    faulty.metadata = metadata
    async with opened(faulty.port) as store:
        for name, (_, run) in CALLS.items():
            if name != "create":
                with pytest.raises(NotFound, match="did not make"):
                    await run(store)
        for code in (Status.ALREADY_EXISTS, Status.INVALID_ARGUMENT):
            faulty.faults = {"Collections/Create": Fault(code)}
            with pytest.raises(AlreadyExists, match="did not make") as caught:
                await store.create_collection(MADE)
            assert caught.value.reason is Reason.COLLECTION_EXISTS
    assert set(faulty.methods) == {"Collections/Get", "Collections/Create"}


async def test_a_collection_of_ours_exists_already(faulty: FaultyQdrant) -> None:
    """Also where it is so new that this peer of a cluster cannot read it yet."""
    taken = {"Collections/Create": Fault(Status.ALREADY_EXISTS)}
    async with opened(faulty.port) as store:
        for faulty.faults in (taken, taken | {"Collections/Get": Fault(Status.INTERNAL)}):
            with pytest.raises(AlreadyExists, match="there is a collection 'things' already"):
                await store.create_collection(MADE)


async def test_a_half_made_collection_is_made_whole_by_whoever_meets_it(
    faulty: FaultyQdrant,
) -> None:
    made = collection()
    faulty.metadata = described(made, ready=False)
    async with opened(faulty.port) as store:
        assert await store.get_collection("things") == made
    assert faulty.methods == [
        "Collections/Get",
        *["Points/CreateFieldIndex"] * len(FIELDS),
        "Collections/Update",
    ]
    request = messages.UpdateCollection.FromString(faulty.seen[-1].request)
    marked = GrpcToRest.convert_payload(request.metadata)
    assert marked == {"triptych_ready": made.create_time.isoformat()}


async def test_a_collection_that_cannot_be_made_whole_is_taken_back(faulty: FaultyQdrant) -> None:
    faulty.faults = {"Points/CreateFieldIndex": Fault(Status.INVALID_ARGUMENT)}
    async with opened(faulty.port) as store:
        with pytest.raises(StoreRejected):
            await store.create_collection(MADE)
        assert faulty.methods[-1] == "Collections/Delete"
        faulty.seen.clear()
        faulty.faults = {"Points/CreateFieldIndex": Fault(Status.UNAVAILABLE)}
        with pytest.raises(Unavailable):
            await store.create_collection(MADE)
        assert "Collections/Delete" not in faulty.methods


async def test_a_collection_made_anew_is_another(faulty: FaultyQdrant) -> None:
    """A write looks first; a read that failed does too."""
    anew = replace(MADE, create_time=MADE.create_time + timedelta(microseconds=1))
    legs = [LegQuery("image", dense(1), 1)]
    async with opened(faulty.port) as store:
        await store.upsert("things", [whole_point(1)], created=MADE.create_time)
        faulty.metadata = described(anew)
        with pytest.raises(NotFound):
            await store.upsert("things", [whole_point(1)], created=MADE.create_time)
        with pytest.raises(NotFound):
            await store.query("things", legs, created=MADE.create_time)
        await store.upsert("things", [whole_point(1)], created=anew.create_time)
        assert faulty.methods.count("Points/Upsert") == 2

        faulty.metadata = described(replace(MADE, create_time=MADE.create_time + timedelta(1)))
        faulty.faults = {"Points/QueryBatch": Fault(Status.INVALID_ARGUMENT, "no such vector")}
        with pytest.raises(NotFound):
            await store.query("things", legs, created=anew.create_time)


@pytest.mark.parametrize(("replicas", "ordered"), [(1, False), (2, True)])
async def test_writes_to_several_replicas_are_put_in_one_order(
    faulty: FaultyQdrant, replicas: int, ordered: bool
) -> None:
    faulty.replicas = replicas
    async with opened(faulty.port) as store:
        await store.upsert("things", [whole_point(1)])
    request = messages.UpsertPoints.FromString(faulty.seen[-1].request)
    assert request.wait
    assert request.HasField("ordering") == ordered
    if ordered:
        assert request.ordering.type == messages.WriteOrderingType.Medium


async def test_a_prefix_stands_before_every_name(faulty: FaultyQdrant) -> None:
    async with opened(faulty.port, prefix="staging") as store:
        await store.get_collection("things")
    request = messages.GetCollectionInfoRequest.FromString(faulty.seen[-1].request)
    assert request.collection_name == "staging.things"


# -- whether it is there --------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.15.9", "0.11.0", "", "nightly"])
async def test_too_old_a_server_is_refused(faulty: FaultyQdrant, version: str) -> None:
    faulty.version = version
    with pytest.raises(StoreUnsuitable, match=r"allowed 1\.16 or newer"):
        async with opened(faulty.port):
            pass


@pytest.mark.parametrize("version", ["1.16.0", "1.18.3-dev", "2.0.1"])
async def test_a_newer_server_is_taken(faulty: FaultyQdrant, version: str) -> None:
    faulty.version = version
    async with opened(faulty.port) as store:
        info = await store.info()
        assert (info.kind, info.engine_version, info.ready) == ("qdrant", version, True)


@pytest.mark.parametrize("code", [Status.UNAUTHENTICATED, Status.PERMISSION_DENIED])
async def test_a_key_that_is_not_accepted_is_no_start(
    faulty: FaultyQdrant, code: grpc.StatusCode
) -> None:
    faulty.faults = {"Collections/List": Fault(code)}
    with pytest.raises(StoreUnsuitable, match="API key"):
        async with opened(faulty.port):
            pass


async def test_a_server_that_goes_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """It need not be there at the start; readiness follows it; a newer failure is seen at once."""
    monkeypatch.setattr("triptych_server.store.qdrant_store._START_PATIENCE_S", 0.2)
    told: list[bool] = []
    with FaultyQdrant() as first:
        port = first.port
    async with opened(port, on_ready_change=told.append) as store:
        assert told == [False]
        assert await store.info() == replace(await store.info(), engine_version="", ready=False)
        with pytest.raises(Unavailable):
            await store.get_collection("things")
        with FaultyQdrant(port) as second:
            second.metadata = described(MADE)
            await until(lambda: told == [False, True])
            assert (await store.info()).ready
            assert await store.get_collection("things") == MADE
        with pytest.raises(Unavailable):
            await store.count("things", Filter())  # tells the watch, which looks at once
        await until(lambda: told == [False, True, False])
        with FaultyQdrant(port, version="1.2.3"):
            async with asyncio.timeout(30):
                while not await _is_refused(store):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert told == [False, True, False]
        with FaultyQdrant(port):
            await until(lambda: told == [False, True, False, True])


async def _is_refused(store: QdrantStore) -> bool:
    try:
        await store.list_collections()
    except Unavailable as error:
        return "none that this service can work on" in error.message
    return False


async def test_after_the_end_everything_is_refused(faulty: FaultyQdrant) -> None:
    async with opened(faulty.port) as store:
        pass
    with pytest.raises(Unavailable) as caught:
        await store.count("things", Filter())
    assert caught.value.reason is Reason.SHUTTING_DOWN
