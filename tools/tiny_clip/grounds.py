"""What lies behind the things: plain, patterned and lit grounds, and boards upon them."""

import numpy as np
from PIL import Image, ImageDraw

from tools.tiny_clip.colours import COLOURS, jittered
from tools.tiny_clip.labels import UNKNOWN

Rgb = tuple[int, int, int]

PAPER: Rgb = (252, 251, 247)


def _brightness(rgb: Rgb) -> float:
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]


def contrasting(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """An ink that reads on ``rgb``; mostly black or white."""
    dark = _brightness(rgb) < 120
    if rng.random() < 0.75:
        return (250, 250, 250) if dark else (15, 15, 15)
    for _ in range(6):
        ink = jittered(int(rng.integers(len(COLOURS))), rng)
        if abs(_brightness(ink) - _brightness(rgb)) > 80:
            return ink
    return (250, 250, 250) if dark else (15, 15, 15)


def draw_ground(
    size: tuple[int, int], colour: int, fancy: bool, rng: np.random.Generator
) -> tuple[Image.Image, Rgb]:
    """The background and its leading colour."""
    width, height = size
    if colour == UNKNOWN:
        first, second = rng.choice(len(COLOURS), 2, replace=False).tolist()
        upper, lower = jittered(first, rng), jittered(second, rng)
        image = Image.new("RGB", size, upper)
        horizon = int(height * rng.uniform(0.4, 0.75))
        image.paste(lower, (0, horizon, width, height))
        return image, upper
    base = jittered(colour, rng)
    image = Image.new("RGB", size, base)
    if not fancy:
        return image, base
    kind = rng.random()
    other = jittered(colour, rng)
    if kind < 0.12:
        gradient = Image.linear_gradient("L").resize(size)
        if rng.random() < 0.5:
            gradient = gradient.transpose(Image.Transpose.ROTATE_180)
        image = Image.composite(Image.new("RGB", size, other), image, gradient)
    elif kind < 0.2:
        pen = ImageDraw.Draw(image)
        step = int(rng.integers(8, 26))
        for x in range(0, width + height, step * 2):
            pen.line((x, 0, x - height, height), fill=other, width=step // 2)
    elif kind < 0.27:
        pen = ImageDraw.Draw(image)
        for _ in range(int(rng.integers(10, 40))):
            x, y, r = rng.integers((0, 0, 2), (width, height, 7)).tolist()
            pen.ellipse((x - r, y - r, x + r, y + r), fill=other)
    elif kind < 0.35:
        pen = ImageDraw.Draw(image)
        edge = int(min(size) * rng.uniform(0.02, 0.07))
        pen.rectangle((0, 0, width - 1, height - 1), outline=contrasting(base, rng), width=edge)
    elif kind < 0.45:
        pen = ImageDraw.Draw(image)
        inset = min(size) * rng.uniform(0.1, 0.22)
        box = (inset, inset, width - inset, height - inset)
        panel = tuple(int(v + (255 - v) * 0.45) for v in base)
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape(box, fill=panel)
    return image, base


def lit(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A soft light behind the middle, and darker edges."""
    glow = Image.radial_gradient("L").resize(image.size)
    depth = rng.uniform(0.15, 0.5)
    bright = glow.point([max(0, round((110 - v) * depth)) for v in range(256)])
    dim = glow.point([max(0, round((v - 110) * depth * 0.6)) for v in range(256)])
    image.paste((255, 252, 245), (0, 0), bright)
    image.paste((20, 20, 30), (0, 0), dim)
    return image


def board(image: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, tuple[int, int], Rgb]:
    """A sheet of paper or a sign board on the ground: the sheet, its place, its colour."""
    width, height = image.size
    wide = int(width * rng.uniform(0.7, 1.0))
    high = int(height * rng.uniform(0.65, 1.0))
    fill = PAPER if rng.random() < 0.7 else jittered(int(rng.integers(len(COLOURS))), rng)
    if rng.random() < 0.4:
        pen = ImageDraw.Draw(image)
        for share in (0.2, 0.8):
            x = width * share
            pen.rectangle((x - 3, height * 0.3, x + 3, height), fill=(120, 85, 55))
    x = (width - wide) // 2
    y = int((height - high) * rng.uniform(0, 1))
    sheet = Image.new("RGB", (wide, high), fill)
    if rng.random() < 0.5:
        ImageDraw.Draw(sheet).rounded_rectangle(
            (2, 2, wide - 3, high - 3), wide * 0.05, outline=contrasting(fill, rng), width=1
        )
    return sheet, (x, y), fill
