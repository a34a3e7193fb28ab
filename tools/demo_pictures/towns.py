"""The towns that the demo's pictures come from, read from ``towns.toml``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TOWNS_PATH = Path(__file__).resolve().parent / "towns.toml"


@dataclass(frozen=True, slots=True)
class Town:
    """A town and where it lies: ``lat`` in degrees north, ``lon`` in degrees east."""

    name: str
    lat: float
    lon: float


def load_towns(path: Path = TOWNS_PATH) -> Mapping[str, Town]:
    """All towns by their names; raises ``TypeError`` where one has an unknown key or lacks one."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: Town(name, **place) for name, place in tables.items()}
