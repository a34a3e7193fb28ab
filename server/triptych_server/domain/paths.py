"""Paths into a payload: keys joined by dots, ``size."inner width".cm``."""

from __future__ import annotations

import re

from triptych_server.domain.errors import MAX_VALUE_LENGTH, clip
from triptych_server.domain.filters import FieldPath

# Qdrant's own paths have no way to write a double quote or a backslash.
_SEGMENT = re.compile(r'"([^"\\\x00-\x1f\x7f]+)"|([^."\\\[\]\s\x00-\x1f\x7f]+)')
_BARE = re.compile(r'[^."\\\[\]\s\x00-\x1f\x7f]+')


def parse_path(text: str) -> FieldPath:
    """The keys that ``text`` names, outermost first.

    Raises ValueError, with what is wrong, where it is empty or malformed.
    """
    keys = []
    place = 0
    while True:
        match = _SEGMENT.match(text, place)
        if match is None:
            if text[place : place + 1] == '"':
                raise ValueError("an unclosed or empty quote")
            raise ValueError("a key is missing or holds characters that need double quotes")
        keys.append(match.group(1) or match.group(2))
        place = match.end()
        if place == len(text):
            return tuple(keys)
        if text[place] != ".":
            raise ValueError(
                "a key with a space, a quote or a bracket needs double quotes around it"
            )
        place += 1


def format_path(path: FieldPath) -> str:
    """The canonical text of ``path``: quotes only where they are needed."""
    return ".".join(key if _BARE.fullmatch(key) else f'"{key}"' for key in path)


def step_into(path: str, key: str) -> str:
    """``path`` of a request, one key of the caller's own further, fit to stand in a message.

    Control characters become ``?``, and long keys are clipped.
    """
    shown = key if key.isprintable() and len(key) <= MAX_VALUE_LENGTH else clip(key)
    return f"{path}.{shown}" if _BARE.fullmatch(shown) else f'{path}."{shown}"'
