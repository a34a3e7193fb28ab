"""Words and price tags printed into a picture."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tools.tiny_clip.colours import COLOURS, jittered
from tools.tiny_clip.grounds import PAPER, Rgb, contrasting
from tools.tiny_clip.words import PRINTED_WORDS

FONT_PATHS = tuple(
    f"/usr/share/fonts/truetype/dejavu/DejaVu{name}.ttf"
    for name in ("Sans", "Sans-Bold", "Serif", "Serif-Bold", "SansMono-Bold", "SansCondensed-Bold")
)


@lru_cache(maxsize=256)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def print_words(image: Image.Image, ground: Rgb, top: bool, rng: np.random.Generator) -> int:
    """Prints one to three lines at the top or the bottom; returns the height they took."""
    width, height = image.size
    pen = ImageDraw.Draw(image)
    lines = int(rng.choice((1, 2, 3), p=(0.65, 0.25, 0.1)))
    size = int(height * rng.uniform(0.075, 0.17) / (1, 1.4, 1.9)[lines - 1])
    font = _font(FONT_PATHS[int(rng.integers(len(FONT_PATHS)))], max(6, size))
    margin = int(height * rng.uniform(0.02, 0.06))
    taken = margin + int(size * 1.25) * lines
    ink = contrasting(ground, rng)
    if rng.random() < 0.3:
        band = PAPER if rng.random() < 0.5 else jittered(int(rng.integers(len(COLOURS))), rng)
        ink = contrasting(band, rng)
        taken += margin
        y0 = 0 if top else height - taken - margin // 2
        pen.rectangle((0, y0, width, y0 + taken + margin // 2), fill=band)
    y = margin if top else height - taken
    for _ in range(lines):
        chosen = rng.choice(len(PRINTED_WORDS), int(rng.integers(1, 5)))
        text = " ".join(PRINTED_WORDS[i] for i in chosen)
        style = rng.random()
        if style < 0.4:
            text = text.upper()
        elif style < 0.75:
            text = text.capitalize()
        while len(text) > 2 and font.getlength(text) > width * 0.96:
            text = text[:-1]
        x = (width - font.getlength(text)) / 2 if rng.random() < 0.75 else width * 0.04
        pen.text((x, y), text, font=font, fill=ink)
        y += int(size * 1.2)
    return taken


def price_tag(image: Image.Image, rng: np.random.Generator) -> None:
    """A small label with a number, anywhere near the edge."""
    width, height = image.size
    pen = ImageDraw.Draw(image)
    font = _font(FONT_PATHS[1], max(7, int(height * rng.uniform(0.05, 0.08))))
    text = f"${rng.uniform(1, 99):.2f}"
    wide, high = font.getlength(text) * 1.3, font.size * 1.5
    x = rng.choice((0.03, 0.97 - wide / width)) * width
    y = rng.uniform(0.05, 0.8) * height
    fill = jittered(int(rng.integers(len(COLOURS))), rng)
    pen.rounded_rectangle((x, y, x + wide, y + high), high * 0.2, fill=fill)
    pen.text((x + wide * 0.12, y + high * 0.12), text, font=font, fill=contrasting(fill, rng))
