"""What is sent again, when, and what is not; the same for both clients."""

import time

import grpc
import pytest

from tests.client.both import EITHER, Kind, outcome
from tests.client.service import Service, aborts, gives, refuses
from triptych import ArgumentError, Client, DeadlineExceeded, ResourceExhausted, Unavailable
from triptych._course import FIRST_PAUSE_S, LONGEST_PAUSE_S, SPREAD, Course
from triptych.v1.collection_service_pb2 import CreateCollectionResponse
from triptych.v1.status_service_pb2 import GetStatusResponse

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
ANSWER = gives(GetStatusResponse(version="1"))


class Failed(grpc.RpcError):
    """A failed attempt, as gRPC reports one."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "refused"

    def trailing_metadata(self) -> tuple[()]:
        return ()


def course(*, seconds: float = 100.0, retries: int = 4) -> Course:
    return Course(
        seconds=seconds,
        retries=retries,
        metadata=(),
        request_id="r",
        target="t:1",
        secure=False,
        max_message_bytes=1,
    )


def test_the_pauses_grow() -> None:
    one = course(retries=7)
    pauses = [one.pause_after(Failed(UNAVAILABLE)) for _ in range(7)]
    for pause, least in zip(pauses, [0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0], strict=True):
        assert least <= pause <= least * (1 + SPREAD)
    with pytest.raises(Unavailable):
        one.pause_after(Failed(UNAVAILABLE))
    assert (FIRST_PAUSE_S, LONGEST_PAUSE_S) == (0.2, 3.0)


def test_there_is_no_pause_beyond_the_deadline() -> None:
    with pytest.raises(Unavailable):
        course(seconds=0.1).pause_after(Failed(UNAVAILABLE))


def test_half_an_answer_is_not_asked_for_again() -> None:
    with pytest.raises(Unavailable):
        course().pause_after(Failed(UNAVAILABLE), begun=True)


@EITHER
async def test_two_failures_and_then_an_answer_are_an_answer(kind: Kind, service: Service) -> None:
    busy = refuses(UNAVAILABLE, "STORE_UNAVAILABLE", "restarting")
    service.on("GetStatus", busy, aborts(UNAVAILABLE), ANSWER)
    status = await outcome(kind, service.address, lambda client: client.status())
    assert status.version == "1"
    assert len(service.calls) == 3
    # It is one call to the one who makes it: one id.
    assert len({call.metadata["x-request-id"] for call in service.calls}) == 1


@EITHER
@pytest.mark.parametrize("retries", [0, 1, 2])
async def test_as_many_retries_as_are_asked_for(kind: Kind, retries: int, service: Service) -> None:
    service.on("GetStatus", aborts(UNAVAILABLE))
    with pytest.raises(Unavailable):
        await outcome(kind, service.address, lambda c: c.status(), retries=retries)
    assert len(service.calls) == 1 + retries


@EITHER
async def test_a_full_queue_is_waited_for_as_long_as_it_says(kind: Kind, service: Service) -> None:
    service.on("GetStatus", refuses(EXHAUSTED, "QUEUE_FULL", "m", retry_after_s=0.4), ANSWER)
    begin = time.monotonic()
    status = await outcome(kind, service.address, lambda client: client.status())
    assert status.version == "1"
    assert len(service.calls) == 2
    assert time.monotonic() - begin >= 0.4


@EITHER
async def test_a_queue_that_is_full_beyond_the_deadline_is_an_error_at_once(
    kind: Kind, service: Service
) -> None:
    service.on("GetStatus", refuses(EXHAUSTED, "QUEUE_FULL", "m", retry_after_s=600))
    with pytest.raises(ResourceExhausted) as caught:
        await outcome(kind, service.address, lambda client: client.status(timeout=30))
    assert (caught.value.reason, caught.value.retry_after_s) == ("QUEUE_FULL", 600)
    assert len(service.calls) == 1


@EITHER
async def test_what_no_waiting_mends_is_not_sent_again(kind: Kind, service: Service) -> None:
    service.on("GetStatus", refuses(EXHAUSTED, "STORE_FULL", "m"), ANSWER)
    with pytest.raises(ResourceExhausted):
        await outcome(kind, service.address, lambda client: client.status())
    assert len(service.calls) == 1


@EITHER
@pytest.mark.parametrize("code", [UNAVAILABLE, EXHAUSTED])
async def test_a_collection_is_made_once(
    kind: Kind, code: grpc.StatusCode, service: Service
) -> None:
    again = gives(CreateCollectionResponse())
    service.on("CreateCollection", refuses(code, "QUEUE_FULL", "m", retry_after_s=0.1), again)
    with pytest.raises((Unavailable, ResourceExhausted)):
        await outcome(kind, service.address, lambda client: client.create_collection("p"))
    assert len(service.calls) == 1


@EITHER
async def test_a_deadline_that_has_passed_is_the_end(kind: Kind, service: Service) -> None:
    service.on("GetStatus", aborts(grpc.StatusCode.DEADLINE_EXCEEDED), ANSWER)
    with pytest.raises(DeadlineExceeded):
        await outcome(kind, service.address, lambda client: client.status())
    assert len(service.calls) == 1


@pytest.mark.parametrize("retries", [-1, 21, 1.5, None])
def test_retries_that_can_t_be(retries: int) -> None:
    with pytest.raises(ArgumentError, match="retries: out of range"):
        Client("127.0.0.1:1", retries=retries)
