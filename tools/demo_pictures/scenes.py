"""What is in each picture of the demo, read from the files in ``scenes/``."""

import enum
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tools.demo_pictures.towns import Town, load_towns

SCENE_FOLDER = Path(__file__).resolve().parent / "scenes"


class Kind(enum.StrEnum):
    """How a picture is laid out."""

    THING = "thing"
    SEVERAL = "several"
    PAIR = "pair"
    SCENE = "scene"
    PRODUCT = "product"
    POSTER = "poster"
    SIGN = "sign"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a thing of a composed scene is: its middle ``across`` and its ``foot``, as parts of
    the width and the height from the upper left, and the longer side's ``size`` as a part of the
    height."""

    across: float
    foot: float
    size: float


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture before it is drawn; ``scenes/README.md`` says what each field means."""

    name: str
    kind: Kind
    things: tuple[str, ...]
    colour: str
    taken: date
    tags: tuple[str, ...]
    ground: str = ""
    spots: tuple[Spot, ...] = ()
    caption: str = ""
    headline: str = ""
    sub: str = ""
    foot: str = ""
    invented: str = ""
    serial: str = ""
    price: float | None = None
    in_stock: bool | None = None
    town: Town | None = None

    @property
    def category(self) -> str:
        """The payload's category: several things and pairs are things, too."""
        return "thing" if self.kind in (Kind.SEVERAL, Kind.PAIR) else self.kind.value


def load_scenes(folder: Path = SCENE_FOLDER) -> tuple[Scene, ...]:
    """All scenes of a folder's files, in the order of kinds and of each file.

    Raises ``ValueError`` where a scene names an unknown kind, ``KeyError`` where it names an
    unknown town, ``TypeError`` where it has an unknown key or lacks one.
    """
    towns = load_towns()
    scenes = [
        _scene(table, towns)
        for path in sorted(folder.glob("*.toml"))
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["scene"]
    ]
    order = list(Kind)
    return tuple(sorted(scenes, key=lambda scene: order.index(scene.kind)))


def scene_named(scenes: tuple[Scene, ...], name: str) -> Scene:
    """The scene of that name; raises ``KeyError`` where there is none."""
    for scene in scenes:
        if scene.name == name:
            return scene
    raise KeyError(name)


def _scene(table: Mapping[str, object], towns: Mapping[str, Town]) -> Scene:
    fields = dict(table)
    kind = Kind(str(fields.pop("kind")))
    town = towns[str(fields.pop("place"))] if "place" in fields else None
    fields |= {key: _words(table, key) for key in ("things", "tags")}
    fields["spots"] = tuple(Spot(*spot) for spot in table.get("spots", ()))  # type: ignore[attr-defined]  # as below
    return Scene(kind=kind, town=town, **fields)  # type: ignore[arg-type]  # TOML's own types; wrong keys raise


def _words(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    found = table[key]
    if not isinstance(found, list):
        raise TypeError(f"{key} of {table.get('name')!r} is no list")
    return tuple(str(word) for word in found)
