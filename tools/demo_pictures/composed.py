"""How a composed scene is drawn: a ground, and on it things that belong together."""

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from tools.demo_pictures.grounds import GROUNDS, WATER
from tools.demo_pictures.paint import Box, floor_shadow, place, shape, sprite
from tools.demo_pictures.palette import PAPER, mix, shade
from tools.demo_pictures.scenes import Scene

SCENE_SIZE = (800, 640)
# Pixels that stay free at every side.
EDGE = 8


@dataclass(frozen=True, slots=True)
class Placed:
    """A thing, the box that it fills (left, top, right, bottom), and whether it stands on the
    ground, or hangs above it."""

    thing: Image.Image
    box: Box
    stands: bool


def draw_composed(scene: Scene, rng: random.Random) -> Image.Image:
    """A ground with the scene's things on it, the first one farthest behind.

    Raises ``KeyError`` for an unknown ground.
    """
    ground = GROUNDS[scene.ground]
    picture = Image.new("RGB", SCENE_SIZE)
    ground.paint(picture, shade(scene.colour, rng), rng)
    for placed in arranged(scene, rng):
        _lay(picture, placed, is_water=ground.is_water)
    return picture


def arranged(scene: Scene, rng: random.Random) -> list[Placed]:
    """The things of a scene at their spots, a little off by chance, and none beyond the edge.

    Raises ``ValueError`` where things and spots are not as many, ``KeyError`` for an unknown
    ground.
    """
    width, height = SCENE_SIZE
    horizon = GROUNDS[scene.ground].horizon
    found = []
    for slug, spot in zip(scene.things, scene.spots, strict=True):
        thing = sprite(slug, round(spot.size * height * rng.uniform(0.96, 1.03)))
        left = round(spot.across * width) + rng.randint(-8, 8) - thing.width // 2
        left = min(max(left, EDGE), width - EDGE - thing.width)
        top = round(spot.foot * height) + rng.randint(-4, 4) - thing.height
        top = min(max(top, EDGE), height - EDGE - thing.height)
        box = (left, top, left + thing.width, top + thing.height)
        found.append(Placed(thing, box, spot.foot > horizon))
    return found


def _lay(picture: Image.Image, placed: Placed, *, is_water: bool) -> None:
    left, top, right, bottom = placed.box
    if placed.stands and not is_water:
        floor_shadow(picture, ((left + right) // 2, bottom - 3), round((right - left) * 0.84))
    picture.paste(placed.thing, (left, top), placed.thing)
    if placed.stands and is_water:
        _bow_wave(picture, placed.box)


def _bow_wave(picture: Image.Image, box: Box) -> None:
    """The water around the foot of what swims: it hides the lowest edge."""
    width, height = round((box[2] - box[0]) * 1.08), max((box[3] - box[1]) // 8, 12)

    def draw(pen: ImageDraw.ImageDraw, factor: int) -> None:
        pen.ellipse((0, 0, width * factor - 1, height * factor - 1), fill=255)

    def foam(pen: ImageDraw.ImageDraw, factor: int) -> None:
        edge = (0, 0, width * factor - 1, height * factor - 1)
        pen.arc(edge, 185, 355, 255, 3 * factor)

    at = ((box[0] + box[2] - width) // 2, box[3] - height // 2 - 2)
    place(picture, shape((width, height), draw), at, mix(WATER, PAPER, 0.12))
    place(picture, shape((width, height), foam), at, mix(WATER, PAPER, 0.75))
