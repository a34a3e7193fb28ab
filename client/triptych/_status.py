"""From a gRPC status to the exception that says the same."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn

import grpc
from google.rpc import status_pb2

from triptych.errors import (
    AlreadyExists,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    TriptychError,
    Unavailable,
    UnexpectedStatus,
    Unimplemented,
    Violation,
)
from triptych.v1.item_pb2 import Item
from triptych.v1.item_service_pb2 import UpsertOutcome

DOMAIN = "triptych"

_CODES: Mapping[int, grpc.StatusCode] = MappingProxyType(
    {code.value[0]: code for code in grpc.StatusCode}
)
_CLASSES: Mapping[grpc.StatusCode, type[TriptychError]] = MappingProxyType(
    {
        kind.code: kind
        for kind in (
            InvalidArgument,
            FailedPrecondition,
            NotFound,
            AlreadyExists,
            ResourceExhausted,
            Unavailable,
            DeadlineExceeded,
            Unimplemented,
            DataLoss,
            Internal,
        )
    }
)


def error_of(outcome: UpsertOutcome) -> TriptychError | None:
    """Why an item was refused, as the exception that a whole call would have raised.

    None unless the outcome is FAILED.

    >>> from triptych import error_of, make_item
    >>> for outcome in client.upsert("pictures", [make_item("blank", caption=" ")]):
    ...     if error := error_of(outcome):
    ...         print(outcome.id, error.reason)
    blank TEXT_BLANK
    """
    return from_status(outcome.error) if outcome.HasField("error") else None


def from_status(status: status_pb2.Status, *, request_id: str = "") -> TriptychError:
    """The exception for a `google.rpc.Status`, with all of its details."""
    # Loaded here: 10 ms that a program without errors need not spend.
    from google.protobuf.message import DecodeError
    from google.rpc import error_details_pb2

    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    reason = ""
    metadata: dict[str, str] = {}
    violations: list[Violation] = []
    retry_after_s: float | None = None
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        bad_request = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        try:
            if detail.Unpack(info) and info.domain == DOMAIN:
                reason = info.reason
                metadata.update(info.metadata)
            elif detail.Unpack(bad_request):
                found = bad_request.field_violations
                violations += [Violation(v.field, v.reason, v.description) for v in found]
            elif detail.Unpack(retry):
                retry_after_s = retry.retry_delay.ToNanoseconds() / 1e9
        except DecodeError:
            continue  # not from a Triptych server; code and message still stand
    return _CLASSES.get(code, UnexpectedStatus)(
        status.message,
        code=code,
        reason=reason,
        violations=violations,
        retry_after_s=retry_after_s,
        metadata=metadata,
        request_id=request_id,
    )


def raise_for(
    call: grpc.RpcError,
    *,
    target: str,
    secure: bool,
    timeout: float,
    max_message_bytes: int,
    request_id: str,
) -> NoReturn:
    """Raises the TriptychError for a failed call, as caused by it."""
    from grpc_status import rpc_status

    status: status_pb2.Status | None = None
    if isinstance(call, grpc.Call):
        try:
            status = rpc_status.from_call(call)
        except ValueError:
            status = None  # details that contradict the status itself, from a proxy
    if status is not None:
        raise from_status(status, request_id=request_id) from call

    # No details: the status was made by gRPC on either side, or by something in between.
    code, text = call.code(), call.details() or ""
    reason = ""
    if code is grpc.StatusCode.UNAVAILABLE:
        ours, theirs = ("TLS", "plaintext") if secure else ("plaintext", "TLS")
        text = (
            f"can't reach a server at {target}; is it running, with {ours} and not {theirs}? {text}"
        )
    elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
        text = f"no answer from {target} within {timeout:g} s"
    elif code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        reason = "MESSAGE_TOO_LARGE"
        text = f"{text}; this client's max_message_bytes is {max_message_bytes}"
    raise _CLASSES.get(code, UnexpectedStatus)(
        text, code=code, reason=reason, request_id=request_id
    ) from call


def failed_outcome(index: int, item: Item, *, reason: str, description: str) -> UpsertOutcome:
    """The outcome of an item that this client can't send, with the details of a server's."""
    from google.rpc import error_details_pb2

    field = f"items[{index}]"
    status = status_pb2.Status(
        code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message=f"{field}: {description}"
    )
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN))
    violation = error_details_pb2.BadRequest.FieldViolation(
        field=field, reason=reason, description=description
    )
    status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    return UpsertOutcome(index=index, id=item.id, result=UpsertOutcome.RESULT_FAILED, error=status)
