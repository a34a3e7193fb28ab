"""Versions of Qdrant servers, and what hangs on them."""

from __future__ import annotations

import re

# The first server whose collections have metadata, which is where they are described.
OLDEST_SERVER = (1, 16)
# The first server that counts the IDF over the points that are there.
EXACT_IDF_SERVER = (1, 19)

_VERSION = re.compile(r"(\d+)\.(\d+)")


def numbers(version: str) -> tuple[int, int]:
    """Major and minor of a version; (0, 0) for what is none."""
    found = _VERSION.match(version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def written(version: tuple[int, int]) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))
