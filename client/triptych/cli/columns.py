"""The columns of a captions file: each one's header is the path of a payload field."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

Keys = tuple[str, ...]

_KEY = re.compile(r'"([^"]+)"|([^".]+)')


def keys_of(header: str) -> Keys:
    """The payload keys that a header names, outermost first: keys joined by dots, as in a filter.

    A key that holds a dot stands in double quotes. Spaces need none here, unlike in a filter,
    but those around a bare key do not count.

    Raises:
        ValueError: it is no such path.

    >>> keys_of("location.lat"), keys_of('"size.cm".inner width')
    (('location', 'lat'), ('size.cm', 'inner width'))
    """
    keys: list[str] = []
    place = 0
    while True:
        match = _KEY.match(header, place)
        key = (match[1] or match[2].strip()) if match else ""
        if match is None or not key:
            raise ValueError(
                "is no path: it needs keys joined by dots, and double quotes around a key that "
                "holds a dot"
            )
        keys.append(key)
        place = match.end()
        if place == len(header):
            return tuple(keys)
        if header[place] != ".":
            raise ValueError("is no path: a dot is missing beside a quoted key")
        place += 1


def clash(columns: Mapping[str, Keys]) -> str:
    """What is wrong between two columns that can't both be in one payload; empty if nothing is."""
    seen: list[tuple[str, Keys]] = []
    for name, keys in columns.items():
        for earlier, others in seen:
            if keys == others:
                return f"the columns {earlier[:64]!r} and {name[:64]!r} name the same field"
            shorter = min(len(keys), len(others))
            if keys[:shorter] == others[:shorter]:
                outer, inner = (name, earlier) if len(keys) == shorter else (earlier, name)
                return (
                    f"the columns {outer[:64]!r} and {inner[:64]!r} clash: a field can't hold "
                    "both a value and further fields"
                )
        seen.append((name, keys))
    return ""


def nested(values: Sequence[tuple[Keys, Any]]) -> dict[str, Any]:
    """A payload that holds every value under its keys, which must not clash."""
    payload: dict[str, Any] = {}
    for keys, value in values:
        inside = payload
        for key in keys[:-1]:
            inside = inside.setdefault(key, {})
        inside[keys[-1]] = value
    return payload
