"""What is in each picture of the demo, read from ``scenes.toml``."""

import enum
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

SCENES_PATH = Path(__file__).resolve().parent / "scenes.toml"


class Kind(enum.StrEnum):
    """How a picture is laid out."""

    THING = "thing"
    SEVERAL = "several"
    PAIR = "pair"
    PRODUCT = "product"
    POSTER = "poster"
    SIGN = "sign"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture before it is drawn; ``scenes.toml`` says what each field means."""

    name: str
    kind: Kind
    things: tuple[str, ...]
    colour: str
    taken: date
    caption: str = ""
    headline: str = ""
    sub: str = ""
    foot: str = ""
    invented: str = ""
    price: float | None = None
    in_stock: bool | None = None

    @property
    def category(self) -> str:
        """The payload's category: several things and pairs are things, too."""
        return "thing" if self.kind in (Kind.SEVERAL, Kind.PAIR) else self.kind.value


def load_scenes(path: Path = SCENES_PATH) -> tuple[Scene, ...]:
    """All scenes in the file's order.

    Raises ``ValueError`` where a scene names an unknown kind, ``TypeError`` where it has an
    unknown key or lacks one.
    """
    with path.open("rb") as file:
        tables: list[Mapping[str, object]] = tomllib.load(file)["scene"]
    return tuple(_scene(table) for table in tables)


def scene_named(scenes: tuple[Scene, ...], name: str) -> Scene:
    """The scene of that name; raises ``KeyError`` where there is none."""
    for scene in scenes:
        if scene.name == name:
            return scene
    raise KeyError(name)


def _scene(table: Mapping[str, object]) -> Scene:
    fields = dict(table)
    things = fields.pop("things")
    kind = fields.pop("kind")
    if not isinstance(things, list):
        raise TypeError(f"things of {table.get('name')!r} is no list")
    return Scene(kind=Kind(str(kind)), things=tuple(str(slug) for slug in things), **fields)  # type: ignore[arg-type]  # TOML's own types; wrong keys raise
