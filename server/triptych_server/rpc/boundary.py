"""The one place where errors become statuses, and where every call is logged.

A domain error travels with its details. Anything else is a defect: the caller gets INTERNAL with
an incident id and nothing more, the log gets the id and the trace. The log holds one record a
call: method, code, milliseconds, request id; never payload, pictures or vectors.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.code_pb2 import Code as RpcCode
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from triptych_server.domain.deadline import due_in
from triptych_server.domain.errors import (
    Code,
    DeadlineExceeded,
    Exhausted,
    InvalidInput,
    Reason,
    TriptychError,
    violation,
)
from triptych_server.rpc.shapes import rebuild
from triptych_server.wire.errors import to_status

log = logging.getLogger("triptych.rpc")

# With less than this left nothing that could be begun would still be of use.
SHORTEST_DEADLINE_S = 0.002
# Far above those of all services.
_LONGEST_METHOD = 128
_QUIET = ("/grpc.health.", "/grpc.reflection.")


class Boundary(grpc.aio.ServerInterceptor):
    """Parses, runs, serialises, answers errors and logs, for every method of the server."""

    def __init__(self, max_message_bytes: int, max_bytes_in_flight: int) -> None:
        self._max_message_bytes = max_message_bytes
        self._max_bytes_in_flight = max_bytes_in_flight
        self._bytes_in_flight = 0

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The method's handler with the boundary around it; unknown methods stay unknown."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = _shown(handler_call_details.method)
        metadata = dict(handler_call_details.invocation_metadata or ())
        request_id = _request_id(metadata.get("x-request-id"))

        taken = 0

        def parse(deserializer: Callable[[bytes], Any], raw: bytes) -> Any:
            nonlocal taken
            self._take(len(raw))
            taken += len(raw)
            return _parse(deserializer, raw)

        async def guard(context: Any, call: Callable[[], Awaitable[None]]) -> None:
            begin = time.perf_counter()
            status: Status | None = None
            code = "CANCELLED"
            try:
                await context.send_initial_metadata((("x-request-id", request_id),))
                status = await _run(context, call, request_id)
                code = RpcCode.Name(status.code) if status else "OK"
            except grpc.aio.InternalError:
                # gRPC could not send: the caller has just gone, and nobody is left to be told.
                pass
            finally:
                self._bytes_in_flight -= taken
                level = logging.DEBUG if method.startswith(_QUIET) else logging.INFO
                spent = (time.perf_counter() - begin) * 1000
                log.log(level, "%s %s %.1f ms request_id=%s", method, code, spent, request_id)
            if status is not None:
                await context.abort_with_status(rpc_status.to_status(status))

        return rebuild(handler, guard, parse, self._serialize)

    def _take(self, size: int) -> None:
        """Room for a request of ``size`` bytes. Raises Exhausted where others fill it."""
        if self._bytes_in_flight and self._bytes_in_flight + size > self._max_bytes_in_flight:
            raise Exhausted(
                Reason.QUEUE_FULL, "too many large requests are being answered", retry_after_s=1.0
            )
        self._bytes_in_flight += size

    def _serialize(self, serializer: Callable[[Any], bytes], answer: Any) -> bytes:
        data = serializer(answer)
        if len(data) > self._max_message_bytes:
            raise Exhausted(
                Reason.MESSAGE_TOO_LARGE,
                "the answer is larger than a message may be; ask for fewer items or fields "
                f"(got {len(data)} bytes, allowed {self._max_message_bytes})",
            )
        return data


async def _run(context: Any, call: Callable[[], Awaitable[None]], request_id: str) -> Status | None:
    """Runs the call; the status to answer with, None where it went well."""
    left = context.time_remaining()
    if left is not None and left < SHORTEST_DEADLINE_S:
        late = DeadlineExceeded(Reason.DEADLINE_TOO_SHORT, "the deadline leaves no time to begin")
        return to_status(late)
    try:
        with due_in(left):
            await call()
    except TriptychError as error:
        # What an adapter calls INTERNAL is a defect like any other: an id, and nothing of it.
        if error.code is Code.INTERNAL:
            return _incident(request_id, "a defect", error)
        return to_status(error)
    except (grpc.aio.AbortError, grpc.aio.InternalError):
        # A servicer of grpc's own (health, reflection) has answered already; nothing can be sent.
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody cancelled this call: without an answer its client would wait for ever.
        return _incident(request_id, "a stray cancellation")
    except Exception as error:  # noqa: BLE001 - the boundary: nothing may pass it untranslated
        return _incident(request_id, "an unforeseen error", error)
    return None


def _parse(deserializer: Callable[[bytes], Any], raw: bytes) -> Any:
    try:
        return deserializer(raw)
    except (DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        what = "the message can't be parsed"
        raise InvalidInput([violation("", Reason.REQUEST_MALFORMED, what)]) from None


def _incident(request_id: str, what: str, cause: Exception | None = None) -> Status:
    incident = uuid.uuid4().hex[:12]
    log.error("%s, incident %s, request_id=%s", what, incident, request_id, exc_info=cause)
    error = TriptychError(
        Reason.INTERNAL, f"internal error, incident {incident}", metadata={"incident": incident}
    )
    return to_status(error)


def _shown(method: str) -> str:
    """The method's name if it is fit for a log line: callers can ask for any."""
    return method if len(method) <= _LONGEST_METHOD and method.isprintable() else "(no method)"


def _request_id(given: str | bytes | None) -> str:
    """The caller's own id if it is fit for a log line, else a new one."""
    if isinstance(given, str) and 0 < len(given) <= 64 and given.isprintable():
        return given
    return uuid.uuid4().hex[:16]
