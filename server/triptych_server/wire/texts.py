"""Names, ids and texts: how they are cleaned, and what is refused."""

from __future__ import annotations

import re
import unicodedata

from triptych_server.domain.errors import Reason
from triptych_server.domain.items import Notice, WarningCode
from triptych_server.domain.limits import Limits
from triptych_server.wire.violations import Violations

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LINE_ENDS = re.compile(r"\r\n?")
_SPACES = re.compile(r"[\x0b\x0c\x1c-\x1f\x85]")
# Unicode's category Cc, but for tab and newline.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ANY_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME_RULE = "needs 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or a digit"


def parse_collection_id(text: str, violations: Violations, path: str = "collection_id") -> str:
    """A collection's name as it came."""
    if not _NAME.fullmatch(text):
        violations.add(path, Reason.COLLECTION_ID_INVALID, _NAME_RULE, got=text or "nothing")
    return text


def parse_vector_name(text: str, violations: Violations, path: str) -> str:
    """A new vector space's name as it came."""
    if not _NAME.fullmatch(text):
        violations.add(path, Reason.VECTOR_SPACE_INVALID, _NAME_RULE, got=text or "nothing")
    return text


def parse_item_id(text: str, limits: Limits, violations: Violations, path: str) -> str:
    """An item's id as it came: it is the caller's own and is not normalised."""
    size = len(text.encode())
    if not text:
        violations.add(path, Reason.ID_EMPTY, "is empty")
    elif size > limits.max_id_bytes:
        violations.add(
            path,
            Reason.ID_TOO_LONG,
            "is too long",
            got=f"{size} bytes",
            allowed=limits.max_id_bytes,
        )
    elif _ANY_CONTROL.search(text):
        violations.add(path, Reason.ID_INVALID, "holds control characters", got=text)
    return text


def parse_text(
    text: str, limits: Limits, violations: Violations, path: str, notices: list[Notice]
) -> str:
    """``text`` in NFC without control characters but newline and tab, stripped at its ends."""
    size = len(text.encode())
    if size > limits.max_text_bytes:
        violations.add(
            path,
            Reason.TEXT_TOO_LONG,
            "is too long",
            got=f"{size} bytes",
            allowed=limits.max_text_bytes,
        )
        return ""
    # Form feeds and their like part words: a space, not nothing.
    spaced = _SPACES.sub(" ", _LINE_ENDS.sub("\n", text))
    kept = _CONTROLS.sub("", spaced)
    if not kept.strip():
        violations.add(
            path,
            Reason.TEXT_BLANK,
            "holds nothing but white space and control characters",
            got=repr(text),
        )
        return ""
    if len(kept) != len(spaced):
        removed = len(spaced) - len(kept)
        message = f"control characters taken out: {removed}"
        notices.append(Notice(WarningCode.TEXT_CLEANED, message, path))
    return unicodedata.normalize("NFC", kept).strip()
