"""Every thing's sprite in every drawing style, as RGBA pictures kept in memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from tools.sprites.catalogue import Thing

SYMBOLA_PATH = Path("/usr/share/fonts/truetype/ancient-scripts/Symbola_hint.ttf")
SYMBOLA_SIZE = 110

# The first five are trained on; the last two are kept for evaluation.
STYLES: tuple[str, ...] = ("colour", "gray", "line", "posterised", "symbola")
HELD_OUT_STYLES: tuple[str, ...] = ("negative", "halftone")


def _with_alpha(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    result = rgb.convert("RGBA")
    result.putalpha(alpha)
    return result


def _gray(sprite: Image.Image) -> Image.Image:
    return _with_alpha(ImageOps.grayscale(sprite.convert("RGB")), sprite.getchannel("A"))


def _on_white(sprite: Image.Image) -> Image.Image:
    ground = Image.new("RGB", sprite.size, (255, 255, 255))
    ground.paste(sprite, (0, 0), sprite)
    return ground


def _line(sprite: Image.Image) -> Image.Image:
    """Dark edges; the inside is white, so that it also reads on a dark ground."""
    padded = ImageOps.expand(sprite, border=4, fill=(0, 0, 0, 0))
    edges = Image.new("L", padded.size, 0)
    for band in _on_white(padded).split():
        edges = ImageChops.lighter(edges, band.filter(ImageFilter.FIND_EDGES))
    rim = padded.getchannel("A").filter(ImageFilter.FIND_EDGES)
    strong = ImageChops.lighter(edges, rim).point(lambda v: min(255, int(v * 2.2)))
    # FIND_EDGES leaves the picture's own border lit.
    ImageDraw.Draw(strong).rectangle((0, 0, strong.width - 1, strong.height - 1), outline=0)
    strong = strong.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.SMOOTH)
    paper = ImageOps.invert(strong)
    alpha = ImageChops.lighter(padded.getchannel("A"), strong)
    return _with_alpha(Image.merge("RGB", (paper, paper, paper)), alpha)


def _posterised(sprite: Image.Image) -> Image.Image:
    return _with_alpha(
        ImageOps.posterize(sprite.convert("RGB"), 2)
        .point(lambda v: min(255, v * 4 // 3))
        .filter(ImageFilter.ModeFilter(5)),
        sprite.getchannel("A").point(lambda v: 255 if v > 110 else 0),
    )


def _symbola(thing: Thing, font: ImageFont.FreeTypeFont) -> Image.Image:
    canvas = Image.new("L", (SYMBOLA_SIZE * 3, SYMBOLA_SIZE * 3), 0)
    ImageDraw.Draw(canvas).text(
        (SYMBOLA_SIZE // 2, SYMBOLA_SIZE // 2), thing.emoji, font=font, fill=255
    )
    box = canvas.getbbox()
    if box is None:
        raise ValueError(f"Symbola draws nothing for {thing.slug}")
    ink = canvas.crop(box)
    return _with_alpha(Image.new("RGB", ink.size, (0, 0, 0)), ink)


def negative(sprite: Image.Image) -> Image.Image:
    """A held-out style: every colour inverted."""
    return _with_alpha(ImageOps.invert(sprite.convert("RGB")), sprite.getchannel("A"))


def halftone(sprite: Image.Image) -> Image.Image:
    """A held-out style: black dots on white, larger where the sprite is darker."""
    cell = 5
    tone = ImageOps.autocontrast(ImageOps.grayscale(_on_white(sprite)))
    small = tone.resize(
        (max(1, sprite.width // cell), max(1, sprite.height // cell)), Image.Resampling.BOX
    )
    zoom = 4
    dots = Image.new("L", (small.width * cell * zoom, small.height * cell * zoom), 255)
    pen = ImageDraw.Draw(dots)
    darkness = 1 - np.asarray(small, np.float64) / 255
    for row in range(small.height):
        for column in range(small.width):
            radius = float(darkness[row, column]) ** 0.5 * cell * zoom * 0.68
            x, y = (column + 0.5) * cell * zoom, (row + 0.5) * cell * zoom
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    plain = dots.resize(sprite.size, Image.Resampling.LANCZOS)
    return _with_alpha(Image.merge("RGB", (plain, plain, plain)), sprite.getchannel("A"))


def load_fontless(things: tuple[Thing, ...]) -> tuple[tuple[Image.Image, ...], ...]:
    """All things in the trained styles that need no font, in the order of ``STYLES``."""
    colour = tuple(Image.open(thing.sprite_path).convert("RGBA") for thing in things)
    return (
        colour,
        tuple(_gray(sprite) for sprite in colour),
        tuple(_line(sprite) for sprite in colour),
        tuple(_posterised(sprite) for sprite in colour),
    )


@dataclass(frozen=True, slots=True)
class SpriteSet:
    """``by_style[style][class]``: RGBA pictures of about 100 px."""

    by_style: tuple[tuple[Image.Image, ...], ...]


def load_sprites(things: tuple[Thing, ...], symbola: Path = SYMBOLA_PATH) -> SpriteSet:
    """All things in the trained styles; needs Debian's ``fonts-symbola``."""
    font = ImageFont.truetype(str(symbola), SYMBOLA_SIZE)
    return SpriteSet((*load_fontless(things), tuple(_symbola(thing, font) for thing in things)))


def load_held_out(things: tuple[Thing, ...], style: str) -> tuple[Image.Image, ...]:
    """All things in one of ``HELD_OUT_STYLES``."""
    draw = {"negative": negative, "halftone": halftone}[style]
    return tuple(draw(Image.open(thing.sprite_path).convert("RGBA")) for thing in things)
