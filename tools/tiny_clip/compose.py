"""Composes pictures: things on coloured grounds, one to three of them, with printed words."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.grounds import Rgb, board, contrasting, draw_ground, lit
from tools.tiny_clip.labels import UNKNOWN, Truth
from tools.tiny_clip.printing import price_tag, print_words

SYMBOLA_STYLE = 4
_GRAY_STYLES = frozenset({1, 2, 4})
_NEUTRAL_COLOURS = frozenset({9, 10, 11})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a picture is to show, before chance places it.

    ``styles`` gives the drawing style of each thing; ``colour`` may be ``UNKNOWN`` for a scene
    of two grounds; ``fancy`` allows patterns, panels, bands and oblong pictures.
    """

    things: tuple[int, ...]
    colour: int
    words: bool
    style: int
    fancy: bool


def _spots(
    count: int, box: tuple[float, float, float, float], rng: np.random.Generator
) -> tuple[list[tuple[float, float]], float]:
    """Centres for the things inside ``box`` (x0, y0, x1, y1), and their side."""
    x0, y0, x1, y1 = box
    wide, high = x1 - x0, y1 - y0
    mid_x, mid_y = (x0 + x1) / 2, (y0 + y1) / 2
    if count == 1:
        side = min(wide, high) * rng.uniform(0.5, 1.0)
        slack_x, slack_y = (wide - side) / 2, (high - side) / 2
        spread = 0.8 if rng.random() < 0.3 else 0.3
        return [
            (
                mid_x + rng.uniform(-spread, spread) * slack_x,
                mid_y + rng.uniform(-spread, spread) * slack_y,
            )
        ], side
    if count == 2:
        side = min(wide * rng.uniform(0.4, 0.5), high)
        reach = wide * 0.245
        tilt = rng.uniform(-1, 1) * max(0.0, high - side) * 0.4
        return [(mid_x - reach, mid_y - tilt), (mid_x + reach, mid_y + tilt)], side
    if rng.random() < 0.5:
        side = min(wide * rng.uniform(0.29, 0.34), high)
        return [(mid_x + (i - 1) * wide * 0.325, mid_y) for i in range(3)], side
    side = min(wide, high) * rng.uniform(0.4, 0.48)
    flip = -1 if rng.random() < 0.3 else 1
    off = min(wide, high) * 0.25
    return [
        (mid_x, mid_y - flip * off),
        (mid_x - off * 1.05, mid_y + flip * off),
        (mid_x + off * 1.05, mid_y + flip * off),
    ], side


def _fit(
    sprite: Image.Image, side: float, flip: bool, rng: np.random.Generator, lively: bool
) -> Image.Image:
    if lively:
        if flip:
            sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if rng.random() < 0.4:
            sprite = sprite.rotate(rng.uniform(-14, 14), Image.Resampling.BILINEAR, expand=True)
        if rng.random() < 0.18:
            sprite = _recoloured(sprite, rng)
        elif rng.random() < 0.2:
            sprite = ImageEnhance.Color(sprite).enhance(rng.uniform(0.55, 1.4))
        if rng.random() < 0.2:
            sprite = ImageEnhance.Brightness(sprite).enhance(rng.uniform(0.8, 1.2))
    scale = side / max(sprite.size)
    size = (max(2, round(sprite.width * scale)), max(2, round(sprite.height * scale)))
    return sprite.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.5)


def _recoloured(sprite: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Channels swapped or their curves bent, so that a thing is not known by its colour alone."""
    bands = list(sprite.split())
    order = rng.permutation(3)
    mixed = [bands[int(place)] for place in order]
    if rng.random() < 0.5:
        exponents = rng.uniform(0.45, 2.2, size=3)
        mixed = [
            band.point([round(255 * (v / 255) ** exponent) for v in range(256)])
            for band, exponent in zip(mixed, exponents, strict=True)
        ]
    return Image.merge("RGBA", (*mixed, bands[3]))


def _inked(sprite: Image.Image, ground: Rgb, rng: np.random.Generator) -> Image.Image:
    """A one-ink sprite in an ink that reads on the ground."""
    ink = Image.new("RGBA", sprite.size, (*contrasting(ground, rng), 0))
    ink.putalpha(sprite.getchannel("A"))
    return ink


def _furnish(
    image: Image.Image,
    ground: Rgb,
    plan: Plan,
    sprites: tuple[tuple[Image.Image, ...], ...],
    rng: np.random.Generator,
) -> None:
    """Puts the words and the things of ``plan`` on a ground of one leading colour."""
    width, height = image.size
    side = min(width, height)
    upper, lower = height * 0.04, height * 0.96
    if plan.words:
        where = rng.random()
        if where < 0.65:
            upper = max(upper, print_words(image, ground, True, rng) + height * 0.02)
        if where > 0.35:
            lower = min(lower, height - print_words(image, ground, False, rng) - height * 0.02)
        if plan.fancy and rng.random() < 0.15:
            price_tag(image, rng)
    inset = (width - side) / 2 + side * 0.03
    spots, extent = _spots(len(plan.things), (inset, upper, width - inset, lower), rng)
    flip = rng.random() < 0.5
    shadow = plan.fancy and rng.random() < 0.35
    mixed = len(set(plan.things)) > 2
    for thing, (x, y) in zip(plan.things, spots, strict=True):
        sprite = sprites[plan.style][thing]
        if plan.style == SYMBOLA_STYLE:
            sprite = _inked(sprite, ground, rng)
        # Things of one kind are of one size; those of a scene are not.
        own = rng.uniform(0.65, 1.1) if mixed and plan.fancy else 1.0
        fitted = _fit(sprite, extent * own, flip, rng, plan.fancy)
        if shadow:
            _shade_below(image, fitted.size, (x, y), rng)
        image.paste(fitted, (round(x - fitted.width / 2), round(y - fitted.height / 2)), fitted)


def _shade_below(
    image: Image.Image,
    size: tuple[int, int],
    middle: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """A soft oval shadow under a thing of ``size``."""
    wide, high = max(8, size[0]), max(4, int(size[0] * rng.uniform(0.15, 0.28)))
    strength = rng.uniform(0.3, 0.8)
    oval = Image.radial_gradient("L").resize((wide, high))
    mask = oval.point([max(0, round((150 - v) * strength)) for v in range(256)])
    x = round(middle[0] - wide / 2)
    y = round(middle[1] + size[1] / 2 - high * 0.6)
    image.paste((20, 22, 35), (x, y), mask)


def compose(
    plan: Plan,
    sprites: tuple[tuple[Image.Image, ...], ...],
    rng: np.random.Generator,
    side: int | None = None,
) -> tuple[Image.Image, Truth]:
    """Draws ``plan``; ``sprites[style][class]``.

    Returns an RGB picture whose shorter edge is ``side`` px, or 96..160 px by chance.
    """
    if side is None:
        side = int(rng.choice((96, 112, 128, 160)))
    width = height = side
    if plan.fancy and rng.random() < 0.15:
        if rng.random() < 0.5:
            width = int(side * rng.uniform(1.0, 1.4))
        else:
            height = int(side * rng.uniform(1.0, 1.4))
    image, ground = draw_ground((width, height), plan.colour, plan.fancy, rng)
    if plan.fancy and rng.random() < 0.35:
        image = lit(image, rng)
    colour = plan.colour
    whole, at = image, (0, 0)
    if plan.words and plan.fancy and rng.random() < 0.3:
        sheet, at, ground = board(whole, rng)
        image = sheet
        # What lies behind a large sheet is hardly "the background".
        colour = UNKNOWN
    _furnish(image, ground, plan, sprites, rng)
    if image is not whole:
        whole.paste(image, at)
        image = whole
    if plan.fancy:
        if rng.random() < 0.08:
            image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.4)))
        if rng.random() < 0.12:
            noise = rng.normal(0, rng.uniform(3, 12), (height, width, 1))
            noisy = np.clip(np.asarray(image, np.float64) + noise, 0, 255).astype(np.uint8)
            image = Image.fromarray(noisy)
    kinds = tuple(dict.fromkeys(plan.things))
    style = plan.style
    # "A black and white picture" can't be said of a gray thing on a coloured ground.
    if style in _GRAY_STYLES and colour not in _NEUTRAL_COLOURS:
        style = UNKNOWN
    return image, Truth(
        things=kinds,
        count=len(plan.things) if len(kinds) == 1 else 0,
        colour=colour,
        words=plan.words,
        style=style,
    )


def random_plan(classes: int, rng: np.random.Generator, easy: bool) -> Plan:
    """A plan by chance; an ``easy`` one is a single thing in colour on a plain ground."""
    thing = int(rng.integers(classes))
    colour = int(rng.integers(len(COLOURS)))
    if easy:
        return Plan((thing,), colour, False, 0, fancy=False)
    things: tuple[int, ...] = (thing,)
    draw = rng.random()
    if draw < 0.14:
        things = (thing,) * 2
    elif draw < 0.26:
        things = (thing,) * 3
    elif draw < 0.39:
        other = int((thing + rng.integers(1, classes)) % classes)
        things = (thing, other)
    elif draw < 0.52:
        others = rng.choice(classes - 1, 2, replace=False) + 1
        things = (thing, *(int((thing + step) % classes) for step in others))
    style = int(rng.choice(5, p=(0.42, 0.12, 0.16, 0.1, 0.2)))
    if style in _GRAY_STYLES and rng.random() < 0.4:
        colour = int(rng.choice(sorted(_NEUTRAL_COLOURS)))
    if rng.random() < 0.08:
        colour = UNKNOWN
    return Plan(things, colour, bool(rng.random() < 0.38), style, fancy=bool(rng.random() < 0.85))
