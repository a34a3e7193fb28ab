"""Every error a caller can meet, as a tree of exceptions.

    TriptychError
    ├── InvalidInput        INVALID_ARGUMENT     the request is wrong whatever the state
    ├── WrongState          FAILED_PRECONDITION  right request, but the state does not allow it
    ├── NotFound            NOT_FOUND            a named thing is absent
    ├── AlreadyExists       ALREADY_EXISTS
    ├── Exhausted           RESOURCE_EXHAUSTED   more than is allowed or available now
    ├── Unavailable         UNAVAILABLE          a retry may help
    ├── DeadlineExceeded    DEADLINE_EXCEEDED    the caller's time is over
    ├── Unauthenticated     UNAUTHENTICATED      the caller has not shown a key
    └── DataLoss            DATA_LOSS            what was kept is missing or damaged

Code and reason sit on the exception, so that nothing but the one error interceptor has to know
how an error travels. Messages follow one style:
``<field path>: <what is wrong> (got <value>, allowed <limit>)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import ClassVar

MAX_VALUE_LENGTH = 64


class Code(Enum):
    """The gRPC status codes that the service answers on purpose, by their numbers."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class Reason(StrEnum):
    """Why a request or an item was refused; the contract's ``ErrorReason`` without its prefix."""

    FIELD_REQUIRED = "FIELD_REQUIRED"
    FIELD_INVALID = "FIELD_INVALID"
    REQUEST_MALFORMED = "REQUEST_MALFORMED"
    COLLECTION_ID_INVALID = "COLLECTION_ID_INVALID"
    COLLECTION_NOT_FOUND = "COLLECTION_NOT_FOUND"
    COLLECTION_EXISTS = "COLLECTION_EXISTS"
    VECTOR_SPACE_INVALID = "VECTOR_SPACE_INVALID"
    LANGUAGE_UNSUPPORTED = "LANGUAGE_UNSUPPORTED"
    ID_EMPTY = "ID_EMPTY"
    ID_TOO_LONG = "ID_TOO_LONG"
    ID_INVALID = "ID_INVALID"
    DUPLICATE_ID = "DUPLICATE_ID"
    ITEM_EMPTY = "ITEM_EMPTY"
    ITEM_NOT_FOUND = "ITEM_NOT_FOUND"
    TOO_MANY_ITEMS = "TOO_MANY_ITEMS"
    TEXT_BLANK = "TEXT_BLANK"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    IMAGE_EMPTY = "IMAGE_EMPTY"
    IMAGE_TRUNCATED = "IMAGE_TRUNCATED"
    IMAGE_TOO_LARGE = "IMAGE_TOO_LARGE"
    IMAGE_TOO_SMALL = "IMAGE_TOO_SMALL"
    IMAGE_ASPECT = "IMAGE_ASPECT"
    IMAGE_FORMAT_UNSUPPORTED = "IMAGE_FORMAT_UNSUPPORTED"
    IMAGE_DECODE_FAILED = "IMAGE_DECODE_FAILED"
    OCR_LANGUAGE_UNAVAILABLE = "OCR_LANGUAGE_UNAVAILABLE"
    OCR_UNAVAILABLE = "OCR_UNAVAILABLE"
    PANEL_UNSUPPORTED = "PANEL_UNSUPPORTED"
    PAYLOAD_TOO_DEEP = "PAYLOAD_TOO_DEEP"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    PAYLOAD_RESERVED_KEY = "PAYLOAD_RESERVED_KEY"
    PAYLOAD_KEY_INVALID = "PAYLOAD_KEY_INVALID"
    PAYLOAD_TYPE = "PAYLOAD_TYPE"
    NUMBER_NOT_EXACT = "NUMBER_NOT_EXACT"
    NUMBER_NOT_FINITE = "NUMBER_NOT_FINITE"
    VECTOR_EMPTY = "VECTOR_EMPTY"
    VECTOR_DIM = "VECTOR_DIM"
    VECTOR_KIND = "VECTOR_KIND"
    VECTOR_NOT_FINITE = "VECTOR_NOT_FINITE"
    VECTOR_ZERO = "VECTOR_ZERO"
    VECTOR_SPARSE_MALFORMED = "VECTOR_SPARSE_MALFORMED"
    VECTOR_NAME_UNKNOWN = "VECTOR_NAME_UNKNOWN"
    VECTOR_NAME_DUPLICATE = "VECTOR_NAME_DUPLICATE"
    QUERY_EMPTY = "QUERY_EMPTY"
    QUERY_UNANSWERABLE = "QUERY_UNANSWERABLE"
    WEIGHT_NEGATIVE = "WEIGHT_NEGATIVE"
    WEIGHT_NOT_FINITE = "WEIGHT_NOT_FINITE"
    WEIGHT_TOO_LARGE = "WEIGHT_TOO_LARGE"
    WEIGHTS_ALL_ZERO = "WEIGHTS_ALL_ZERO"
    LIMIT_INVALID = "LIMIT_INVALID"
    LIMIT_TOO_LARGE = "LIMIT_TOO_LARGE"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"  # noqa: S105 - a reason, not a secret
    FILTER_EMPTY_CONDITION = "FILTER_EMPTY_CONDITION"
    FILTER_TYPE = "FILTER_TYPE"
    FILTER_FIELD_INVALID = "FILTER_FIELD_INVALID"
    FILTER_TOO_MANY_CONDITIONS = "FILTER_TOO_MANY_CONDITIONS"
    DELETE_NEEDS_FILTER = "DELETE_NEEDS_FILTER"
    ENCODER_UNKNOWN = "ENCODER_UNKNOWN"
    MODEL_MISMATCH = "MODEL_MISMATCH"
    QUEUE_FULL = "QUEUE_FULL"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    DEADLINE_TOO_SHORT = "DEADLINE_TOO_SHORT"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    INTERNAL = "INTERNAL"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    STORE_FULL = "STORE_FULL"
    SCORE_THRESHOLD_INVALID = "SCORE_THRESHOLD_INVALID"
    MEASURES_UNLIKE = "MEASURES_UNLIKE"
    STORAGE_UNSUPPORTED = "STORAGE_UNSUPPORTED"
    STORE_BUSY = "STORE_BUSY"
    STORE_STRICT_MODE = "STORE_STRICT_MODE"
    FILTER_TOO_DEEP = "FILTER_TOO_DEEP"
    FILTER_DATETIME = "FILTER_DATETIME"
    FILTER_GEO = "FILTER_GEO"
    FILTER_FIELD_UNINDEXED = "FILTER_FIELD_UNINDEXED"
    IMAGE_NOT_KEPT = "IMAGE_NOT_KEPT"
    ITEM_HAS_NO_IMAGE = "ITEM_HAS_NO_IMAGE"
    IMAGE_LOST = "IMAGE_LOST"
    PARTS_CANCEL_OUT = "PARTS_CANCEL_OUT"
    WEIGHT_ZERO = "WEIGHT_ZERO"
    API_KEY_INVALID = "API_KEY_INVALID"
    FILTER_EXPRESSION_INVALID = "FILTER_EXPRESSION_INVALID"
    PAIR_IDENTICAL = "PAIR_IDENTICAL"
    TOO_MANY_EXAMPLES = "TOO_MANY_EXAMPLES"
    POSITIVES_MISSING = "POSITIVES_MISSING"
    DECODER_UNAVAILABLE = "DECODER_UNAVAILABLE"
    ENCODER_MEMORY = "ENCODER_MEMORY"
    OPTIMIZE_UNSUPPORTED = "OPTIMIZE_UNSUPPORTED"
    OPTIMIZE_NEEDS_DISK = "OPTIMIZE_NEEDS_DISK"


def clip(value: object) -> str:
    """``value`` as text of at most 64 characters, fit to stand in an error message."""
    text = str(value)
    text = "".join(c if c.isprintable() else "?" for c in text[: MAX_VALUE_LENGTH + 1])
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with one field.

    ``field`` is the path of the field inside the request, such as ``vectors[1].weight``; empty
    while the code that noticed it does not know where its input came from (see ``under``).
    """

    field: str
    reason: Reason
    message: str

    def under(self, path: str) -> Violation:
        """The same violation, with ``path`` put before its own."""
        joined = f"{path}.{self.field}" if self.field and path else path or self.field
        return replace(self, field=joined)


def violation(
    field: str, reason: Reason, what: str, *, got: object = None, allowed: object = None
) -> Violation:
    """A violation in the house style; ``got`` is clipped to 64 characters."""
    parts = []
    if got is not None:
        parts.append(f"got {clip(got)}")
    if allowed is not None:
        parts.append(f"allowed {allowed}")
    return Violation(field, reason, f"{what} ({', '.join(parts)})" if parts else what)


class TriptychError(Exception):
    """The base of every error that a caller may see; its text is safe to send."""

    code: ClassVar[Code] = Code.INTERNAL

    def __init__(
        self, reason: Reason, message: str, *, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})


class InvalidInput(TriptychError):
    """The request is wrong whatever the state; carries every violation that was found."""

    code = Code.INVALID_ARGUMENT

    def __init__(self, violations: Sequence[Violation]) -> None:
        if not violations:
            raise ValueError("InvalidInput needs at least one violation")
        self.violations = tuple(violations)
        text = "; ".join(
            f"{v.field}: {v.message}" if v.field else v.message for v in self.violations
        )
        super().__init__(self.violations[0].reason, text)

    def under(self, path: str) -> InvalidInput:
        """The same error, seen from a request where the input stands at ``path``."""
        return InvalidInput([v.under(path) for v in self.violations])


class WrongState(TriptychError):
    """The request is right, but the state does not allow it.

    ``subject`` is the thing that is in the wrong state, such as ``collections/pictures``.
    """

    code = Code.FAILED_PRECONDITION

    def __init__(self, reason: Reason, message: str, *, subject: str) -> None:
        super().__init__(reason, message)
        self.subject = subject


class NotFound(TriptychError):
    """A named thing is absent; ``kind`` is ``collection``, ``item`` or ``image``."""

    code = Code.NOT_FOUND

    def __init__(self, reason: Reason, message: str, *, kind: str, name: str) -> None:
        super().__init__(reason, message, metadata={kind: clip(name)})
        self.kind = kind
        self.name = name


class AlreadyExists(TriptychError):
    """A thing of that name is there already."""

    code = Code.ALREADY_EXISTS

    def __init__(self, reason: Reason, message: str, *, kind: str, name: str) -> None:
        super().__init__(reason, message, metadata={kind: clip(name)})
        self.kind = kind
        self.name = name


class Exhausted(TriptychError):
    """More than is allowed, or more than is free now; ``retry_after_s`` where waiting helps."""

    code = Code.RESOURCE_EXHAUSTED

    def __init__(self, reason: Reason, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason, message)
        self.retry_after_s = retry_after_s


class Unavailable(TriptychError):
    """Not now; the same call may succeed after ``retry_after_s`` seconds."""

    code = Code.UNAVAILABLE

    def __init__(self, reason: Reason, message: str, *, retry_after_s: float = 0.5) -> None:
        super().__init__(reason, message)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(TriptychError):
    """The caller's deadline has passed, or leaves too little time to begin."""

    code = Code.DEADLINE_EXCEEDED


class Unauthenticated(TriptychError):
    """The caller has not shown what this server asks of every caller."""

    code = Code.UNAUTHENTICATED


class DataLoss(TriptychError):
    """What was kept is missing or damaged."""

    code = Code.DATA_LOSS


def collection_not_found(collection_id: str) -> NotFound:
    """The one error for a collection that is not there."""
    return NotFound(
        Reason.COLLECTION_NOT_FOUND,
        f"collection_id: there is no collection {clip(collection_id)!r}; "
        "create it with CollectionService.CreateCollection",
        kind="collection",
        name=collection_id,
    )


def item_not_found(item_id: str, *, field: str = "id") -> NotFound:
    """The one error for an item that is not there."""
    return NotFound(
        Reason.ITEM_NOT_FOUND,
        f"{field}: there is no item {clip(item_id)!r} in this collection",
        kind="item",
        name=item_id,
    )
