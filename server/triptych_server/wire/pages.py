"""Page sizes and page tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib

from google.protobuf.message import Message

from triptych_server.domain.errors import Reason
from triptych_server.domain.limits import Limits
from triptych_server.wire.violations import Violations

DEFAULT_PAGE_SIZE = 100
_MARK = 8


def parse_page_size(size: int, limits: Limits, violations: Violations) -> int:
    """Entries a page; the default where unset."""
    if size < 0:
        violations.add("page_size", Reason.LIMIT_INVALID, "is negative", got=size)
    elif size > limits.max_page_size:
        violations.add(
            "page_size",
            Reason.LIMIT_TOO_LARGE,
            "is too large",
            got=size,
            allowed=limits.max_page_size,
        )
    return size or DEFAULT_PAGE_SIZE


def make_token(next_key: str | None, *listed: str | Message) -> str:
    """A token for the page that begins at ``next_key``, bound to what is being listed."""
    if next_key is None:
        return ""
    return base64.urlsafe_b64encode(_mark(listed) + next_key.encode()).decode()


def parse_token(token: str, violations: Violations, *listed: str | Message) -> str | None:
    """Where the page begins; None for the first one.

    A token of another listing, or one that this server did not make, is a violation.
    """
    if not token:
        return None
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii"))
        if raw[:_MARK] == _mark(listed):
            return raw[_MARK:].decode()
    except (ValueError, binascii.Error):
        pass
    violations.add(
        "page_token", Reason.PAGE_TOKEN_INVALID, "is not a token of this listing", got=token
    )
    return None


def _mark(listed: tuple[str | Message, ...]) -> bytes:
    digest = hashlib.sha256()
    for part in listed:
        data = (
            part.encode() if isinstance(part, str) else part.SerializeToString(deterministic=True)
        )
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()[:_MARK]
