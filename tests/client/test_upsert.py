"""Many items, cut into requests that a server takes."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from tests.client.service import Service, aborts, rich_status
from triptych import ArgumentError, Client, Item, NotFound, OcrOptions, UpsertOutcome, error_of
from triptych._batches import Batch, batches
from triptych.v1.item_service_pb2 import UpsertItemsRequest, UpsertItemsResponse

HEAD = UpsertItemsRequest(collection_id="pictures", ocr=OcrOptions(language="deu"))


def item(index: int, size: int = 0) -> Item:
    return Item(id=str(index), caption="x" * size)


def answer(request: Message, context: grpc.ServicerContext) -> UpsertItemsResponse:
    """CREATED for every item, but FAILED for those whose caption says so."""
    assert isinstance(request, UpsertItemsRequest)
    response = UpsertItemsResponse()
    for index, one in enumerate(request.items):
        outcome = response.outcomes.add(index=index, id=one.id)
        if one.caption == "bad":
            outcome.result = UpsertOutcome.RESULT_FAILED
            code = grpc.StatusCode.INVALID_ARGUMENT
            outcome.error.CopyFrom(rich_status(code, "TEXT_BLANK", f"items[{index}].caption: m"))
        else:
            outcome.result = UpsertOutcome.RESULT_CREATED
    return response


@given(
    sizes=st.lists(st.integers(0, 300) | st.integers(60_000, 70_000), max_size=30),
    max_items=st.integers(1, 10),
    max_bytes=st.integers(200, 100_000),
)
def test_every_item_is_in_one_request_that_fits(
    sizes: list[int], max_items: int, max_bytes: int
) -> None:
    items = [item(index, size) for index, size in enumerate(sizes)]
    parts = list(batches(HEAD, items, max_items=max_items, max_bytes=max_bytes))
    requests = [part.request(HEAD) for part in parts if isinstance(part, Batch)]
    refused = [part for part in parts if not isinstance(part, Batch)]

    for request in requests:
        assert request.ByteSize() <= max_bytes
        assert 1 <= len(request.items) <= max_items
        assert (request.collection_id, request.ocr) == (HEAD.collection_id, HEAD.ocr)
    sent = [int(one.id) for request in requests for one in request.items]
    indexes = [i for part in parts if isinstance(part, Batch) for i in part.indexes]
    assert sent == indexes == sorted(sent)
    assert sorted(sent + [outcome.index for outcome in refused]) == list(range(len(items)))
    for outcome in refused:
        alone = UpsertItemsRequest(items=[items[outcome.index]])
        alone.MergeFrom(HEAD)
        assert alone.ByteSize() > max_bytes


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(1, 10))
def test_no_request_is_smaller_than_need_be(sizes: list[int], max_items: int) -> None:
    items = [item(index, size) for index, size in enumerate(sizes)]
    parts = [
        p for p in batches(HEAD, items, max_items=max_items, max_bytes=1000) if isinstance(p, Batch)
    ]
    for part, following in pairwise(parts):
        more = replace(part, items=[*part.items, following.items[0]])
        assert len(part.items) == max_items or more.request(HEAD).ByteSize() > 1000


def test_outcomes_keep_the_places_of_the_caller_s_list(service: Service) -> None:
    service.on("UpsertItems", answer)
    items = [item(index) for index in range(600)]
    items[300] = Item(id="300", caption="bad")
    with service.client() as client:
        outcomes = client.upsert("pictures", items, ocr="skip", batch_size=256)
    assert [outcome.index for outcome in outcomes] == list(range(600))
    assert [outcome.id for outcome in outcomes] == [one.id for one in items]
    failed = [o.index for o in outcomes if o.result == UpsertOutcome.RESULT_FAILED]
    assert failed == [300]
    requests = service.requests(UpsertItemsRequest)
    assert [len(request.items) for request in requests] == [256, 256, 88]
    assert {request.ocr.mode for request in requests} == {OcrOptions.MODE_SKIP}


def test_an_item_too_large_for_any_message_fails_alone(service: Service) -> None:
    service.on("UpsertItems", answer)
    items = [item(0), item(1, 200_000), item(2)]
    with Client(service.address, max_message_bytes=100_000) as client:
        outcomes = client.upsert("pictures", items)
    assert [outcome.index for outcome in outcomes] == [0, 1, 2]
    error = error_of(outcomes[1])
    assert error is not None
    assert error.reason == "MESSAGE_TOO_LARGE"
    assert error.violations[0].field == "items[1]"
    assert [one.id for one in service.requests(UpsertItemsRequest)[0].items] == ["0", "2"]


def test_an_iterator_is_read_batch_by_batch(service: Service) -> None:
    service.on("UpsertItems", answer)
    ahead: list[int] = []

    def items() -> Iterator[Item]:
        for index in range(6):
            ahead.append(index - 2 * len(service.calls))
            yield item(index)

    with service.client() as client:
        assert len(client.upsert("pictures", items(), batch_size=2)) == 6
    assert len(service.calls) == 3
    assert max(ahead) <= 2


def test_the_same_id_twice_is_refused_even_across_requests(service: Service) -> None:
    service.on("UpsertItems", answer)
    with service.client() as client, pytest.raises(ArgumentError) as caught:
        client.upsert("pictures", [item(0), item(1), item(0)], batch_size=1)
    assert caught.value.reason == "DUPLICATE_ID"
    assert caught.value.message == "items[2].id: the same id as items[0] (got 0)"


def test_no_items_are_no_call(service: Service) -> None:
    with service.client() as client:
        assert client.upsert("pictures", []) == []
    assert not service.calls


def test_a_request_that_fails_as_a_whole_is_raised(service: Service) -> None:
    service.on("UpsertItems", answer, aborts(grpc.StatusCode.NOT_FOUND, "gone"))
    with service.client() as client, pytest.raises(NotFound, match="gone"):
        client.upsert("pictures", [item(0), item(1), item(2)], batch_size=1)
    assert len(service.calls) == 2
