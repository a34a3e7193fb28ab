"""The strokes that all layouts share: backgrounds, sprites, soft shadows, shapes and words."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from tools.demo_pictures.palette import PAPER, SHADOW, Rgb, mix
from tools.sprites.catalogue import SPRITE_FOLDER

# Shapes are drawn this much larger and reduced, which smooths their edges.
OVERSAMPLING = 3
# Capitals below this many pixels are hard to read for an OCR engine; the font that comes with
# Pillow draws them 0.7 of its size high.
MIN_CAPITAL_HEIGHT = 28
MIN_FONT_SIZE = 40
# Empty pixels around a sprite before it is enlarged, so that its outline is smooth there too.
MARGIN = 3

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Words:
    """Printed words: ``text`` in one line, ``size`` the font's in pixels.

    Raises ``ValueError`` where they would be too small to be read.
    """

    text: str
    size: int

    def __post_init__(self) -> None:
        if self.size < MIN_FONT_SIZE:
            raise ValueError(f"{self.text!r} is too small (got {self.size}, least {MIN_FONT_SIZE})")


def background(size: tuple[int, int], colour: Rgb) -> Image.Image:
    """A plain wall of ``colour``: a little lighter above, and lit behind the middle."""
    # A quarter of the size is enough for something this smooth, and much faster.
    width, height = size[0] // 4, size[1] // 4
    rows = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    columns = np.linspace(0.0, 1.0, width, dtype=np.float32)[None, :]
    distance = np.hypot((columns - 0.5) * 1.1, rows - 0.46)
    light = np.clip(0.22 * (1.0 - distance * 1.7), 0.0, None) + 0.10 * (0.5 - rows)
    picture = Image.new("RGB", size, colour)
    for part, toward in ((light, PAPER), (-light, mix(colour, SHADOW, 0.8))):
        tones = np.rint(np.clip(part, 0.0, 1.0) * 255).astype(np.uint8)
        mask = Image.fromarray(tones, "L").resize(size, Image.Resampling.BICUBIC)
        picture.paste(toward, (0, 0), mask)
    return picture


def sprite(slug: str, longest: int, tilt: float = 0.0) -> Image.Image:
    """The sprite of a thing as RGBA, cropped to its ink, before turning its longer side
    ``longest`` pixels, turned by ``tilt`` degrees; raises ``FileNotFoundError`` for an unknown
    slug."""
    with Image.open(SPRITE_FOLDER / f"{slug}.png") as file:
        # What a font draws on a transparent canvas is premultiplied, and the sprites are that.
        drawn = ImageOps.expand(file.convert("RGBA"), border=MARGIN, fill=(0, 0, 0, 0))
    small = Image.frombytes("RGBa", drawn.size, drawn.tobytes())
    factor = longest / (max(small.size) - 2 * MARGIN)
    size = (round(small.width * factor), round(small.height * factor))
    large = small.resize(size, Image.Resampling.BICUBIC)
    if tilt:
        large = large.rotate(tilt, Image.Resampling.BICUBIC, expand=True)
    # Bicubic overshoots: a colour above its own alpha is no premultiplied pixel any more.
    red, green, blue, alpha = large.split()
    bands = [ImageChops.darker(band, alpha) for band in (red, green, blue)]
    result = Image.merge("RGBa", (*bands, alpha)).convert("RGBA")
    return result.crop(alpha.point([0] * 32 + [255] * 224).getbbox())


def shape(size: tuple[int, int], draw: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    """A smooth mask (mode L) of ``size``: ``draw`` gets a pen on a larger canvas and the factor
    by which it is larger."""
    canvas = Image.new("L", (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING), 0)
    draw(ImageDraw.Draw(canvas), OVERSAMPLING)
    return canvas.resize(size, Image.Resampling.BOX)


def rounded(size: tuple[int, int], radius: int) -> Image.Image:
    """The mask of a rectangle with rounded corners that fills ``size``."""

    def draw(pen: ImageDraw.ImageDraw, factor: int) -> None:
        box = (0, 0, size[0] * factor - 1, size[1] * factor - 1)
        pen.rounded_rectangle(box, radius * factor, fill=255)

    return shape(size, draw)


def place(picture: Image.Image, mask: Image.Image, at: tuple[int, int], colour: Rgb) -> None:
    """Fills ``mask`` with ``colour``, its upper left corner at ``at``."""
    picture.paste(colour, (*at, at[0] + mask.width, at[1] + mask.height), mask)


def drop_shadow(
    picture: Image.Image, mask: Image.Image, at: tuple[int, int], blur: int, depth: float
) -> None:
    """A soft shadow of ``mask`` (at ``at``), ``blur`` pixels wide, ``depth`` (0..1) dark, fallen
    straight down by half the blur."""
    pad = blur * 3
    # A quarter of the size is enough for something this soft, and much faster.
    width, height = mask.width + 2 * pad, mask.height + 2 * pad
    soft = Image.new("L", (width, height), 0)
    soft.paste(mask, (pad, pad))
    soft = soft.reduce(4).filter(ImageFilter.GaussianBlur(blur / 4))
    soft = soft.resize((width, height), Image.Resampling.BILINEAR)
    soft = soft.point([round(value * depth) for value in range(256)])
    place(picture, soft, (at[0] - pad, at[1] - pad + blur // 2), SHADOW)


def floor_shadow(picture: Image.Image, centre: tuple[int, int], width: int) -> None:
    """The flat shadow of a thing that stands at ``centre`` and is ``width`` pixels wide."""
    height = max(width // 7, 8)

    def draw(pen: ImageDraw.ImageDraw, factor: int) -> None:
        pen.ellipse((0, 0, width * factor - 1, height * factor - 1), fill=255)

    at = (centre[0] - width // 2, centre[1] - height // 2 - height // 8)
    drop_shadow(picture, shape((width, height), draw), at, max(height // 4, 6), 0.38)


def stand(picture: Image.Image, thing: Image.Image, centre: tuple[int, int]) -> Box:
    """Lays ``thing`` on the picture, its middle at ``centre``, with its shadow on the floor.

    Returns the box it fills: left, top, right, bottom.
    """
    left, top = centre[0] - thing.width // 2, centre[1] - thing.height // 2
    bottom = top + thing.height
    floor_shadow(picture, (centre[0], bottom), round(thing.width * 0.78))
    picture.paste(thing, (left, top), thing)
    return left, top, left + thing.width, bottom


def font(size: int) -> ImageFont.FreeTypeFont:
    """The font that comes with Pillow, ``size`` pixels."""
    loaded = ImageFont.load_default(size)
    assert isinstance(loaded, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return loaded


def fitted(text: str, width: int, largest: int, weight: int = 0) -> Words:
    """``text`` at the greatest size up to ``largest`` that is at most ``width`` pixels wide.

    Raises ``ValueError`` where that would be below ``MIN_FONT_SIZE``.
    """
    size = largest
    while size >= MIN_FONT_SIZE:
        if font(size).getlength(text) + 2 * weight <= width:
            return Words(text, size)
        size -= 2
    raise ValueError(f"{text!r} does not fit into {width} pixels")


def wrapped(text: str, width: int, size: int) -> tuple[Words, ...]:
    """``text`` in as few lines of at most ``width`` pixels as it takes, of about equal length."""
    lines = _broken(text, width, size)
    narrower = width
    while narrower > width // 2 and len(closer := _broken(text, narrower, size)) == len(lines):
        lines, narrower = closer, narrower - 10
    return tuple(Words(line, size) for line in lines)


def _broken(text: str, width: int, size: int) -> list[str]:
    face, lines, line = font(size), list[str](), ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and face.getlength(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def write(
    picture: Image.Image, words: Words, centre: tuple[int, int], colour: Rgb, weight: int = 0
) -> None:
    """Prints ``words`` around ``centre``; ``weight`` pixels of stroke make them bolder."""
    pen = ImageDraw.Draw(picture)
    pen.text(
        centre,
        words.text,
        fill=colour,
        font=font(words.size),
        anchor="mm",
        stroke_width=weight,
        stroke_fill=colour,
    )
