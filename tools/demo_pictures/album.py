"""Draws all scenes into a folder, with ``captions.csv`` beside them, and tells whether they are
already there."""

import csv
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tools.demo_pictures.layouts import LAYOUTS
from tools.demo_pictures.scenes import Kind, Scene

CAPTIONS_NAME = "captions.csv"
COLUMNS = (
    "file",
    "caption",
    "category",
    "colour",
    "tags",
    "price",
    "in_stock",
    "year",
    "taken",
    "place",
    "location.lat",
    "location.lon",
)
# Labels are kept as WebP, the others as JPEG, as a real folder would hold both.
_JPEG_QUALITY = 90
_WEBP_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Album:
    """A folder of drawn pictures."""

    folder: Path
    files: tuple[str, ...]

    @property
    def captions(self) -> Path:
        """The table of captions and payload fields."""
        return self.folder / CAPTIONS_NAME


def file_name(scene: Scene) -> str:
    """The name of the scene's picture."""
    return f"{scene.name}.{'webp' if scene.kind is Kind.LABEL else 'jpg'}"


def draw_scene(scene: Scene, seed: int) -> Image.Image:
    """The picture (RGB) of a scene; the same scene and seed draw the same pixels."""
    digest = hashlib.sha256(f"{seed}\0{scene.name}".encode()).digest()
    return LAYOUTS[scene.kind](scene, random.Random(digest))


def save(picture: Image.Image, path: Path) -> None:
    """Writes a picture as its ending says: WebP or JPEG."""
    if path.suffix == ".webp":
        picture.save(path, "WEBP", quality=_WEBP_QUALITY, method=2)
    else:
        picture.save(path, "JPEG", quality=_JPEG_QUALITY)


def draw_album(
    scenes: tuple[Scene, ...],
    folder: Path,
    seed: int,
    drawn: Callable[[int], None] = lambda count: None,
) -> Album:
    """Draws every scene into ``folder``; ``drawn`` hears how many are done.

    The captions are written last, so that a folder with captions is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    album = Album(folder, tuple(file_name(scene) for scene in scenes))
    for count, (scene, name) in enumerate(zip(scenes, album.files, strict=True), start=1):
        save(draw_scene(scene, seed), folder / name)
        drawn(count)
    with album.captions.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(_row(scene) for scene in scenes)
    return album


def _row(scene: Scene) -> dict[str, str]:
    town = scene.town
    return {
        "file": file_name(scene),
        "caption": scene.caption,
        "category": scene.category,
        "colour": scene.colour,
        "tags": "|".join(scene.tags),
        "price": "" if scene.price is None else f"{scene.price:.2f}",
        "in_stock": "" if scene.in_stock is None else str(scene.in_stock).lower(),
        "year": str(scene.taken.year),
        "taken": scene.taken.isoformat(),
        "place": town.name if town else "",
        "location.lat": str(town.lat) if town else "",
        "location.lon": str(town.lon) if town else "",
    }
