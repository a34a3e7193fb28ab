"""What a Qdrant server refuses, as errors of the domain.

The server's own words go to the log and never to a caller.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc
from qdrant_client import models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse

from triptych_server.domain.errors import (
    Exhausted,
    Reason,
    TriptychError,
    Unavailable,
    WrongState,
    collection_not_found,
)
from triptych_server.store.errors import StoreRejected, collection_exists, field_unaddressable
from triptych_server.store.json_path import UnaddressableField

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Status = grpc.StatusCode

# The end of a call whose own caller set none: what takes longer is as good as down.
LONGEST_CALL_S = 60
# How long to wait for an overloaded server, and for what an operator or a transfer has to end.
_SLOW_RETRY_S = 1.0
_LOCKED_RETRY_S = 5.0
# A refusal by strict mode always ends with what to do about it.
_STRICT_MODE = ". Help: "
_DISK_FULL = "No space left on device"


class KeyRefused(Unavailable):
    """The server does not accept the service's key, or wants one, or allows it too little."""

    def __init__(self) -> None:
        super().__init__(
            Reason.STORE_UNAVAILABLE,
            "the vector store does not accept this service",
            retry_after_s=_LOCKED_RETRY_S,
        )


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of the server: a name for the log, the collection, whether it writes.

    The look of a watch is no news when it fails: the watch itself says what has changed.
    """

    what: str
    collection_id: str = ""
    writes: bool = False
    is_look: bool = False


class QdrantLine:
    """The way of every request to the server, and of its errors back.

    ``on_trouble`` is told whenever the server could not be reached or did not answer in time.
    """

    def __init__(self, on_trouble: Callable[[], None]) -> None:
        self._on_trouble = on_trouble
        self._closed = False

    def close(self) -> None:
        """From now on what fails, fails because the service is stopping."""
        self._closed = True

    async def ask(self, call: Call, request: Awaitable[Answer]) -> Answer:
        """The server's answer. Raises errors of the domain alone."""
        try:
            return await request
        except ResourceExhaustedResponse as error:
            log.warning("the store's rate limit is reached: %s", call.what)
            raise _busy(error.retry_after_s) from None
        except (grpc.aio.UsageError, grpc.aio.AioRpcError) as error:
            raise self._translated(call, error) from None

    async def write(self, call: Call, request: Awaitable[models.UpdateResult]) -> None:
        """A write that the server has carried out, and not only taken. Raises as ``ask``."""
        result = await self.ask(call, request)
        if result.status is not models.UpdateStatus.COMPLETED:
            log.warning("the store answered %s with %s", call.what, result.status)
            raise Unavailable(
                Reason.STORE_UNAVAILABLE,
                "the vector store has taken the write and not yet carried it out; retry is safe",
                retry_after_s=_SLOW_RETRY_S,
            )

    def _translated(self, call: Call, error: Exception) -> TriptychError:
        # A channel that was closed under a request raises a UsageError.
        if self._closed or not isinstance(error, grpc.aio.AioRpcError):
            return Unavailable(Reason.SHUTTING_DOWN, "the server is stopping")
        code, text = error.code(), error.details() or ""
        if code in _TROUBLE:
            self._on_trouble()
        known = _known(code, text, call)
        if known is None:
            log.error("the store refused %s: %s %s", call.what, code.name, text)
            return StoreRejected()
        level = logging.ERROR if code in _FAILED else logging.WARNING
        level = logging.DEBUG if code in _EXPECTED or call.is_look else level
        log.log(level, "the store refused %s: %s %s", call.what, code.name, text)
        return known


_EXPECTED = frozenset({Status.NOT_FOUND, Status.ALREADY_EXISTS})
# Of a cluster these are a peer that is gone, a replica that is not ready, a broken connection.
_FAILED = frozenset({Status.INTERNAL, Status.UNKNOWN, Status.ABORTED})
_REFUSED = frozenset({Status.UNAUTHENTICATED, Status.PERMISSION_DENIED})
_TROUBLE = _REFUSED | {Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.CANCELLED}


def _known(code: grpc.StatusCode, text: str, call: Call) -> TriptychError | None:
    """The error that a caller can do something about; None for what should not have come."""
    if code is Status.NOT_FOUND:
        return collection_not_found(call.collection_id)
    if code is Status.ALREADY_EXISTS:
        return collection_exists(call.collection_id)
    if code in (Status.UNAVAILABLE, Status.CANCELLED):
        return _unavailable("the vector store cannot be reached", call)
    if code is Status.DEADLINE_EXCEEDED:
        return _unavailable("the vector store did not answer in time", call, _SLOW_RETRY_S)
    if code in _REFUSED:
        return KeyRefused()
    if code is Status.FAILED_PRECONDITION:
        what = "the vector store takes no such request now: it is locked, or moving its data"
        return _unavailable(what, call, _LOCKED_RETRY_S)
    if code is Status.RESOURCE_EXHAUSTED:
        return _busy(None)
    if _DISK_FULL in text:
        return Exhausted(
            Reason.STORE_FULL,
            "the disk of the store is nearly full: nothing can be written to it",
        )
    if code is Status.INVALID_ARGUMENT and _STRICT_MODE in text:
        return WrongState(
            Reason.STORE_STRICT_MODE,
            "the vector store's strict mode refuses this request; its operator has set the limits",
            subject=f"collections/{call.collection_id}",
        )
    if code in _FAILED:
        return _unavailable("the vector store failed", call, _SLOW_RETRY_S)
    return None


def _unavailable(what: str, call: Call, retry_after_s: float = 0.5) -> Unavailable:
    applied = "the write may have been applied; " if call.writes else ""
    return Unavailable(
        Reason.STORE_UNAVAILABLE, f"{what}; {applied}retry is safe", retry_after_s=retry_after_s
    )


def _busy(retry_after_s: float | None) -> Exhausted:
    what = "the vector store's rate limit is reached"
    if retry_after_s is None:
        what = "the request is larger than the vector store's rate limit allows"
    return Exhausted(Reason.STORE_BUSY, what, retry_after_s=retry_after_s)


@contextmanager
def fence(what: str) -> Iterator[None]:
    """Around the making of a request: what Qdrant must not be given is refused here.

    Raises InvalidInput for a field that cannot be named, StoreRejected for all else: the wire
    should have refused it.
    """
    try:
        yield
    except UnaddressableField as error:
        raise field_unaddressable(str(error)) from None
    except (ValueError, KeyError, TypeError) as error:
        log.error("%s was refused before it was sent: %s", what, error)
        raise StoreRejected() from None
