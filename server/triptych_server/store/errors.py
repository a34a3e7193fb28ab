"""The errors that only the store has, on top of ``domain.errors``."""

from __future__ import annotations

from pathlib import Path

from triptych_server.domain.errors import Code, Reason, TriptychError, Unavailable


class StoreStartError(Unavailable):
    """The store cannot begin its work on ``folder``.

    The message is for the person who starts the service and does not name the folder; whoever
    shows it may add ``folder``.
    """

    def __init__(self, message: str, *, folder: Path) -> None:
        super().__init__(Reason.STORE_UNAVAILABLE, message)
        self.folder = folder


class StoreLocked(StoreStartError):
    """Another process works on the folder."""

    def __init__(self, *, folder: Path) -> None:
        super().__init__("the folder is in use by another process", folder=folder)


class StoreUnreadable(StoreStartError):
    """The folder, or a collection in it, cannot be read or written."""


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
