"""The written list of swaps: a picture, and in words which colour instead of which."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SWAPS = Path(__file__).with_name("swaps.toml")


@dataclass(frozen=True, slots=True)
class Swap:
    """A thing on a ground of the colour ``old``, wanted on one of the colour ``new``.

    ``more`` is what is added to the picture in words, ``less`` what is taken away.
    """

    thing: str
    old: str
    new: str
    more: str
    less: str


def load_swaps(path: Path = SWAPS) -> tuple[Swap, ...]:
    """All swaps, in the file's order; raises ``TypeError`` for a key that is missing or unknown."""
    with path.open("rb") as file:
        tables: list[Mapping[str, str]] = tomllib.load(file)["swap"]
    return tuple(Swap(**table) for table in tables)
