"""An item on its way in, as it is kept, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum

import numpy as np
from numpy.typing import NDArray

from triptych_server.domain.collections import Stamp
from triptych_server.domain.decoding import Detail
from triptych_server.domain.errors import TriptychError
from triptych_server.domain.vectors import Vector

# mypy has no recursive alias for JSON that reads well at every use; the wire builds nothing else.
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Payload = Mapping[str, Json]


class WarningCode(StrEnum):
    """What the service did with an input that it served, but not exactly as it came."""

    ANIMATION_FIRST_FRAME = "ANIMATION_FIRST_FRAME"
    ALPHA_FLATTENED = "ALPHA_FLATTENED"
    TEXT_TRUNCATED = "TEXT_TRUNCATED"
    TEXT_CLEANED = "TEXT_CLEANED"
    WINDOWS_CUT = "WINDOWS_CUT"
    OCR_FAILED = "OCR_FAILED"
    OCR_TIMED_OUT = "OCR_TIMED_OUT"
    LEG_SKIPPED = "LEG_SKIPPED"
    FILTER_FIELD_UNINDEXED = "FILTER_FIELD_UNINDEXED"
    NOT_SEARCHABLE = "NOT_SEARCHABLE"


@dataclass(frozen=True, slots=True)
class Notice:
    """One warning. ``field`` is a request path, empty where the whole request is meant."""

    code: WarningCode
    message: str
    field: str = ""


class ImageVariant(Enum):
    """A file that may be kept of a picture: as it came, or a small upright copy."""

    ORIGINAL = "original"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class KeptImage:
    """A kept file of a picture.

    ``width`` and ``height`` are those of the upright picture in pixels; ``sha256`` is of the file's
    bytes, in lower-case hex, and names it in the picture store.
    """

    variant: ImageVariant
    media_type: str
    width: int
    height: int
    byte_size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a picture was before it was turned upright and converted, and what is kept of it.

    ``width`` and ``height`` are those of the upright picture in pixels; ``sha256`` is of the bytes
    as they came, in lower-case hex; ``orientation`` is the EXIF value that was applied (1 where
    nothing had to be turned).
    """

    format: str
    width: int
    height: int
    byte_size: int
    sha256: str
    orientation: int = 1
    kept: tuple[KeptImage, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture: upright, RGB on white. ``pixels`` is uint8 of shape (height, width, 3).

    Its height and width are those of ``info`` divided by ``scale`` and rounded up; ``detail`` is
    what was asked for, None for every pixel.
    """

    pixels: NDArray[np.uint8]
    info: ImageInfo
    notices: tuple[Notice, ...] = ()
    scale: int = 1
    detail: Detail | None = None

    def serves(self, detail: Detail | None) -> bool:
        """Whether decoding it anew with ``detail`` would give the very same pixels."""
        if self.info.format != "JPEG":
            return True
        wanted = 1 if detail is None else detail.scale(self.info.width, self.info.height)
        return self.scale == wanted


class OcrMode(Enum):
    """When a picture is read: never, when the caller gave no ``ocr_text``, or always."""

    SKIP = "skip"
    WHEN_EMPTY = "when_empty"
    ALWAYS = "always"


class OcrState(StrEnum):
    """How reading a picture went."""

    SKIPPED = "SKIPPED"
    SUPPLIED = "SUPPLIED"
    READ = "READ"
    NO_TEXT = "NO_TEXT"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright picture, from its upper left corner."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class OcrWord:
    """One word that was read; ``confidence`` runs from 0 to 1."""

    text: str
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True)
class OcrReading:
    """What reading a picture gave. ``text`` has one line a text line; ``message`` is for people."""

    state: OcrState
    text: str = ""
    words: tuple[OcrWord, ...] = ()
    language: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class OcrOptions:
    """How a request wants its pictures read; None stands for the server's default."""

    mode: OcrMode = OcrMode.WHEN_EMPTY
    language: str | None = None
    time_limit_ms: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ItemInput:
    """An item as the caller sends it. Texts are NFC and not blank; None stands for no panel."""

    id: str
    image: bytes | None = None
    caption: str | None = None
    ocr_text: str | None = None
    payload: Payload = field(default_factory=dict)
    vectors: Mapping[str, Vector] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """What the service itself keeps of an item, under the reserved payload key.

    ``hashes`` holds the SHA-256 of each panel, payload and supplied vector as it came, and under
    ``ocr`` the language in which the picture was read; ``stamps`` one entry for every named vector
    that the point has (None where the caller supplied it).
    """

    item_id: str
    tenant: str
    caption: str | None
    ocr_text: str | None
    hashes: Mapping[str, str]
    stamps: Mapping[str, Stamp | None]
    image: ImageInfo | None
    ocr: OcrReading | None
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """An item as it is kept."""

    point_id: str
    record: Record
    payload: Payload
    vectors: Mapping[str, Vector] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TokenUse:
    """How much of a text an encoder read; tokens include the model's begin and end tokens."""

    token_count: int
    tokens_used: int
    windows: int = 1

    @property
    def truncated(self) -> bool:
        """Whether a part of the text moved no vector."""
        return self.tokens_used < self.token_count


class UpsertResult(Enum):
    """What became of one item of an upsert."""

    CREATED = "created"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class UpsertOutcome:
    """The answer for one item: kept (then it survives a crash) or failed, and why.

    ``tokens`` says for each vector made from text how much was read.
    """

    index: int
    id: str
    result: UpsertResult
    error: TriptychError | None = None
    notices: tuple[Notice, ...] = ()
    image: ImageInfo | None = None
    tokens: tuple[tuple[str, TokenUse], ...] = ()
    ocr_state: OcrState | None = None
