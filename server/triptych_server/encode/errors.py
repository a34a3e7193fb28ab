"""What can go wrong with an encoder: at start-up (for the operator) and in a run (for a caller)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from triptych_server.domain.errors import Code, Reason, TriptychError


class StartupError(Exception):
    """The service cannot start as it was told to; the text is for the operator alone."""


class ModelFolderError(StartupError):
    """A model folder is incomplete, damaged, contradicts itself or asks for the unsupported."""

    def __init__(self, folder: Path, what: str) -> None:
        super().__init__(f"model folder {folder}: {what}")
        self.folder = folder
        self.what = what


class DeviceError(StartupError):
    """The device that was asked for is not the one that the model would run on."""


class ModelUnavailable(StartupError):
    """A model is known by name, but is neither on disk nor to be fetched."""


class ConversionError(StartupError):
    """A model cannot be converted: what that needs is missing, or the result is no good."""


class EncodingFailed(TriptychError):
    """A model run failed or gave numbers that are no embedding; the log has the cause."""

    code: ClassVar[Code] = Code.INTERNAL

    def __init__(self, message: str) -> None:
        super().__init__(Reason.INTERNAL, message)
