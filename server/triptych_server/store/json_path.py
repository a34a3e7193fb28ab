"""Paths of payload fields as Qdrant writes them, on a server and embedded alike."""

from __future__ import annotations

import re

from triptych_server.domain.filters import FieldPath

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class UnaddressableField(ValueError):
    """A payload key that no path of the engine can name: its text."""


def json_path(path: FieldPath) -> str:
    """The path with keys between quotes where they need them.

    A key can be addressed between quotes whatever it holds, but for a quote and a backslash: for
    those there is no escape. Raises UnaddressableField.
    """
    for key in path:
        if '"' in key or "\\" in key:
            raise UnaddressableField(key)
    return ".".join(key if _BARE.fullmatch(key) else f'"{key}"' for key in path)
