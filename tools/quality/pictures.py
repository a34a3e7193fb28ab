"""Searches by a picture: scenes drawn anew, as no stored picture shows them."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.demo_pictures.album import draw_scene, file_name
from tools.demo_pictures.scenes import Scene
from tools.sprites.catalogue import Thing, load_things
from triptych import Client

# The stored pictures are drawn by another one.
PICTURE_SEED = 4049
PICTURES = 40
SHOWN = 10


@dataclass(frozen=True, slots=True)
class AskedByPicture:
    """A scene that was asked with, and the ids found, best first."""

    scene: Scene
    first: tuple[str, ...]

    @property
    def expected(self) -> tuple[str, ...]:
        """The scene's own stored picture is the one right answer."""
        return (file_name(self.scene),)


def ask_by_picture(client: Client, collection: str, scene: Scene, leg: str) -> AskedByPicture:
    """Asks one leg alone with a newly drawn picture of the scene."""
    file = io.BytesIO()
    draw_scene(scene, PICTURE_SEED).save(file, "PNG", compress_level=1)
    found = client.search(collection, image=file.getvalue(), weights={leg: 1.0}, limit=SHOWN)
    return AskedByPicture(scene, tuple(hit.item.id for hit in found.hits))


def for_looks(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """Scenes of every kind, spread evenly over the table."""
    return _spread(scenes)


def for_captions(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """Scenes of one thing whose caption names it, where no other caption does.

    Where a caption names nothing that is to be seen, or two name the same thing, a picture can't
    point at the one right caption.
    """
    things = {thing.slug: thing for thing in load_things()}
    return _spread(
        [
            scene
            for scene in scenes
            if len(set(scene.things)) == 1
            and [other for other in scenes if _names(other.caption, things[scene.things[0]])]
            == [scene]
        ]
    )


def _names(caption: str, thing: Thing) -> bool:
    names = "|".join(map(re.escape, (thing.name, thing.plural, *thing.synonyms)))
    return re.search(rf"\b({names})\b", caption, re.IGNORECASE) is not None


def _spread(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    count = min(PICTURES, len(scenes))
    return tuple(scenes[place * len(scenes) // count] for place in range(count))
