"""Many items, cut into requests that a server takes."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from tests.client.service import Answer, Service, aborts, refuses, rich_status, serving
from triptych import (
    ArgumentError,
    Client,
    Item,
    NotFound,
    OcrOptions,
    ResourceExhausted,
    UpsertOutcome,
    error_of,
)
from triptych._batches import Batch, Upsert
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


def planned(
    items: list[Item], *, max_items: int, max_bytes: int
) -> tuple[list[Batch], list[UpsertOutcome]]:
    """The batches of these items, and the outcomes of those that are in none."""
    upsert = Upsert(
        HEAD, max_items=max_items, max_bytes=max_bytes, timeout=None, least_timeout=30.0
    )
    return list(upsert.batches(items)), upsert.outcomes()


@given(
    sizes=st.lists(st.integers(0, 300) | st.integers(60_000, 70_000), max_size=30),
    max_items=st.integers(1, 10),
    max_bytes=st.integers(200, 100_000),
)
def test_every_item_is_in_one_request_that_fits(
    sizes: list[int], max_items: int, max_bytes: int
) -> None:
    items = [item(index, size) for index, size in enumerate(sizes)]
    parts, refused = planned(items, max_items=max_items, max_bytes=max_bytes)

    for request in (part.request(HEAD) for part in parts):
        assert request.ByteSize() <= max_bytes
        assert 1 <= len(request.items) <= max_items
        assert (request.collection_id, request.ocr) == (HEAD.collection_id, HEAD.ocr)
    sent = [int(one.id) for part in parts for one in part.items]
    indexes = [i for part in parts for i in part.indexes]
    assert sent == indexes == sorted(sent)
    assert sorted(sent + [outcome.index for outcome in refused]) == list(range(len(items)))
    for outcome in refused:
        alone = UpsertItemsRequest(items=[items[outcome.index]])
        alone.MergeFrom(HEAD)
        assert alone.ByteSize() > max_bytes


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(1, 10))
def test_no_request_is_smaller_than_need_be(sizes: list[int], max_items: int) -> None:
    items = [item(index, size) for index, size in enumerate(sizes)]
    parts, _ = planned(items, max_items=max_items, max_bytes=1000)
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


SMALL = 100_000
"""The most that the server of the tests below takes, in bytes; the client's limit is 32 MiB."""


def test_a_batch_that_the_server_finds_too_large_goes_in_halves() -> None:
    items = [item(index, 40_000) for index in range(11)]
    with serving(max_message_bytes=SMALL) as service, service.client() as client:
        service.on("UpsertItems", answer)
        outcomes = client.upsert("pictures", items, batch_size=8)
    assert [outcome.index for outcome in outcomes] == list(range(11))
    assert {outcome.result for outcome in outcomes} == {UpsertOutcome.RESULT_CREATED}
    requests = service.requests(UpsertItemsRequest)
    # 8 items are refused, and 4 of them; what comes after has learnt from it.
    assert [len(request.items) for request in requests] == [2, 2, 2, 2, 2, 1]
    assert [one.id for request in requests for one in request.items] == [one.id for one in items]


def test_a_single_item_that_the_server_finds_too_large_fails_alone() -> None:
    items = [item(0), item(1, 200_000), item(2)]
    with serving(max_message_bytes=SMALL) as service, service.client() as client:
        service.on("UpsertItems", answer)
        outcomes = client.upsert("pictures", items)
    results = [outcome.result for outcome in outcomes]
    created, failed = UpsertOutcome.RESULT_CREATED, UpsertOutcome.RESULT_FAILED
    assert results == [created, failed, created]
    error = error_of(outcomes[1])
    assert error is not None
    assert error.reason == "MESSAGE_TOO_LARGE"
    assert error.violations[0].field == "items[1]"
    assert "larger than this server takes (got a message of 2000" in error.message


@given(st.lists(st.integers(0, 120_000), min_size=1, max_size=12), st.integers(1, 6))
def test_any_items_arrive_at_a_server_of_any_limit(sizes: list[int], max_items: int) -> None:
    """The same without a server: what a limit refuses, is halved until it passes or is alone."""
    items = [item(index, size) for index, size in enumerate(sizes)]
    upsert = Upsert(HEAD, max_items=max_items, max_bytes=2**25, timeout=None, least_timeout=30.0)
    too_large = ResourceExhausted("m", reason="MESSAGE_TOO_LARGE")
    arrived: list[str] = []
    for batch in upsert.batches(items):
        waiting = [batch]
        while waiting:
            part = waiting.pop(0)
            if upsert.request(part).ByteSize() > SMALL:
                waiting[:0] = upsert.refused(part, too_large)
            else:
                arrived += [one.id for one in part.items]
    failed = [outcome.id for outcome in upsert.outcomes()]
    assert sorted([*arrived, *failed], key=int) == [one.id for one in items]
    assert arrived == sorted(arrived, key=int)
    for one in items:
        assert (upsert.request(Batch([0], [one])).ByteSize() > SMALL) == (one.id in failed)


def test_a_busy_server_s_refusal_is_no_reason_to_halve(service: Service) -> None:
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    service.on("UpsertItems", refuses(code, "STORE_FULL", "the disk is full"))
    with service.client() as client, pytest.raises(ResourceExhausted) as caught:
        client.upsert("pictures", [item(0), item(1)])
    assert caught.value.reason == "STORE_FULL"
    assert len(service.calls) == 1


def remaining(seconds: list[float]) -> Answer:
    """Answers, and notes how long the caller would wait."""

    def note(request: Message, context: grpc.ServicerContext) -> UpsertItemsResponse:
        seconds.append(context.time_remaining())
        return answer(request, context)

    return note


def test_the_deadline_of_a_batch_grows_with_it(service: Service) -> None:
    seconds: list[float] = []
    service.on("UpsertItems", remaining(seconds))
    with service.client(timeout=10) as client:
        client.upsert("pictures", [item(0)])
        client.upsert("pictures", [item(index) for index in range(100)], batch_size=100)
        client.upsert("pictures", [item(0, 5 * 1024 * 1024)])
        client.upsert("pictures", [item(0)], timeout=60)
    # 10 s, 1 s an item, 1 s a MiB, less what has passed; gRPC sends them rounded up a little.
    assert 10 < seconds[0] < 12
    assert 90 < seconds[1] < 115
    assert 12 < seconds[2] < 17
    assert 40 < seconds[3] < 65
