"""What an API key may be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

# A shorter key could be found by trying; a longer one is no key but somebody's file.
MIN_LENGTH, MAX_LENGTH = 16, 256
# What a Bearer header may carry (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
RULE = f"{MIN_LENGTH} to {MAX_LENGTH} of A-Z, a-z, 0-9 and . _ ~ + / - (= at the end)"


def is_api_key(text: str) -> bool:
    """Whether ``text`` can be an API key: 16 to 256 characters that fit a Bearer header."""
    return MIN_LENGTH <= len(text) <= MAX_LENGTH and _TOKEN.fullmatch(text) is not None


class Secret(Protocol):
    """A text that does not show itself, such as pydantic's."""

    def get_secret_value(self) -> str: ...


def split_keys(secret: Secret | None) -> tuple[str, ...]:
    """The keys of a list with commas; white space around them does not count.

    Raises ValueError, which never holds any of the text, where one of them can't be a key.
    """
    text = secret.get_secret_value() if secret else ""
    keys = tuple(part.strip() for part in text.split(",")) if text.strip() else ()
    if not all(map(is_api_key, keys)):
        raise ValueError(f"needs keys of {RULE}, joined by commas")
    return keys


def first_bad_line(lines: Iterable[str]) -> int | None:
    """The number, from 1, of the first line that is no key; None where all are."""
    return next((n for n, line in enumerate(lines, 1) if line and not is_api_key(line)), None)
