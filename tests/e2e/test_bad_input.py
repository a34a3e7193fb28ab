"""What the server answers to requests that are wrong: code, reason and field, row by row.

One table for every RPC there is, over a real port, with a good request after each row. Some rows
only look wrong, and are served with a word about it. Not in it:

- What no request alone can cause, and has tests of its own (9 cases): a model that the collection
  was not made with, a full disk, a Qdrant server that is slow, restarts, limits or refuses, no CUDA
  where it is asked for, a client that goes away, a text that the Python client itself can't send.
- What the contract has no field for (13 cases): addresses of pictures to be fetched (4), streams of
  items (2), pairs and lists of examples (2), tenants and keys (2), memory of a GPU (1), names and
  media types of files (1), weights of vectors that are not asked (1).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.support.bad_input import (
    calls,
    collections,
    composed,
    examples,
    explanations,
    expressions,
    filters,
    fusions,
    items,
    names,
    pictures,
    queries,
    vectors,
)
from tests.support.bad_input.build import (
    CAPTION,
    ID,
    IMAGE,
    LOOKS,
    NAN,
    OK,
    SOUNDS,
    STRICT,
    STRIP,
    SUPPLIED,
    Raw,
    Row,
    field,
    search,
    where,
)
from tests.support.bad_input.contract import NEVER_WRONG, leaves, named_by
from tests.support.bad_input.items import payload_item
from tests.support.children import DECODER, children, memory_of
from tests.support.server import RunningServer
from triptych.v1.collection_pb2 import Collection, PayloadField, VectorSpace
from triptych.v1.collection_service_pb2 import (
    CreateCollectionRequest,
)
from triptych.v1.collection_service_pb2_grpc import CollectionServiceStub
from triptych.v1.common_pb2 import Image, Warning
from triptych.v1.encode_service_pb2 import EncodeInput, EncodeRequest
from triptych.v1.encode_service_pb2_grpc import EncodeServiceStub
from triptych.v1.item_pb2 import Item
from triptych.v1.item_service_pb2 import (
    UpsertItemsRequest,
    UpsertItemsResponse,
    UpsertOutcome,
)
from triptych.v1.item_service_pb2_grpc import ItemServiceStub
from triptych.v1.search_service_pb2 import (
    QueryInput,
    SearchRequest,
    VectorQuery,
)
from triptych.v1.search_service_pb2_grpc import SearchServiceStub
from triptych.v1.status_service_pb2_grpc import StatusServiceStub

SOAK = os.environ.get("TRIPTYCH_SOAK") == "1"
ROUNDS = 40 if SOAK else 1
MOST_GROWTH = 16 * 2**20
# What larger messages took, an allocator keeps or gives back as it likes.
SMALL_MESSAGE = 200_000
LEAKS = ("traceback", "site-packages", ".py", "qdrant", "pillow", "pil.", "exception", "/tmp")
TABLES = (
    calls.ROWS,
    names.ROWS,
    collections.ROWS,
    items.ROWS,
    items.ITEM_ROWS,
    pictures.ROWS,
    vectors.ROWS,
    queries.ROWS,
    filters.ROWS,
    fusions.ROWS,
    composed.ROWS,
    examples.ROWS,
    expressions.ROWS,
    explanations.ROWS,
)
ROWS: dict[str, Row] = {name: row for table in TABLES for name, row in table.items()}
CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Answer:
    """What a row was answered with: the error, or the error or the warnings of its first item."""

    code: grpc.StatusCode
    reasons: list[str]
    fields: list[str]
    said: str


class Stubs:
    """Calls whatever a request message belongs to, without our client in between."""

    def __init__(self, channel: grpc.Channel) -> None:
        stubs = (
            CollectionServiceStub(channel),
            ItemServiceStub(channel),
            SearchServiceStub(channel),
            EncodeServiceStub(channel),
            StatusServiceStub(channel),
        )
        self._channel = channel
        self._calls = {
            f"{name}Request": call for stub in stubs for name, call in vars(stub).items()
        }

    def __call__(self, request: Message | Raw, **how: Any) -> Any:
        how = {"timeout": 20, **how}
        if isinstance(request, Raw):
            method: Any = self._channel.unary_unary(request.method)
            return method(request.data, **how)
        answer = self._calls[type(request).__name__](request, **how)
        # That of a stream, all of it: its error comes only with its messages.
        return list(answer) if isinstance(answer, Iterator) else answer

    def answer(self, row: Row) -> Answer:
        """Make the row's call."""
        try:
            answer = self(row.request, **row.how)
        except grpc.RpcError as caught:
            error: Any = caught
            if not row.reason:
                return Answer(error.code(), [], [], error.details())
            info, fields, reasons = details_of(error)
            return Answer(error.code(), [info.reason, *reasons], fields, error.details())
        if isinstance(answer, UpsertItemsResponse):
            answer, *others = answer.outcomes
            # A fault of one item is never the others'.
            assert all(other.result != UpsertOutcome.RESULT_FAILED for other in others)
            if answer.result == UpsertOutcome.RESULT_FAILED:
                info, fields, reasons = read_details(answer.error)
                code = CODES[answer.error.code]
                return Answer(code, [info.reason, *reasons], fields, answer.error.message)
        codes = [Warning.Code.Name(w.code).removeprefix("CODE_") for w in answer.warnings]
        said = "; ".join(w.message for w in answer.warnings)
        return Answer(OK, codes, [w.field for w in answer.warnings], said)


@pytest.fixture(scope="module")
def call(server: RunningServer) -> Iterator[Stubs]:
    options = [("grpc.max_send_message_length", 2**28)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        stubs = Stubs(channel)
        audio = VectorSpace(name="audio", sources=[SUPPLIED], dimension=3)
        frames = VectorSpace(
            name="frames", sources=[SUPPLIED], dimension=2, kind=VectorSpace.KIND_MULTI
        )
        tags = VectorSpace(name="tags", sources=[SUPPLIED], kind=VectorSpace.KIND_SPARSE)
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
                vector_spaces=[*defaults, audio, frames, tags],
                payload_fields=[
                    PayloadField(name="price", type=PayloadField.TYPE_FLOAT),
                    PayloadField(name="count", type=PayloadField.TYPE_INTEGER),
                    PayloadField(name="note", type=PayloadField.TYPE_TEXT),
                    PayloadField(name="taken", type=PayloadField.TYPE_DATETIME),
                    PayloadField(name="spot", type=PayloadField.TYPE_GEO),
                    PayloadField(name="serial", type=PayloadField.TYPE_UUID),
                    PayloadField(name="sold", type=PayloadField.TYPE_BOOL),
                    PayloadField(name="kind", type=PayloadField.TYPE_KEYWORD),
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
        stubs(CreateCollectionRequest(collection_id=LOOKS, vector_spaces=defaults[:1]))
        stubs(CreateCollectionRequest(collection_id=SOUNDS, vector_spaces=[audio]))
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
def test_a_row(server: RunningServer, call: Stubs, name: str) -> None:
    row = ROWS[name]
    answer = call.answer(row)
    assert answer.code == row.code, answer.said
    if row.reason:
        assert row.reason in answer.reasons, answer.said
    else:
        assert not answer.reasons
    if row.field:
        # A bad field is named beside the message, what is not there in it.
        assert row.field in answer.fields or answer.said.startswith(f"{row.field}: "), answer.said
    # Nothing of the inside: no path of this machine, no code, none of the engine's wording. And
    # nothing of the caller's own that could not stand in a line of a log.
    said = answer.said
    told = said.lower().replace("needs a qdrant server", "")
    assert not [word for word in (*LEAKS, str(server.folder)) if word in told], said
    assert all(text.isprintable() for text in (said, *answer.fields))
    assert len(said) < 600
    good_request_works(call)


@pytest.mark.soak
@pytest.mark.timeout(1800 if SOAK else 120)
def test_bad_requests_leave_no_memory_behind(
    server: RunningServer, call: Stubs, note: Callable[[str], None]
) -> None:
    """Not in the service, and not in the processes that decode its pictures."""

    def held() -> int:
        service = server.process.pid
        return sum(memory_of(pid) for pid in (service, *children(DECODER, service)))

    def size_of(row: Row) -> int:
        return len(row.request.data) if isinstance(row.request, Raw) else row.request.ByteSize()

    def one_round() -> None:
        for row in small:
            call.answer(row)
        good_request_works(call)

    small = [row for row in ROWS.values() if size_of(row) < SMALL_MESSAGE]
    assert len(small) > len(ROWS) * 0.9
    one_round()
    before = held()
    for _ in range(ROUNDS):
        one_round()
    growth = held() - before
    note(f"{ROUNDS * len(small)} requests, {before >> 20} MiB held, {growth >> 20} MiB of growth")
    assert growth < MOST_GROWTH


def test_every_error_names_its_field() -> None:
    """But for what is no request at all."""
    nameless = {row.reason for row in ROWS.values() if row.code != OK and not row.field}
    assert nameless == {"REQUEST_MALFORMED", ""}


def test_every_field_of_a_request_has_its_rows() -> None:
    """A field that enters the contract brings the ways in which it can be wrong."""
    asked = {
        type(row.request).DESCRIPTOR for row in ROWS.values() if not isinstance(row.request, Raw)
    }
    assert len(asked) >= 13
    named = {found for row in ROWS.values() for found in named_by(row)}
    fields: set[str] = set().union(*(leaves(message) for message in asked))
    missing = fields - named - NEVER_WRONG
    assert not missing
    assert not NEVER_WRONG & named


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
