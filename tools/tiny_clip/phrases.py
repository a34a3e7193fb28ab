"""Phrases of our own that point at one thing without naming it.

They stand in ``phrases.txt``; the one after the bar is kept for evaluation alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Phrases:
    """``trained`` phrases of one thing, and the ``held_out`` one that training never sees."""

    trained: tuple[str, ...]
    held_out: str


def load_phrases(path: Path) -> Mapping[str, Phrases]:
    """Slug → phrases; raises ``ValueError`` for a line that lacks its colon or its bar."""
    result: dict[str, Phrases] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        slug, colon, rest = line.partition(": ")
        trained, bar, held_out = rest.rpartition(" | ")
        if not colon or not bar:
            raise ValueError(f"{path.name}: {line[:64]!r} is not 'slug: phrases | held out'")
        result[slug] = Phrases(tuple(trained.split("; ")), held_out)
    return MappingProxyType(result)


PHRASES = load_phrases(Path(__file__).with_name("phrases.txt"))
