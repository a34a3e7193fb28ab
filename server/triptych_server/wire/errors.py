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
# Many clients and proxies cap the metadata that carries a status at 8 KiB, base64 included: list
# so many, count the rest.
MAX_VIOLATIONS = 20
MAX_DETAIL_BYTES = 4096
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
    request = details.BadRequest()
    for found in error.violations:
        request.field_violations.add(
            field=_short(found.field), reason=found.reason.value, description=found.message
        )
        if request.ByteSize() > MAX_DETAIL_BYTES and len(request.field_violations) > 1:
            del request.field_violations[-1]
            break
        if len(request.field_violations) == MAX_VIOLATIONS:
            break
    more = len(error.violations) - len(request.field_violations)
    if more:
        request.field_violations[-1].description += f"; and {more} more violations"
    return request


def _short(path: str) -> str:
    """A path holds keys of the caller's own, which may be of any length."""
    return path if len(path) <= MAX_PATH_LENGTH else path[: MAX_PATH_LENGTH - 1] + "…"


def _duration(seconds: float) -> Duration:
    fraction, whole = math.modf(seconds)
    return Duration(seconds=int(whole), nanos=int(fraction * 1e9))
