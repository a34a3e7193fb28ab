"""The written list of discoveries: a target in words, and pairs of words that part the pictures."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CASES = Path(__file__).with_name("cases.toml")
PAIRS = 2


@dataclass(frozen=True, slots=True)
class Side:
    """Words for one side of a pair, and the trait (see ``gallery``) that pictures there show."""

    words: str
    shows: str

    @property
    def aspect(self) -> str:
        """What the trait is about: ``thing``, ``kind``, ``colour``, ``count`` or ``style``."""
        return self.shows.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Case:
    """What is looked for, and ``PAIRS`` pairs of a wanted and an unwanted side."""

    target: Side
    wanted: tuple[Side, ...]
    unwanted: tuple[Side, ...]

    @property
    def thing(self) -> str:
        """The slug of the target where it is one thing, else empty."""
        target = self.target
        return target.shows.partition(":")[2] if target.aspect == "thing" else ""


def load_cases(path: Path = CASES) -> tuple[Case, ...]:
    """All cases, in the file's order; raises ``TypeError`` for a key that is missing or unknown."""
    with path.open("rb") as file:
        tables: list[Mapping[str, Any]] = tomllib.load(file)["case"]
    return tuple(_case(**table) for table in tables)


def _case(
    target: Mapping[str, str],
    wanted: list[Mapping[str, str]],
    unwanted: list[Mapping[str, str]],
) -> Case:
    return Case(
        Side(**target),
        tuple(Side(**side) for side in wanted),
        tuple(Side(**side) for side in unwanted),
    )
