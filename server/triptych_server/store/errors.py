"""The errors that only the store has, on top of ``domain.errors``."""

from __future__ import annotations

from pathlib import Path

from triptych_server.domain.errors import (
    AlreadyExists,
    Code,
    Exhausted,
    InvalidInput,
    Reason,
    TriptychError,
    Unavailable,
    WrongState,
    clip,
    violation,
)
from triptych_server.domain.storage import StorageSettings


class StoreStartError(Unavailable):
    """The store cannot begin its work at ``place``, a folder or a server.

    The message is for the person who starts the service and does not name the place; whoever
    shows it may add ``place``.
    """

    def __init__(self, message: str, *, place: Path | str) -> None:
        super().__init__(Reason.STORE_UNAVAILABLE, message)
        self.place = place


class StoreLocked(StoreStartError):
    """Another process works on the folder."""

    def __init__(self, *, folder: Path) -> None:
        super().__init__("the folder is in use by another process", place=folder)


class StoreUnreadable(StoreStartError):
    """The folder, or a collection in it, cannot be read or written."""


class CollectionNotThere(Exception):
    """A name that a command was given is none of a collection; the text is for the operator."""

    def __init__(self, collection_id: str) -> None:
        super().__init__(f"there is no collection {clip(collection_id)!r}")


class StoreUnsuitable(StoreStartError):
    """The server is none that the service can work on, or not with these settings."""


class PicturesUnusable(Exception):
    """The picture store can't be opened or written; the text is for the operator alone."""


class PicturesFull(Exception):
    """The picture store has no room."""


class StoreRejected(TriptychError):
    """The engine refused an operation that was checked before: a defect of the service.

    What the engine said is in the log and not in the message.
    """

    code = Code.INTERNAL

    def __init__(self) -> None:
        super().__init__(Reason.INTERNAL, "the store refused the operation; the log says why")


def collection_exists(collection_id: str) -> AlreadyExists:
    """The one error for a collection that is there already."""
    return AlreadyExists(
        Reason.COLLECTION_EXISTS,
        f"collection_id: there is a collection {clip(collection_id)!r} already",
        kind="collection",
        name=collection_id,
    )


def name_invalid(name: str) -> InvalidInput:
    """The error for a name of a collection or a space that the wire should have refused."""
    problem = violation(
        "",
        Reason.COLLECTION_ID_INVALID,
        "not the name of a collection or a vector space",
        got=name,
        allowed="1 to 63 of a-z, 0-9, _ and -, beginning with a-z or 0-9",
    )
    return InvalidInput([problem])


def field_unaddressable(key: str) -> InvalidInput:
    """The error for a payload key that no filter can name."""
    what = "a field whose name holds a quote or a backslash cannot be searched"
    return InvalidInput([violation("", Reason.FILTER_FIELD_INVALID, what, got=key)])


def embedded_cannot(storage: StorageSettings) -> WrongState:
    """The error for settings that only a Qdrant server has."""
    asked = ", ".join(f"storage.{name}" for name in storage.asked)
    return WrongState(
        Reason.STORAGE_UNSUPPORTED,
        f"{asked}: the embedded engine has no such setting; it needs a Qdrant server",
        subject="storage",
    )


def optimize_needs_disk(collection_id: str, *, needed: int, free: int) -> Exhausted:
    """The error for an optimization that the disk has no room for."""
    mib = 2**20
    return Exhausted(
        Reason.OPTIMIZE_NEEDS_DISK,
        f"collection_id: the disk has no room to optimize {clip(collection_id)!r} "
        f"(got {free // mib} MiB free, allowed from {-(-needed // mib)} MiB)",
    )
