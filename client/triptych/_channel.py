"""The channel of a client: its options, its retries, its headers and its errors."""

import json
import re
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import NoReturn, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

from triptych._status import raise_for
from triptych._texts import checked_text
from triptych.errors import argument_error
from triptych.v1 import (
    collection_service_pb2,
    encode_service_pb2,
    item_service_pb2,
    search_service_pb2,
    status_service_pb2,
)

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

REQUEST_ID = "x-request-id"

SERVICES: Sequence[ServiceDescriptor] = tuple(
    service
    for file in (
        collection_service_pb2,
        encode_service_pb2,
        item_service_pb2,
        search_service_pb2,
        status_service_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
)

# With these a call that finds nobody gives up after about three seconds, and one that meets a
# restarting server outlasts the restart.
RETRY_POLICY: Mapping[str, object] = MappingProxyType(
    {
        "maxAttempts": 5,
        "initialBackoff": "0.2s",
        "maxBackoff": "3s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
)

_REPEATABLE = (MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT)


def repeatable_methods(services: Iterable[ServiceDescriptor] = SERVICES) -> list[tuple[str, str]]:
    """The (service, method) pairs that may be sent twice, as the contract's own options say."""
    return [
        (service.full_name, method.name)
        for service in services
        for method in service.methods
        if method.GetOptions().idempotency_level in _REPEATABLE
    ]


def service_config() -> str:
    """gRPC's service config, as JSON: the one layer of retries there is."""
    names = [{"service": service, "method": method} for service, method in repeatable_methods()]
    return json.dumps({"methodConfig": [{"name": names, "retryPolicy": dict(RETRY_POLICY)}]})


def _checked_target(target: str) -> str:
    """`target`, unless nothing listens there: gRPC would dial another port in its place."""
    port = re.search(r":(\d+)$", checked_text(target, "target"))
    if not target:
        raise argument_error("target", "FIELD_REQUIRED", "is empty")
    if port and not 1 <= int(port[1]) <= 65_535:
        raise argument_error("target", "FIELD_INVALID", "port", got=port[1], allowed="1 to 65535")
    return target


class Channel:
    """A gRPC channel that retries what may be retried and raises the exceptions of `errors`."""

    def __init__(
        self,
        target: str,
        *,
        timeout: float,
        max_message_bytes: int,
        credentials: grpc.ChannelCredentials | None,
        metadata: Sequence[tuple[str, str | bytes]],
    ) -> None:
        self.target = _checked_target(target)
        self.timeout = _checked_timeout(timeout)
        self.max_message_bytes = max_message_bytes
        self._secure = credentials is not None
        self._metadata = tuple(metadata)
        self._closed = False
        options: list[tuple[str, str | int]] = [
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.service_config", service_config()),
            # A call that does not fit in here is not retried, and the default is 256 KiB.
            ("grpc.per_rpc_retry_buffer_size", 2 * max_message_bytes),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 5000),
            ("grpc.primary_user_agent", f"triptych-python/{version('triptych')}"),
        ]
        self.grpc = (
            grpc.insecure_channel(target, options)
            if credentials is None
            else grpc.secure_channel(target, credentials, options)
        )

    def call(
        self,
        method: "grpc.UnaryUnaryMultiCallable[Request, Response]",
        request: Request,
        timeout: float | None,
    ) -> Response:
        """One call with its deadline in seconds, the channel's own where `timeout` is None.

        Raises:
            TriptychError: what the status says.
            RuntimeError: the channel is closed.
        """
        seconds, metadata, request_id = self._head(timeout)
        try:
            return method(request, timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            self._raise(error, seconds, request_id)

    def stream(
        self,
        method: "grpc.UnaryStreamMultiCallable[Request, Response]",
        request: Request,
        timeout: float | None,
    ) -> Generator[Response]:
        """The answers of one call, as they come; the deadline is that of the whole call.

        A caller that closes this early ends the call. Raises as `call` does.
        """
        seconds, metadata, request_id = self._head(timeout)
        running = method(request, timeout=seconds, metadata=metadata)
        try:
            yield from running
        except grpc.RpcError as error:
            self._raise(error, seconds, request_id)
        finally:
            running.cancel()

    def _head(
        self, timeout: float | None
    ) -> tuple[float, tuple[tuple[str, str | bytes], ...], str]:
        """A call's deadline in seconds, its headers and its request id."""
        if self._closed:
            raise RuntimeError("this client is closed")
        seconds = self.timeout if timeout is None else _checked_timeout(timeout)
        metadata = self._metadata
        request_id = next((str(v) for k, v in metadata if k == REQUEST_ID), "")
        if not request_id:
            request_id = uuid.uuid4().hex
            metadata = (*metadata, (REQUEST_ID, request_id))
        return seconds, metadata, request_id

    def _raise(self, error: grpc.RpcError, seconds: float, request_id: str) -> NoReturn:
        raise_for(
            error,
            target=self.target,
            secure=self._secure,
            timeout=seconds,
            max_message_bytes=self.max_message_bytes,
            request_id=request_id,
        )

    def close(self) -> None:
        """Ends the connection and every call under way; closing twice is fine."""
        self._closed = True
        self.grpc.close()


def _checked_timeout(timeout: float) -> float:
    # A call without a deadline can hang for ever, so infinity is none either.
    if not 0 < timeout < float("inf"):
        raise argument_error(
            "timeout", "FIELD_INVALID", "needs a number of seconds above 0", got=timeout
        )
    return timeout
