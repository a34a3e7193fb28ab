"""How each kind of picture is composed."""

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from PIL import Image, ImageDraw

from tools.demo_pictures.composed import draw_composed
from tools.demo_pictures.paint import (
    Words,
    background,
    drop_shadow,
    fitted,
    font,
    place,
    rounded,
    shape,
    sprite,
    stand,
    wrapped,
    write,
)
from tools.demo_pictures.palette import INK, PAPER, SHADOW, Rgb, mix, shade
from tools.demo_pictures.scenes import Kind, Scene

THING_SIDE = 640
PRODUCT_SIDE = 720
POSTER_SIZE = (768, 1024)
SIGN_SIZE = (800, 640)
LABEL_SIZE = (720, 840)
# Where the middles of several things lie, as parts of the width and the height.
Places = tuple[tuple[float, float], ...]
TRIANGLE: Places = ((0.5, 0.28), (0.27, 0.68), (0.73, 0.70))
RISING: Places = ((0.27, 0.56), (0.73, 0.46))
FALLING: Places = ((0.27, 0.46), (0.73, 0.56))
TAG_RED: Rgb = (196, 52, 58)


class Layout(Protocol):
    """Draws one scene with the chance it is given."""

    def __call__(self, scene: Scene, rng: random.Random) -> Image.Image: ...


def draw_thing(scene: Scene, rng: random.Random) -> Image.Image:
    """One thing, large, in the middle."""
    picture = background((THING_SIDE, THING_SIDE), shade(scene.colour, rng))
    thing = sprite(scene.things[0], rng.randint(400, 440), rng.uniform(-5, 5))
    middle = THING_SIDE // 2
    stand(picture, thing, (middle + rng.randint(-14, 14), middle + rng.randint(-12, 12)))
    return picture


def draw_several(scene: Scene, rng: random.Random) -> Image.Image:
    """Two or three of one thing, or two different things, side by side or as a triangle."""
    picture = background((THING_SIDE, THING_SIDE), shade(scene.colour, rng))
    places, longest = TRIANGLE, 246
    if len(scene.things) == 2:
        places, longest = rng.choice((RISING, FALLING)), 272
    for slug, (across, down) in zip(scene.things, places, strict=True):
        thing = sprite(slug, longest + rng.randint(-14, 10), rng.uniform(-7, 7))
        at = (round(across * THING_SIDE), round(down * THING_SIDE))
        stand(picture, thing, (at[0] + rng.randint(-8, 8), at[1] + rng.randint(-8, 8)))
    return picture


def draw_product(scene: Scene, rng: random.Random) -> Image.Image:
    """One thing above its name, with a price tag at its side."""
    side = PRODUCT_SIDE
    colour = shade(scene.colour, rng)
    picture = background((side, side), colour)
    thing = sprite(scene.things[0], rng.randint(385, 405), rng.uniform(-4, 4))
    stand(picture, thing, (side // 2 - rng.randint(14, 34), 286 + rng.randint(-6, 6)))
    # No white band: beside paper white an OCR engine takes a dark ground for black, and finds no
    # line of words any more.
    band = Image.new("L", (side, 148), 255)
    place(picture, band, (0, side - 148), mix(colour, PAPER, 0.42))
    ink = mix(colour, SHADOW, 0.9)
    write(picture, fitted(scene.headline, side - 120, 66, 1), (side // 2, side - 76), ink, 1)
    _price_tag(picture, f"${scene.price:.2f}", (side - 44, side - 262))
    return picture


def draw_poster(scene: Scene, rng: random.Random) -> Image.Image:
    """A headline, one thing large in the middle, the place and the date."""
    width, height = POSTER_SIZE
    colour = shade(scene.colour, rng)
    picture = background(POSTER_SIZE, colour)
    disc_side = 580

    def disc(pen: ImageDraw.ImageDraw, factor: int) -> None:
        pen.ellipse((0, 0, disc_side * factor - 1, disc_side * factor - 1), fill=255)

    mask = shape((disc_side, disc_side), disc)
    place(picture, mask, ((width - disc_side) // 2, 222), mix(colour, PAPER, 0.5))
    ink = mix(colour, SHADOW, 0.86)
    headline = fitted(scene.headline, width - 110, 96, 3)
    write(picture, headline, (width // 2, 122), ink, 3)
    thing = sprite(scene.things[0], rng.randint(400, 425), rng.uniform(-6, 6))
    stand(picture, thing, (width // 2, 512))
    band = Image.new("L", (width, 184), 255)
    place(picture, band, (0, height - 184), ink)
    write(picture, fitted(scene.foot, width - 110, 60, 1), (width // 2, height - 122), PAPER, 1)
    write(picture, fitted(scene.sub, width - 110, 44), (width // 2, height - 52), PAPER)
    return picture


def draw_sign(scene: Scene, rng: random.Random) -> Image.Image:
    """A board on two posts: a thing above the words."""
    width, height = SIGN_SIZE
    colour = shade(scene.colour, rng)
    picture = background(SIGN_SIZE, colour)
    wood: Rgb = (126, 92, 64)
    for left in (150, width - 186):
        post = rounded((36, height - 120), 8)
        drop_shadow(picture, post, (left, 110), 12, 0.3)
        place(picture, post, (left, 110), wood)
    board = rounded((width - 120, height - 130), 30)
    drop_shadow(picture, board, (60, 42), 18, 0.35)
    place(picture, board, (60, 42), PAPER)
    inner = rounded((width - 148, height - 158), 22)
    place(picture, inner, (74, 56), mix(colour, SHADOW, 0.55))
    place(picture, rounded((width - 160, height - 170), 18), (80, 62), PAPER)
    thing = sprite(scene.things[0], rng.randint(262, 276))
    stand(picture, thing, (width // 2, 62 + 24 + 140))
    lines = wrapped(scene.headline, width - 220, 56)
    for number, line in enumerate(lines):
        write(picture, line, (width // 2, 420 + 68 * number - 34 * (len(lines) - 2)), INK, 1)
    return picture


def draw_label(scene: Scene, rng: random.Random) -> Image.Image:
    """A paper label: an invented brand, the thing, what it is, a serial number and bars."""
    width, height = LABEL_SIZE
    colour = shade(scene.colour, rng)
    picture = background(LABEL_SIZE, colour)
    paper = rounded((width - 88, height - 88), 34)
    drop_shadow(picture, paper, (44, 44), 18, 0.32)
    place(picture, paper, (44, 44), PAPER)
    ink = mix(colour, SHADOW, 0.82)
    write(picture, fitted(scene.invented, width - 190, 88, 3), (width // 2, 128), ink, 3)
    place(picture, Image.new("L", (width - 190, 4), 255), (95, 190), mix(colour, INK, 0.2))
    thing = sprite(scene.things[0], rng.randint(316, 330), rng.uniform(-4, 4))
    stand(picture, thing, (width // 2, 372))
    foot = f"{scene.sub}, {scene.foot}"
    write(picture, fitted(foot, width - 190, 50, 1), (width // 2, 610), INK, 1)
    write(picture, fitted(f"Lot {scene.serial}", 340, 50, 1), (95 + 166, 716), INK, 1)
    _bars(picture, scene.serial, (width - 95 - 162, 676))
    return picture


LAYOUTS: Mapping[Kind, Layout] = MappingProxyType(
    {
        Kind.THING: draw_thing,
        Kind.SEVERAL: draw_several,
        Kind.PAIR: draw_several,
        Kind.SCENE: draw_composed,
        Kind.PRODUCT: draw_product,
        Kind.POSTER: draw_poster,
        Kind.SIGN: draw_sign,
        Kind.LABEL: draw_label,
    }
)


def _price_tag(picture: Image.Image, text: str, corner: tuple[int, int]) -> None:
    """A red tag with a hole and ``text`` in white, its upper right corner at ``corner``."""
    words = Words(text, 52)
    size = (round(font(words.size).getlength(text)) + 70, 88)
    at = (corner[0] - size[0], corner[1])

    def draw(pen: ImageDraw.ImageDraw, factor: int) -> None:
        right, bottom = size[0] * factor - 1, size[1] * factor - 1
        pen.rounded_rectangle((0, 0, right, bottom), 18 * factor, fill=255)
        hole = (14 * factor, bottom // 2 - 7 * factor, 28 * factor, bottom // 2 + 7 * factor)
        pen.ellipse(hole, fill=0)

    mask = shape(size, draw)
    drop_shadow(picture, mask, at, 12, 0.35)
    place(picture, mask, at, TAG_RED)
    write(picture, words, (at[0] + size[0] // 2 + 12, at[1] + size[1] // 2), PAPER, 1)


def _bars(picture: Image.Image, serial: str, at: tuple[int, int]) -> None:
    """Bars as on a package, their widths drawn from ``serial``."""
    pen = ImageDraw.Draw(picture)
    left, top = at
    for character in serial * 2:
        for bit in range(2):
            thick = 3 + 3 * ((ord(character) >> bit) & 1)
            if left + thick > at[0] + 162:
                return
            pen.rectangle((left, top, left + thick - 1, top + 79), fill=INK)
            left += thick + 4
