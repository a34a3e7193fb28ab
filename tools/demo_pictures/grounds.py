"""The grounds of composed scenes: what is behind the things and what they stand on."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from tools.demo_pictures.paint import place, shape
from tools.demo_pictures.palette import PAPER, SHADOW, Rgb, mix

# The height of an edge, in pixels from above, for every column.
Edge = npt.NDArray[np.float32]

GRASS: Rgb = (124, 180, 98)
DRY_GRASS: Rgb = (212, 184, 100)
SAND: Rgb = (238, 212, 156)
DUNE: Rgb = (228, 178, 108)
WATER: Rgb = (70, 146, 196)
SNOW: Rgb = (240, 244, 251)
ASPHALT: Rgb = (112, 116, 126)
PAVEMENT: Rgb = (198, 195, 190)
WOOD: Rgb = (182, 132, 88)
BOARDS: Rgb = (206, 168, 126)
NIGHT: Rgb = (18, 20, 46)


@dataclass(frozen=True, slots=True)
class Ground:
    """``horizon`` is where it ends above, as a part of the height: things whose foot is higher
    hang in the air or in the water, without a shadow. ``is_water`` says that things swim on it."""

    horizon: float
    paint: Callable[[Image.Image, Rgb, random.Random], None]
    is_water: bool = False


def gradient(picture: Image.Image, line: Edge, upper: Rgb, lower: Rgb) -> None:
    """Fills the picture below ``line``: ``upper`` at its highest place, ``lower`` at the
    picture's foot."""
    top = max(math.floor(float(line.min())), 0)
    width, height = picture.width, picture.height - top
    rows = np.arange(height, dtype=np.float32)[:, None]
    part = rows / max(height - 1, 1)
    ends = np.asarray(upper, dtype=np.float32), np.asarray(lower, dtype=np.float32)
    tones = ends[0] + (ends[1] - ends[0]) * part
    fill = np.broadcast_to(np.rint(tones).astype(np.uint8)[:, None, :], (height, width, 3))
    cover = np.clip(rows + 1.0 - (line[None, :] - top), 0.0, 1.0)
    mask = Image.fromarray(np.rint(cover * 255).astype(np.uint8), "L")
    picture.paste(Image.fromarray(np.ascontiguousarray(fill), "RGB"), (0, top), mask)


def level(picture: Image.Image, part: float) -> Edge:
    """A straight edge at ``part`` of the height."""
    return np.full(picture.width, part * picture.height, dtype=np.float32)


def hills(picture: Image.Image, part: float, rise: float, rng: random.Random) -> Edge:
    """A soft wavy edge around ``part`` of the height, ``rise`` (part of the height) up and down."""
    across = np.linspace(0.0, 2 * math.pi, picture.width, dtype=np.float32)
    waves = 0.65 * np.sin(across * rng.uniform(0.7, 1.1) + rng.uniform(0, 6.2))
    waves += 0.35 * np.sin(across * rng.uniform(1.6, 2.4) + rng.uniform(0, 6.2))
    return np.asarray((part + rise * waves) * picture.height, dtype=np.float32)


def _sky(picture: Image.Image, colour: Rgb) -> None:
    gradient(picture, level(picture, 0.0), colour, mix(colour, PAPER, 0.55))


def _marks(
    picture: Image.Image,
    colour: Rgb,
    rows: tuple[float, float],
    count: int,
    mark: Callable[[ImageDraw.ImageDraw, int, float, float, float], None],
    rng: random.Random,
) -> None:
    """``count`` small marks strewn between two parts of the height; ``mark`` draws one with a pen,
    the factor of its canvas, where (in that canvas), and how near it is (0 far to 1 near)."""
    spots = [(rng.random(), rng.random()) for _ in range(count)]

    def draw(pen: ImageDraw.ImageDraw, factor: int) -> None:
        for across, near in spots:
            down = rows[0] + (rows[1] - rows[0]) * near
            at = (across * picture.width * factor, down * picture.height * factor)
            mark(pen, factor, *at, near)

    place(picture, shape(picture.size, draw), (0, 0), colour)


def _tuft(pen: ImageDraw.ImageDraw, factor: int, x: float, y: float, near: float) -> None:
    tall = (5 + 8 * near) * factor
    for lean in (-0.45, 0.0, 0.45):
        pen.line((x, y, x + lean * tall, y - tall), 255, 2 * factor)


def _ripple(pen: ImageDraw.ImageDraw, factor: int, x: float, y: float, near: float) -> None:
    half, thick = (12 + 26 * near) * factor, round((1.5 + 1.5 * near) * factor)
    pen.arc((x - half, y - half / 3, x + half, y + half / 3), 200, 340, 255, thick)


def _dot(pen: ImageDraw.ImageDraw, factor: int, x: float, y: float, near: float) -> None:
    half = (1.2 + 1.6 * near) * factor
    pen.ellipse((x - half, y - half, x + half, y + half), 255)


def _pebble(pen: ImageDraw.ImageDraw, factor: int, x: float, y: float, near: float) -> None:
    wide = (2 + 4 * near) * factor
    pen.ellipse((x - wide, y - wide / 2, x + wide, y + wide / 2), 255)


def _bubble(pen: ImageDraw.ImageDraw, factor: int, x: float, y: float, near: float) -> None:
    half = (4 + 7 * near) * factor
    pen.ellipse((x - half, y - half, x + half, y + half), outline=255, width=2 * factor)


def _fields(picture: Image.Image, grass: Rgb, rng: random.Random) -> None:
    gradient(picture, hills(picture, 0.53, 0.03, rng), mix(grass, PAPER, 0.3), grass)
    gradient(
        picture, hills(picture, 0.60, 0.02, rng), mix(grass, PAPER, 0.08), mix(grass, SHADOW, 0.12)
    )
    _marks(picture, mix(grass, SHADOW, 0.28), (0.66, 0.99), 70, _tuft, rng)
    _marks(picture, mix(grass, PAPER, 0.3), (0.66, 0.99), 40, _tuft, rng)


def _meadow(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    _sky(picture, colour)
    _fields(picture, GRASS, rng)


def _savanna(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    _sky(picture, colour)
    far = mix(colour, (128, 104, 120), 0.5)
    gradient(picture, hills(picture, 0.5, 0.05, rng), mix(far, PAPER, 0.25), far)
    _fields(picture, DRY_GRASS, rng)


def _beach(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    _sky(picture, colour)
    gradient(picture, level(picture, 0.46), mix(WATER, SHADOW, 0.1), mix(WATER, PAPER, 0.5))
    _marks(picture, mix(WATER, PAPER, 0.55), (0.49, 0.6), 26, _ripple, rng)
    shore = hills(picture, 0.64, 0.012, rng)
    gradient(picture, shore - 7, PAPER, PAPER)
    gradient(picture, shore, mix(SAND, SHADOW, 0.12), mix(SAND, PAPER, 0.15))
    _marks(picture, mix(SAND, SHADOW, 0.16), (0.69, 0.99), 80, _pebble, rng)


def _sea(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    _sky(picture, colour)
    gradient(picture, level(picture, 0.52), mix(WATER, PAPER, 0.18), mix(WATER, SHADOW, 0.25))
    _marks(picture, mix(WATER, PAPER, 0.42), (0.55, 0.99), 75, _ripple, rng)


def _desert(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    _sky(picture, colour)
    gradient(picture, hills(picture, 0.5, 0.05, rng), mix(DUNE, PAPER, 0.35), DUNE)
    gradient(
        picture, hills(picture, 0.6, 0.03, rng), mix(DUNE, PAPER, 0.15), mix(DUNE, SHADOW, 0.16)
    )
    _marks(picture, mix(DUNE, SHADOW, 0.2), (0.7, 0.99), 45, _pebble, rng)


def _snow(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    _sky(picture, colour)
    gradient(picture, hills(picture, 0.52, 0.035, rng), mix(SNOW, colour, 0.22), SNOW)
    gradient(picture, hills(picture, 0.6, 0.02, rng), SNOW, mix(SNOW, colour, 0.16))
    _marks(picture, PAPER, (0.02, 0.98), 120, _dot, rng)


def _night(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    dark = mix(colour, NIGHT, 0.74)
    gradient(picture, level(picture, 0.0), mix(colour, NIGHT, 0.86), mix(colour, NIGHT, 0.3))
    _marks(picture, mix(dark, PAPER, 0.75), (0.02, 0.5), 70, _dot, rng)
    gradient(picture, hills(picture, 0.56, 0.035, rng), mix(dark, GRASS, 0.16), dark)
    ground = mix(NIGHT, GRASS, 0.3)
    gradient(picture, hills(picture, 0.62, 0.02, rng), ground, mix(ground, NIGHT, 0.4))
    _marks(picture, mix(ground, GRASS, 0.25), (0.68, 0.99), 60, _tuft, rng)


def _seabed(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    deep = mix(colour, (24, 92, 132), 0.62)
    gradient(picture, level(picture, 0.0), mix(colour, PAPER, 0.3), deep)
    _marks(picture, mix(colour, PAPER, 0.6), (0.08, 0.7), 22, _bubble, rng)
    gradient(picture, hills(picture, 0.78, 0.02, rng), mix(SAND, deep, 0.45), mix(SAND, deep, 0.2))
    _marks(picture, mix(SAND, deep, 0.55), (0.84, 0.99), 60, _pebble, rng)


def _street(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    _sky(picture, colour)
    _skyline(picture, mix(colour, (96, 104, 128), 0.34), rng)
    gradient(picture, level(picture, 0.58), PAVEMENT, mix(PAVEMENT, SHADOW, 0.12))
    gradient(picture, level(picture, 0.69), mix(PAVEMENT, PAPER, 0.5), PAVEMENT)
    gradient(picture, level(picture, 0.70), mix(ASPHALT, SHADOW, 0.15), ASPHALT)
    dashes = shape((picture.width, 10), _dashes)
    place(picture, dashes, (0, round(picture.height * 0.915)), PAPER)


def _dashes(pen: ImageDraw.ImageDraw, factor: int) -> None:
    for left in range(20, 2000, 130):
        pen.rectangle((left * factor, 0, (left + 70) * factor, 10 * factor), 255)


def _skyline(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    """Houses in a row, far away, with lighter windows."""
    pen, left, foot = ImageDraw.Draw(picture), -10, round(picture.height * 0.58)
    window = mix(colour, PAPER, 0.4)
    while left < picture.width:
        width, height = rng.randint(74, 128), rng.randint(90, 200)
        pen.rectangle((left, foot - height, left + width - 6, foot), colour)
        for x in range(left + 14, left + width - 24, 26):
            for y in range(foot - height + 16, foot - 24, 34):
                pen.rectangle((x, y, x + 11, y + 15), window)
        left += width


def _room(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    wall = mix(colour, PAPER, 0.18)
    gradient(picture, level(picture, 0.0), wall, mix(wall, PAPER, 0.15))
    pen = ImageDraw.Draw(picture)
    floor = round(picture.height * 0.66)
    for left in range(rng.randint(0, 50), picture.width, 64):
        pen.rectangle((left, 0, left + 25, floor), mix(wall, PAPER, 0.16))
    gradient(picture, level(picture, 0.66), BOARDS, mix(BOARDS, SHADOW, 0.14))
    for number in range(6):
        y = round(floor + (picture.height - floor) * (number / 6) ** 1.3)
        pen.line((0, y, picture.width, y), mix(BOARDS, SHADOW, 0.22), 2)
    pen.rectangle((0, floor - 20, picture.width, floor), mix(PAPER, SHADOW, 0.06))
    pen.line((0, floor, picture.width, floor), mix(BOARDS, SHADOW, 0.4), 3)

    def rug(pen: ImageDraw.ImageDraw, factor: int) -> None:
        pen.ellipse((0, 0, 620 * factor - 1, 150 * factor - 1), fill=255)

    at = (picture.width // 2 - 310, round(picture.height * 0.735))
    place(picture, shape((620, 150), rug), at, mix(colour, SHADOW, 0.2))


def _table(picture: Image.Image, colour: Rgb, rng: random.Random) -> None:
    gradient(picture, level(picture, 0.0), mix(colour, PAPER, 0.25), mix(colour, SHADOW, 0.06))
    gradient(picture, level(picture, 0.55), mix(WOOD, SHADOW, 0.1), mix(WOOD, PAPER, 0.12))
    grain = [(rng.uniform(0.57, 0.9), rng.random(), rng.uniform(0.1, 0.35)) for _ in range(26)]
    pen = ImageDraw.Draw(picture)
    for down, left, length in grain:
        y, x = round(down * picture.height), round(left * picture.width)
        pen.line((x, y, x + round(length * picture.width), y), mix(WOOD, SHADOW, 0.2), 2)
    gradient(picture, level(picture, 0.92), mix(WOOD, SHADOW, 0.28), mix(WOOD, SHADOW, 0.42))
    pen.line((0, picture.height * 0.92, picture.width, picture.height * 0.92), WOOD, 4)


GROUNDS: Mapping[str, Ground] = MappingProxyType(
    {
        "meadow": Ground(0.58, _meadow),
        "savanna": Ground(0.58, _savanna),
        "beach": Ground(0.62, _beach),
        "sea": Ground(0.52, _sea, is_water=True),
        "desert": Ground(0.57, _desert),
        "snow": Ground(0.58, _snow),
        "night": Ground(0.6, _night),
        "seabed": Ground(0.78, _seabed),
        "street": Ground(0.57, _street),
        "room": Ground(0.64, _room),
        "table": Ground(0.54, _table),
    }
)
