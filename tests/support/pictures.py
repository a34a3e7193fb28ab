"""Pictures for tests, drawn on the spot with Pillow and the font that it carries."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A word as it was drawn; the box is (left, top, right, bottom) in pixels around its ink."""

    text: str
    box: tuple[int, int, int, int]


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    """``image`` as the bytes of a file in a format of Pillow's."""
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def write_line(
    image: Image.Image, text: str, *, left: int, top: int, size: int, ink: Colour = BLACK
) -> list[Drawn]:
    """Write one line word by word; where each word's ink came to lie."""
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size)
    x = float(left)
    drawn: list[Drawn] = []
    for word in text.split():
        draw.text((round(x), top), word, fill=ink, font=font)
        box = draw.textbbox((round(x), top), word, font=font)
        rounded = (math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3]))
        drawn.append(Drawn(word, rounded))
        x = round(x) + draw.textlength(word + " ", font=font)
    return drawn


def page(
    lines: Sequence[str],
    *,
    width: int = 512,
    height: int = 512,
    size: int = 28,
    paper: Colour = WHITE,
    ink: Colour = BLACK,
) -> tuple[Image.Image, list[Drawn]]:
    """Lines of print from the upper left corner down."""
    image = Image.new("RGB", (width, height), paper)
    drawn: list[Drawn] = []
    for row, line in enumerate(lines):
        top = size + row * round(size * 1.6)
        drawn += write_line(image, line, left=size, top=top, size=size, ink=ink)
    return image, drawn


def thing(image: Image.Image, shape: str, colour: Colour, *, radius: int = 110) -> None:
    """A large shape in the middle of ``image``: disc, square, ring, star or cup."""
    draw = ImageDraw.Draw(image)
    x, y, r = image.width // 2, image.height // 2, radius
    around = (x - r, y - r, x + r, y + r)
    if shape == "disc":
        draw.ellipse(around, fill=colour)
    elif shape == "square":
        draw.rectangle(around, fill=colour)
    elif shape == "ring":
        draw.ellipse(around, outline=colour, width=r // 3)
    elif shape == "star":
        points = [
            (
                x + (r if k % 2 == 0 else r * 0.45) * math.sin(k * math.pi / 5),
                y - (r if k % 2 == 0 else r * 0.45) * math.cos(k * math.pi / 5),
            )
            for k in range(10)
        ]
        draw.polygon(points, fill=colour)
    elif shape == "cup":
        draw.rectangle((x - r, y - r // 2, x + r // 2, y + r), fill=colour)
        draw.ellipse((x + r // 4, y - r // 4, x + r, y + r // 2), outline=colour, width=r // 8)
    else:
        raise ValueError(f"no shape {shape!r}")


def poster(
    above: str,
    below: str,
    *,
    shape: str = "disc",
    colour: Colour = (200, 40, 40),
    paper: Colour = (240, 214, 120),
    ink: Colour = BLACK,
    size: int = 28,
    side: int = 512,
) -> tuple[Image.Image, list[Drawn]]:
    """A big thing in the middle, words above and below it, on a coloured ground."""
    image = Image.new("RGB", (side, side), paper)
    thing(image, shape, colour, radius=round(side * 0.21))
    drawn = write_line(image, above, left=size, top=size, size=size, ink=ink)
    bottom = side - 3 * size
    drawn += write_line(image, below, left=size, top=bottom, size=size, ink=ink)
    return image, drawn


def textless(seed: int, *, side: int = 512) -> Image.Image:
    """A picture without a letter in it: shapes, gradients or texture, by ``seed``."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:side, 0:side] / side
    low, high = rng.integers(0, 256, (2, 3))
    slope = (rows * rng.random() + columns * rng.random()) / 2
    pixels = low + slope[..., None] * (high - low)
    kind = seed % 4
    if kind == 1:  # grain, as of a photograph in poor light
        pixels = pixels + rng.normal(0, 25, (side, side, 1))
    if kind == 2:  # soft texture, as of cloth or leaves
        coarse = rng.integers(0, 256, (side // 16, side // 16, 3), dtype=np.uint8)
        soft = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        pixels = 0.5 * pixels + 0.5 * np.asarray(soft)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if kind == 3:  # thin lines, as of fences and branches
        draw = ImageDraw.Draw(image)
        for _ in range(40):
            ends = [int(v) for v in rng.integers(0, side, 4)]
            ink = tuple(int(v) for v in rng.integers(0, 256, 3))
            draw.line(ends, fill=ink, width=int(rng.integers(1, 7)))
    shapes = ("disc", "square", "ring", "star", "cup")
    ink = tuple(int(v) for v in rng.integers(0, 256, 3))
    thing(image, shapes[seed % 5], (ink[0], ink[1], ink[2]), radius=int(rng.integers(60, 180)))
    return image


def png_file(
    rows: Sequence[bytes], *, width: int, depth: int, colour_type: int, extra: bytes = b""
) -> bytes:
    """A PNG of any depth and colour type, for the kinds that Pillow does not write.

    ``rows`` are the packed samples; ``extra`` holds whole chunks that go before the pixel data.
    """
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\x00" + row for row in rows))
    chunks = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", data)
    return b"\x89PNG\r\n\x1a\n" + chunks + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One PNG chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def ycck_jpeg(inks: tuple[int, int, int, int], *, side: int = 16) -> bytes:
    """A JPEG of one colour, given as CMYK inks of 0 to 255, in Adobe's inverted YCCK.

    Pillow writes inverted CMYK without the colour transform (Adobe marker, transform 0). So the
    transformed samples are written as if they were inks, and the marker is set to transform 2.
    A decoder turns YCC into RGB and gives 255 minus that as inverted inks: RGB is the inks.
    """
    cyan, magenta, yellow, black = inks
    y = 0.299 * cyan + 0.587 * magenta + 0.114 * yellow
    cb = 128 + (yellow - y) * 0.564
    cr = 128 + (cyan - y) * 0.713
    raw = (255 - round(y), 255 - round(cb), 255 - round(cr), black)
    data = encoded(Image.new("CMYK", (side, side), raw), "JPEG", quality=100)
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\x02" + data[at + 1 :]


def tiff_file(
    samples: bytes,
    *,
    side: int,
    bits: Sequence[int],
    photometric: int,
    tags: dict[int, int] | None = None,
) -> bytes:
    """A little-endian, uncompressed, square TIFF of one strip, for what Pillow does not write.

    ``tags`` adds fields of one SHORT each, by number; tiles (324) take the place of the strip.
    """
    count = len(bits)
    after = 8 + len(samples)
    packed_bits = struct.pack(f"<{count}H", *bits)
    fields: dict[int, tuple[int, int, bytes]] = {
        256: (4, 1, struct.pack("<I", side)),
        257: (4, 1, struct.pack("<I", side)),
        258: (3, count, packed_bits if count < 3 else struct.pack("<I", after)),
        259: (3, 1, struct.pack("<H", 1)),
        262: (3, 1, struct.pack("<H", photometric)),
        273: (4, 1, struct.pack("<I", 8)),
        277: (3, 1, struct.pack("<H", count)),
        278: (4, 1, struct.pack("<I", side)),
        279: (4, 1, struct.pack("<I", len(samples))),
    }
    if tags and 324 in tags:
        del fields[273], fields[278], fields[279]
    fields |= {tag: (3, 1, struct.pack("<H", value)) for tag, value in (tags or {}).items()}
    padded = packed_bits + b"\x00" * (-len(packed_bits) % 4)
    ifd = struct.pack("<H", len(fields))
    for tag, (kind, number, value) in sorted(fields.items()):
        ifd += struct.pack("<HHI", tag, kind, number) + value.ljust(4, b"\x00")
    start = struct.pack("<2sHI", b"II", 42, after + len(padded))
    return start + samples + padded + ifd + b"\x00\x00\x00\x00"
