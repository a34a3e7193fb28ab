"""The transport for the tests of others."""

import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from tests.client.both import EITHER, Kind, outcome
from triptych import (
    AsyncClient,
    Client,
    DataLoss,
    Item,
    NotFound,
    SearchHit,
    SearchResponse,
    Unavailable,
    UpsertOutcome,
    error_of,
)
from triptych._contract import SERVICES
from triptych.errors import UnexpectedStatus
from triptych.testing import FakeTransport, Unanswered, created, image_answer
from triptych.v1.item_service_pb2 import (
    GetItemResponse,
    ListItemsRequest,
    ListItemsResponse,
    UpsertItemsRequest,
)
from triptych.v1.search_service_pb2 import SearchRequest
from triptych.v1.search_service_pb2_grpc import SearchServiceStub
from triptych.v1.status_service_pb2 import GetStatusResponse


async def of(kind: Kind, fake: FakeTransport, call: Any, **options: Any) -> Any:
    return await outcome(kind, "nowhere:1", call, transport=fake, **options)


@EITHER
async def test_an_answer_and_what_was_asked(kind: Kind) -> None:
    fake = FakeTransport()
    fake.on("Search", SearchResponse(hits=[SearchHit(rank=1, item=Item(id="a"))]))
    options = {"api_key": "s3cret-s3cret-s3cret", "timeout": 7}
    answer = await of(kind, fake, lambda client: client.search("p", text="a cat"), **options)
    assert [hit.item.id for hit in answer.hits] == ["a"]
    [call] = fake.calls
    assert call.method == "Search"
    assert 6 < call.timeout <= 7
    assert dict(call.metadata)["authorization"] == "Bearer s3cret-s3cret-s3cret"
    assert "s3cret" not in repr(call)
    [request] = fake.requests(SearchRequest)
    assert (request.collection_id, request.input.text) == ("p", "a cat")
    assert fake.requests(ListItemsRequest) == []


@EITHER
async def test_answers_in_their_order_and_the_last_one_stays(kind: Kind) -> None:
    fake = FakeTransport()
    fake.on("GetStatus", GetStatusResponse(version="1"), GetStatusResponse(version="2"))
    versions = [(await of(kind, fake, lambda client: client.status())).version for _ in range(3)]
    assert versions == ["1", "2", "2"]


@EITHER
async def test_an_error_is_raised_once_as_it_was_given(kind: Kind) -> None:
    fake = FakeTransport()
    given = NotFound("gone", reason="ITEM_NOT_FOUND", metadata={"item": "a"})
    fake.on("GetItem", given)
    for _ in range(3):
        with pytest.raises(NotFound, match="gone") as caught:
            await of(kind, fake, lambda client: client.get_item("p", "a"))
        assert (caught.value.reason, caught.value.metadata) == ("ITEM_NOT_FOUND", {"item": "a"})
        assert caught.value.code is NotFound.code
    assert not traceback.extract_tb(given.__traceback__)
    fake.on("GetStatus", Unavailable("down"))
    with pytest.raises(Unavailable):
        await of(kind, fake, lambda client: client.status())
    assert len(fake.calls) == 4, "nothing is sent again"


@EITHER
async def test_a_function_of_the_request(kind: Kind) -> None:
    fake = FakeTransport()

    def page(request: ListItemsRequest) -> ListItemsResponse:
        if request.page_token == "t":
            return ListItemsResponse(items=[Item(id="b")])
        return ListItemsResponse(items=[Item(id="a")], next_page_token="t")

    fake.on("ListItems", page)
    items = await of(kind, fake, lambda client: client.list_items("p"))
    assert [item.id for item in items] == ["a", "b"]
    assert [request.page_token for request in fake.requests(ListItemsRequest)] == ["", "t"]

    def fails(request: Message) -> Message:
        raise UnexpectedStatus("odd")

    fake.on("GetItem", fails)
    with pytest.raises(UnexpectedStatus, match="odd"):
        await of(kind, fake, lambda client: client.get_item("p", "a"))


@EITHER
async def test_an_upsert_in_batches(kind: Kind) -> None:
    fake = FakeTransport()
    fake.on("UpsertItems", created)
    items = [Item(id=str(index), caption="x" * 300) for index in range(50)]
    options = {"max_message_bytes": 10_000}
    outcomes = await of(kind, fake, lambda client: client.upsert("p", items), **options)
    assert [outcome.id for outcome in outcomes] == [item.id for item in items]
    assert {outcome.result for outcome in outcomes} == {UpsertOutcome.RESULT_CREATED}
    assert not any(map(error_of, outcomes))
    assert len(fake.requests(UpsertItemsRequest)) == 2


@EITHER
async def test_a_picture(kind: Kind) -> None:
    fake = FakeTransport()
    data = bytes(range(256)) * 2000
    parts = image_answer(data, "image/jpeg")
    assert len(parts) == 3
    fake.on("GetItemImage", parts, parts[:-1], NotFound("none"))
    image = await of(kind, fake, lambda client: client.get_item_image("p", "a"))
    assert (image.data, image.info.media_type, image.info.byte_size) == (
        data,
        "image/jpeg",
        len(data),
    )
    with pytest.raises(DataLoss):
        await of(kind, fake, lambda client: client.get_item_image("p", "a"))
    with pytest.raises(NotFound):
        await of(kind, fake, lambda client: client.get_item_image("p", "a"))


@EITHER
async def test_a_call_without_an_answer_is_named(kind: Kind) -> None:
    fake = FakeTransport()
    message = (
        r"no answer for triptych\.v1\.SearchService\.Search: give one with on\('Search', ...\)"
    )
    with pytest.raises(Unanswered, match=message):
        await of(kind, fake, lambda client: client.search("p", text="a"))
    assert len(fake.calls) == 1


def test_an_answer_is_a_message_of_its_rpc() -> None:
    fake = FakeTransport()
    with pytest.raises(ValueError, match=r"the contract has no RPC 'Serch'; is it Search\?"):
        fake.on("Serch", SearchResponse())
    with pytest.raises(ValueError, match="Search: needs an answer"):
        fake.on("Search")
    for method, answer in (
        ("Search", GetItemResponse()),
        ("Search", [SearchResponse()]),
        ("Search", {"hits": []}),
        ("Search", ValueError("no TriptychError")),
        ("GetItemImage", [GetItemResponse()]),
    ):
        with pytest.raises(TypeError, match=rf"{method}: answers with {method}Response, not "):
            fake.on(method, answer)  # type: ignore[arg-type]
    fake.on("Search", lambda request: GetItemResponse())
    with Client(transport=fake) as client, pytest.raises(TypeError, match="SearchResponse"):
        client.search("p", text="a")


def test_a_request_is_a_message_of_its_rpc() -> None:
    call = SearchServiceStub(FakeTransport().channel()).Search
    with pytest.raises(TypeError, match="Search: takes SearchRequest, not GetItemResponse"):
        call(GetItemResponse(), timeout=1, metadata=())  # type: ignore[arg-type]


def test_every_rpc_can_be_answered() -> None:
    names = [method.name for service in SERVICES for method in service.methods]
    assert len(names) == len(set(names)), "a name stands for one RPC"
    fake = FakeTransport()
    for name in names:
        with pytest.raises(TypeError, match=name):
            fake.on(name, 7)  # type: ignore[arg-type]


def test_a_client_on_it_is_closed_as_any_other() -> None:
    client = Client(transport=FakeTransport())
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.status()


async def test_the_asynchronous_one_too() -> None:
    async with AsyncClient(transport=FakeTransport()) as client:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        await client.status()


def test_the_example_in_the_manual() -> None:
    """It is a test as a user would write one."""
    manual = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python3\n(.*?)```", manual, re.DOTALL)
    [program] = [block for block in blocks if "FakeTransport" in block]
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - ours
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()
