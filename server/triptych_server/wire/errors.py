"""Domain errors as ``google.rpc.Status`` with their details: the one table of how they travel."""

from __future__ import annotations

import math

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from triptych_server.domain.errors import (
    AlreadyExists,
    Exhausted,
    InvalidInput,
    NotFound,
    TriptychError,
    Unavailable,
    WrongState,
)

DOMAIN = "triptych"
# Many proxies cap the metadata that carries a status at 8 KiB: list so many, count the rest.
MAX_VIOLATIONS = 20
MAX_PATH_LENGTH = 128


def to_status(error: TriptychError) -> status_pb2.Status:
    """The status of an RPC, or of one item, that met ``error``."""
    message = error.message
    if isinstance(error, InvalidInput):
        first, more = error.violations[0], len(error.violations) - 1
        message = f"{_short(first.field)}: {first.message}" if first.field else first.message
        message += f" (and {more} more)" if more else ""
    status = status_pb2.Status(code=error.code.value, message=message)
    info = details.ErrorInfo(
        reason=error.reason.value, domain=DOMAIN, metadata=dict(error.metadata)
    )
    for detail in (info, *_details(error)):
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _details(error: TriptychError) -> list[Message]:
    if isinstance(error, InvalidInput):
        return [_bad_request(error)]
    if isinstance(error, WrongState):
        failure = details.PreconditionFailure.Violation(
            type=error.reason.value, subject=error.subject, description=error.message
        )
        return [details.PreconditionFailure(violations=[failure])]
    if isinstance(error, NotFound | AlreadyExists):
        return [details.ResourceInfo(resource_type=error.kind, resource_name=error.name[:512])]
    if isinstance(error, Exhausted | Unavailable) and error.retry_after_s is not None:
        return [details.RetryInfo(retry_delay=_duration(error.retry_after_s))]
    return []


def _bad_request(error: InvalidInput) -> details.BadRequest:
    listed = error.violations[:MAX_VIOLATIONS]
    fields = [
        details.BadRequest.FieldViolation(
            field=_short(v.field), reason=v.reason.value, description=v.message
        )
        for v in listed
    ]
    more = len(error.violations) - len(listed)
    if more:
        fields[-1].description += f"; and {more} more violations"
    return details.BadRequest(field_violations=fields)


def _short(path: str) -> str:
    """A path holds keys of the caller's own, which may be of any length."""
    return path if len(path) <= MAX_PATH_LENGTH else path[: MAX_PATH_LENGTH - 1] + "…"


def _duration(seconds: float) -> Duration:
    fraction, whole = math.modf(seconds)
    return Duration(seconds=int(whole), nanos=int(fraction * 1e9))
