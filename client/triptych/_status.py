"""From a gRPC status to the exception that says the same."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

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
    Unauthenticated,
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
            Unauthenticated,
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


def error_for(
    call: grpc.RpcError,
    *,
    target: str,
    secure: bool,
    timeout: float,
    max_message_bytes: int,
    request_id: str,
) -> TriptychError:
    """The TriptychError for a failed call."""
    from grpc_status import rpc_status

    status: status_pb2.Status | None = None
    try:
        status = rpc_status.from_call(call)  # type: ignore[arg-type] # an AioRpcError has it all
    except ValueError:
        status = None  # details that contradict the status itself, from a proxy
    if status is not None:
        return from_status(status, request_id=request_id)

    # No details: the status was made by gRPC on either side, or by something in between.
    code, text = call.code(), call.details() or ""
    reason = ""
    if code is grpc.StatusCode.UNAVAILABLE:
        text = f"can't reach a server at {target}; {_what_to_check(text, secure)} {text}"
    elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
        text = f"no answer from {target} within {timeout:g} s"
    elif code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        reason = "MESSAGE_TOO_LARGE"
        text = f"{text}; this client's max_message_bytes is {max_message_bytes}"
    return _CLASSES.get(code, UnexpectedStatus)(
        text, code=code, reason=reason, request_id=request_id
    )


# What gRPC says of two sides that don't accept each other, and what there is to be done.
_HANDSHAKES: Sequence[tuple[Sequence[str], str]] = (
    (
        ("CERTIFICATE_VERIFY_FAILED",),
        "its certificate is not trusted here: is it from the CA of Tls(ca=...), or of this machine "
        "without one, and still valid?",
    ),
    (
        ("is not in peer certificate", "Hostname Verification Check failed"),
        "its certificate is for another name: is the target right, or does it take "
        "Tls(server_name=...)?",
    ),
    (
        ("Failed to create security handshaker",),
        "the PEM of tls can't be used: are certificate and key a pair?",
    ),
)


def no_retry_mends(call: grpc.RpcError) -> bool:
    """Whether the two sides don't accept each other's certificates, now and at any time."""
    return call.code() is grpc.StatusCode.UNAVAILABLE and _handshake(call.details() or "") != ""


def _handshake(text: str) -> str:
    return next((check for signs, check in _HANDSHAKES if any(s in text for s in signs)), "")


def _what_to_check(text: str, secure: bool) -> str:
    if check := _handshake(text) if secure else "":
        return check
    hung_up = "Socket closed" in text or "Connection reset" in text
    if secure and hung_up:
        return (
            "is it running, with TLS and not plaintext, and does it ask for a client certificate "
            "(Tls(certificate=..., key=...))?"
        )
    if secure:
        return "is it running, with TLS and not plaintext?"
    if hung_up:
        return "something there hangs up: is it running, with plaintext and not TLS (tls=True)?"
    return "is it running, with plaintext and not TLS?"


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
