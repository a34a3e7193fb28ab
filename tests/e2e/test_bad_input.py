"""What the server answers to requests that are wrong: code, reason and field, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.support.bad_input import (
    composed,
    examples,
    explanations,
    expressions,
    filters,
    fusions,
    items,
    names,
    queries,
)
from tests.support.bad_input.build import (
    CAPTION,
    IA,
    ID,
    IMAGE,
    NAN,
    STRICT,
    STRIP,
    SUPPLIED,
    field,
    search,
    where,
)
from tests.support.bad_input.items import ITEM_ROWS, payload_item
from tests.support.server import RunningServer
from triptych.v1.collection_pb2 import Collection, PayloadField, VectorSpace
from triptych.v1.collection_service_pb2 import (
    CreateCollectionRequest,
)
from triptych.v1.collection_service_pb2_grpc import CollectionServiceStub
from triptych.v1.common_pb2 import Image
from triptych.v1.encode_service_pb2 import EncodeInput, EncodeRequest
from triptych.v1.encode_service_pb2_grpc import EncodeServiceStub
from triptych.v1.item_pb2 import Item
from triptych.v1.item_service_pb2 import (
    UpsertItemsRequest,
    UpsertOutcome,
)
from triptych.v1.item_service_pb2_grpc import ItemServiceStub
from triptych.v1.search_service_pb2 import (
    QueryInput,
    SearchRequest,
    VectorQuery,
)
from triptych.v1.search_service_pb2_grpc import SearchServiceStub

LEAKS = ("traceback", "site-packages", ".py", "qdrant", "pillow", "pil.", "exception", "/tmp")
ROWS = (
    names.ROWS
    | items.ROWS
    | queries.ROWS
    | filters.ROWS
    | fusions.ROWS
    | composed.ROWS
    | examples.ROWS
    | expressions.ROWS
    | explanations.ROWS
)


class Stubs:
    """Calls whatever a request message belongs to, without our client in between."""

    def __init__(self, channel: grpc.Channel) -> None:
        stubs = (
            CollectionServiceStub(channel),
            ItemServiceStub(channel),
            SearchServiceStub(channel),
            EncodeServiceStub(channel),
        )
        self._calls = {
            f"{name}Request": call for stub in stubs for name, call in vars(stub).items()
        }

    def __call__(self, request: Message) -> Any:
        answer = self._calls[type(request).__name__](request, timeout=20)
        # That of a stream, all of it: its error comes only with its messages.
        return list(answer) if isinstance(answer, Iterator) else answer


@pytest.fixture(scope="module")
def call(server: RunningServer) -> Iterator[Stubs]:
    options = [("grpc.max_send_message_length", 2**28)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        stubs = Stubs(channel)
        audio = VectorSpace(name="audio", sources=[SUPPLIED], dimension=3)
        defaults = [
            VectorSpace(name="image", sources=[IMAGE]),
            VectorSpace(name="caption", sources=[CAPTION]),
            VectorSpace(name="ocr", sources=[VectorSpace.SOURCE_OCR_TEXT]),
            VectorSpace(
                name="terms",
                sources=[CAPTION, VectorSpace.SOURCE_OCR_TEXT],
                kind=VectorSpace.KIND_SPARSE,
            ),
        ]
        stubs(
            CreateCollectionRequest(
                collection_id=ID,
                vector_spaces=[*defaults, audio],
                payload_fields=[
                    PayloadField(name="price", type=PayloadField.TYPE_FLOAT),
                    PayloadField(name="count", type=PayloadField.TYPE_INTEGER),
                    PayloadField(name="note", type=PayloadField.TYPE_TEXT),
                    PayloadField(name="taken", type=PayloadField.TYPE_DATETIME),
                    PayloadField(name="spot", type=PayloadField.TYPE_GEO),
                    PayloadField(name="serial", type=PayloadField.TYPE_UUID),
                ],
            )
        )
        stubs(
            CreateCollectionRequest(
                collection_id=STRICT,
                payload_fields=[PayloadField(name="price", type=PayloadField.TYPE_FLOAT)],
                unindexed_filter_policy=Collection.UNINDEXED_FILTER_POLICY_REFUSE,
            )
        )
        yield stubs


def details_of(error: grpc.RpcError) -> tuple[error_details_pb2.ErrorInfo, list[str], list[str]]:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    return read_details(status)


def read_details(status: Any) -> tuple[error_details_pb2.ErrorInfo, list[str], list[str]]:
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
    assert info.domain == "triptych"
    fields = [v.field for v in bad.field_violations]
    return info, fields, [v.reason for v in bad.field_violations]


def good_request_works(call: Stubs) -> None:
    item = Item(id="good", caption="a good one")
    outcome = call(UpsertItemsRequest(collection_id=ID, items=[item])).outcomes[0]
    assert outcome.result in (UpsertOutcome.RESULT_CREATED, UpsertOutcome.RESULT_UNCHANGED)
    assert "good" in [hit.item.id for hit in call(search()).hits]


@pytest.mark.parametrize("name", ROWS)
def test_a_bad_request(server: RunningServer, call: Stubs, name: str) -> None:
    row = ROWS[name]
    with pytest.raises(grpc.RpcError) as caught:
        call(row.request)
    error: Any = caught.value
    info, fields, reasons = details_of(error)
    assert error.code() == row.code, error.details()
    assert row.reason in (info.reason, *reasons), error.details()
    if row.field is not None:
        assert row.field in fields, error.details()
    # Nothing of the inside: no path of this machine, no code, none of the engine's wording.
    said = error.details()
    assert not [word for word in (*LEAKS, str(server.folder)) if word in said.lower()], said
    assert len(said) < 600
    good_request_works(call)


@pytest.mark.parametrize("name", ITEM_ROWS)
def test_a_bad_item_among_good_ones(call: Stubs, name: str) -> None:
    item, reason, path = ITEM_ROWS[name]
    request = UpsertItemsRequest(
        collection_id=ID, items=[item, Item(id="beside", caption="a good one beside")]
    )
    bad, good = call(request).outcomes
    assert bad.result == UpsertOutcome.RESULT_FAILED
    assert bad.id == item.id
    info, fields, _ = read_details(bad.error)
    assert info.reason == reason
    if path is not None:
        assert path in fields
    assert good.result != UpsertOutcome.RESULT_FAILED


def test_all_violations_come_at_once(call: Stubs) -> None:
    request = SearchRequest(
        collection_id="NO",
        input=QueryInput(text=" "),
        limit=-1,
        vectors=[VectorQuery(vector_name="a", weight=-1), VectorQuery(weight=NAN)],
    )
    with pytest.raises(grpc.RpcError) as caught:
        call(request)
    _, fields, _ = details_of(caught.value)
    assert {
        "collection_id",
        "input.text",
        "limit",
        "vectors[0].weight",
        "vectors[1].weight",
        "vectors[1].vector_name",
    } <= set(fields)


def test_every_broken_picture_is_named(call: Stubs) -> None:
    broken = [QueryInput(image=Image(data=data)) for data in (b"one", b"two")]
    request = search(vectors=[VectorQuery(vector_name="image", input=given) for given in broken])
    inputs = [EncodeInput(image=given.image) for given in broken]
    for asked, paths in (
        (request, ["vectors[0].input.image.data", "vectors[1].input.image.data"]),
        (EncodeRequest(inputs=inputs), ["inputs[0].image.data", "inputs[1].image.data"]),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call(asked)
        assert details_of(caught.value)[1] == paths


def test_a_strip_breaks_two_rules(call: Stubs) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(search(input=QueryInput(image=Image(data=STRIP))))
    _, _, reasons = details_of(caught.value)
    assert set(reasons) == {"IMAGE_TOO_SMALL", "IMAGE_ASPECT"}


def test_a_float_field_takes_large_numbers(call: Stubs) -> None:
    item = payload_item(price=[2.0**60, 1])
    outcome = call(UpsertItemsRequest(collection_id=ID, items=[item])).outcomes[0]
    assert outcome.result != UpsertOutcome.RESULT_FAILED, outcome.error
    found = call(search(filter=where(field("price", equals=2.0**60))))
    assert [hit.item.id for hit in found.hits] == [item.id]


@pytest.mark.parametrize(
    "raw", [b"\xff\xff\xff", b"\x0a\x02\xff\xfe", b"\x12\x05abc"], ids=["torn", "utf8", "short"]
)
def test_bytes_that_are_no_message(server: RunningServer, call: Stubs, raw: bytes) -> None:
    with grpc.insecure_channel(server.address) as channel:
        method: Any = channel.unary_unary("/triptych.v1.SearchService/Search")
        with pytest.raises(grpc.RpcError) as caught:
            method(raw, timeout=10)
    error: Any = caught.value
    assert error.code() == IA
    assert details_of(error)[0].reason == "REQUEST_MALFORMED"
    good_request_works(call)


def test_an_unknown_method(server: RunningServer) -> None:
    with grpc.insecure_channel(server.address) as channel:
        method: Any = channel.unary_unary("/triptych.v1.SearchService/Guess")
        with pytest.raises(grpc.RpcError) as caught:
            method(b"", timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_message_that_is_too_large(server: RunningServer, call: Stubs) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(search(input=QueryInput(image=Image(data=bytes(33 * 2**20)))))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    good_request_works(call)


def test_a_deadline_that_is_over(server: RunningServer, call: Stubs) -> None:
    with (
        grpc.insecure_channel(server.address) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        SearchServiceStub(channel).Search(search(), timeout=0.0005)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    good_request_works(call)


def test_the_request_id_comes_back(
    server: RunningServer, call: Stubs, new_id: Callable[[], str]
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        answer, done = SearchServiceStub(channel).Search.with_call(
            search(), metadata=(("x-request-id", "my-own-id"),), timeout=10
        )
    assert answer.HasField("fusion")
    assert ("x-request-id", "my-own-id") in [tuple(pair) for pair in done.initial_metadata()]
    assert "request_id=my-own-id" in server.log
