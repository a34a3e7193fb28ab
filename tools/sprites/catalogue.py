"""The everyday things that have a sprite: slug, emoji, and their English names.

Read from ``classes.json`` beside this file, which is the one place that lists them.
"""

import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPRITE_FOLDER = HERE / "png"


@dataclass(frozen=True, slots=True)
class Thing:
    """One everyday thing.

    ``slug`` names its sprite file, ``emoji`` is the character that it is rendered from,
    ``name`` and ``plural`` are its plain English name, ``synonyms`` are further names for it.
    """

    slug: str
    emoji: str
    name: str
    plural: str
    synonyms: tuple[str, ...]

    @property
    def sprite_path(self) -> Path:
        """Where the RGBA sprite of this thing lies."""
        return SPRITE_FOLDER / f"{self.slug}.png"


def load_things(path: Path = HERE / "classes.json") -> tuple[Thing, ...]:
    """All things, in the file's order; raises ``KeyError`` where a row lacks a field."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Thing(
            slug=row["slug"],
            emoji=row["emoji"],
            name=row["name"],
            plural=row["plural"],
            synonyms=tuple(row["synonyms"]),
        )
        for row in rows
    )
