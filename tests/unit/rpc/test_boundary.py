"""The boundary around servicers that go wrong in every way, on a real port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from triptych.v1.status_service_pb2 import GetStatusRequest, GetStatusResponse
from triptych.v1.status_service_pb2_grpc import (
    StatusServiceServicer,
    add_StatusServiceServicer_to_server,
)
from triptych_server.domain.errors import Reason, TriptychError, Unavailable
from triptych_server.rpc.boundary import Boundary
from triptych_server.store.errors import StoreRejected

SECRET = "/srv/secret/path of ours"
MAX_BYTES = 10_000
METHOD = "/triptych.v1.StatusService/GetStatus"


class Servicer(StatusServiceServicer):
    """Does what the test says."""

    def __init__(self, do: Callable[[], Awaitable[GetStatusResponse]]) -> None:
        self._do = do

    async def GetStatus(self, request: GetStatusRequest, context: Any) -> GetStatusResponse:
        return await self._do()


@asynccontextmanager
async def serving(
    do: Callable[[], Awaitable[GetStatusResponse]],
) -> AsyncIterator[Callable[..., Any]]:
    """A server with the boundary, and a way to call it with raw bytes."""
    server = grpc.aio.server(interceptors=[Boundary(MAX_BYTES, 100 * MAX_BYTES)])
    add_StatusServiceServicer_to_server(Servicer(do), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel.unary_unary(METHOD)
    await server.stop(None)


async def failure(
    do: Callable[[], Awaitable[GetStatusResponse]], raw: bytes = b""
) -> tuple[Any, dict[str, Any]]:
    """The error that a caller meets, and its details by name."""
    async with serving(do) as call:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(raw, timeout=5)
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    assert status is not None
    found = {}
    for detail in status.details:
        made = getattr(error_details_pb2, detail.TypeName().rpartition(".")[2])()
        detail.Unpack(made)
        found[type(made).__name__] = made
    return caught.value, found


async def unforeseen() -> GetStatusResponse:
    raise RuntimeError(SECRET)


async def test_an_unforeseen_error_is_an_incident_and_nothing_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "triptych"):
        error, details = await failure(unforeseen)
    assert error.code() == grpc.StatusCode.INTERNAL
    assert SECRET not in error.details()
    incident = details["ErrorInfo"].metadata["incident"]
    assert incident in error.details()
    record = next(r for r in caplog.records if incident in r.getMessage())
    assert record.exc_info is not None
    assert SECRET in caplog.text
    assert f"{METHOD} INTERNAL" in caplog.text


@pytest.mark.parametrize("made", [StoreRejected(), TriptychError(Reason.INTERNAL, SECRET)])
async def test_a_defect_that_an_adapter_names_is_an_incident_too(made: TriptychError) -> None:
    async def fail() -> GetStatusResponse:
        raise made

    error, details = await failure(fail)
    assert error.code() == grpc.StatusCode.INTERNAL
    assert details["ErrorInfo"].metadata["incident"]
    assert SECRET not in error.details()


async def test_a_stray_cancellation_is_answered() -> None:
    """Without an answer its client would wait for ever."""

    async def stray() -> GetStatusResponse:
        raise asyncio.CancelledError

    error, _ = await failure(stray)
    assert error.code() == grpc.StatusCode.INTERNAL


async def test_an_answer_of_the_wrong_type_is_an_incident() -> None:
    async def wrong() -> GetStatusResponse:
        return None  # type: ignore[return-value]

    error, _ = await failure(wrong)
    assert error.code() == grpc.StatusCode.INTERNAL


async def test_an_answer_that_is_too_large_says_so() -> None:
    async def large() -> GetStatusResponse:
        return GetStatusResponse(version="x" * (MAX_BYTES + 1))

    error, details = await failure(large)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details["ErrorInfo"].reason == "MESSAGE_TOO_LARGE"
    assert str(MAX_BYTES) in error.details()


async def test_a_domain_error_travels_with_its_details() -> None:
    async def busy() -> GetStatusResponse:
        raise Unavailable(Reason.STORE_UNAVAILABLE, "not now", retry_after_s=1.5)

    error, details = await failure(busy)
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert details["RetryInfo"].retry_delay.ToTimedelta().total_seconds() == 1.5


async def test_bytes_that_are_no_message() -> None:
    error, details = await failure(unforeseen, b"\xff\xff")
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert details["BadRequest"].field_violations[0].reason == "REQUEST_MALFORMED"


async def test_a_caller_that_gives_up_ends_the_work() -> None:
    ended = asyncio.Event()

    async def slow() -> GetStatusResponse:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.set()
            raise
        return GetStatusResponse()

    async with serving(slow) as call:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"", timeout=0.2)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(5):
            await ended.wait()


@pytest.mark.parametrize(("given", "kept"), [("mine", True), ("x" * 65, False), ("", False)])
async def test_request_ids_are_kept_where_they_fit_a_log_line(
    given: str, kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def fine() -> GetStatusResponse:
        return GetStatusResponse()

    with caplog.at_level(logging.INFO, "triptych"):
        async with serving(fine) as call:
            made = call(b"", metadata=(("x-request-id", given),), timeout=5)
            answered = dict(await made.initial_metadata())
            await made
    assert (answered["x-request-id"] == given) is kept
    assert f"request_id={answered['x-request-id']}" in caplog.text
