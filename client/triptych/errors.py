"""What the client raises.

    TriptychError
    ├── InvalidArgument     INVALID_ARGUMENT     the request is wrong whatever the state
    │   └── ArgumentError   (also a ValueError)  found by this client
    ├── FailedPrecondition  FAILED_PRECONDITION  right request, but the state does not allow it
    ├── NotFound            NOT_FOUND            a named collection or item is absent
    ├── AlreadyExists       ALREADY_EXISTS       there is a collection of that name
    ├── ResourceExhausted   RESOURCE_EXHAUSTED   more than is allowed, or more than is free now
    ├── Unavailable         UNAVAILABLE          not reached, or not ready; a retry may help
    ├── DeadlineExceeded    DEADLINE_EXCEEDED    no answer in time
    ├── Unauthenticated     UNAUTHENTICATED      the server wants an API key, and not this one
    ├── Unimplemented       UNIMPLEMENTED        this server can't do it
    ├── DataLoss            DATA_LOSS            what was kept is missing or damaged
    ├── Internal            INTERNAL             a defect of the server; has an incident id
    └── UnexpectedStatus    any other status     from something between client and server

What the server refuses and what this client refuses before sending look alike: both name the
field, the reason, the value and the limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import grpc

__all__ = [
    "AlreadyExists",
    "ArgumentError",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "ResourceExhausted",
    "TriptychError",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedStatus",
    "Unimplemented",
    "Violation",
]

_MAX_VALUE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with one field.

    `field` is its path in the request, such as `vectors[1].weight`; `reason` the name of an
    `ErrorReason`, such as `WEIGHT_NEGATIVE`; `description` the same for people, with the value and
    the limit.
    """

    field: str
    reason: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}" if self.field else self.description


class TriptychError(Exception):
    """The base of everything that this client raises for a failed call.

    Attributes:
        code: the gRPC status code.
        reason: the name of an `ErrorReason` without its prefix, such as `COLLECTION_NOT_FOUND`;
            empty where the error does not come from a Triptych server.
        message: one line for people.
        violations: everything that is wrong with the request, for an InvalidArgument.
        retry_after_s: after how many seconds a retry makes sense, where the server says so.
        metadata: further facts, such as the name of the collection that is not there.
        request_id: the `x-request-id` that was sent, by which the server's log can be searched.

    >>> from triptych import Client, NotFound
    >>> try:
    ...     client.get_item("pictures", "dog-1")
    ... except NotFound as error:
    ...     print(error.reason, error.metadata)
    ITEM_NOT_FOUND {'item': 'dog-1'}
    """

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode | None = None,
        reason: str = "",
        violations: Sequence[Violation] = (),
        retry_after_s: float | None = None,
        metadata: Mapping[str, str] | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.message = message
        self.reason = reason
        self.violations = tuple(violations)
        self.retry_after_s = retry_after_s
        self.metadata = dict(metadata or {})
        self.request_id = request_id

    @property
    def incident_id(self) -> str | None:
        """The id under which the server logged its own defect; None for any other error."""
        return self.metadata.get("incident")

    def __str__(self) -> str:
        if len(self.violations) < 2:
            return self.message
        return "\n".join([self.message, *(f"  - {violation}" for violation in self.violations)])


class InvalidArgument(TriptychError):
    """The request is wrong whatever the state; `violations` holds everything that is wrong."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class ArgumentError(InvalidArgument, ValueError):
    """An argument that this client can't put into a request.

    Nothing of that request was sent; of an `upsert`, the batches before it stay written.
    """


class FailedPrecondition(TriptychError):
    """The request is right, but the state does not allow it: an unknown vector space, say."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class NotFound(TriptychError):
    """A collection, an item or its picture is not there; its name is in `metadata`."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(TriptychError):
    """A collection of that name is there already."""

    code = grpc.StatusCode.ALREADY_EXISTS


class ResourceExhausted(TriptychError):
    """More than is allowed, or more than is free now (then with `retry_after_s`)."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Unavailable(TriptychError):
    """The server was not reached, or can't answer now.

    A write may have been applied; sending it again is safe.
    """

    code = grpc.StatusCode.UNAVAILABLE


class DeadlineExceeded(TriptychError):
    """There was no answer in time. A write may have been applied; sending it again is safe."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class Unauthenticated(TriptychError):
    """The server wants an API key: there was none, or it does not know this one."""

    code = grpc.StatusCode.UNAUTHENTICATED


class Unimplemented(TriptychError):
    """This server, or its vector store, can't do what was asked."""

    code = grpc.StatusCode.UNIMPLEMENTED


class DataLoss(TriptychError):
    """What was kept is missing or damaged; sending the item again keeps it anew."""

    code = grpc.StatusCode.DATA_LOSS


class Internal(TriptychError):
    """A defect of the server; `incident_id` is also in its log."""

    code = grpc.StatusCode.INTERNAL


class UnexpectedStatus(TriptychError):
    """A status that no Triptych server answers with, from a proxy on the way for example."""


def argument_error(
    field: str, reason: str, what: str, *, got: object = None, allowed: object = None
) -> ArgumentError:
    """An ArgumentError with one violation, in the server's own style.

    `got` is clipped to 64 characters.
    """
    parts = []
    if got is not None:
        parts.append(f"got {_clip(got)}")
    if allowed is not None:
        parts.append(f"allowed {allowed}")
    description = f"{what} ({', '.join(parts)})" if parts else what
    violation = Violation(field, reason, description)
    return ArgumentError(str(violation), reason=reason, violations=[violation])


def _clip(value: object) -> str:
    text = "".join(c if c.isprintable() else "?" for c in str(value)[: _MAX_VALUE_LENGTH + 1])
    return text if len(text) <= _MAX_VALUE_LENGTH else text[: _MAX_VALUE_LENGTH - 1] + "…"
