"""Small picture files of every format, and accidents that happen to them."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from PIL import Image

from tests.support.pictures import encoded, textless

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000")


@cache
def seeds(format: str) -> tuple[bytes, ...]:
    """A few small files of one format, with as much of its anatomy as Pillow writes."""
    image = textless(3, side=48)
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = {"save_all": True, "append_images": [textless(4, side=48)]}
    common: list[bytes] = [encoded(image, format)]
    if format == "JPEG":
        common.append(encoded(image, format, progressive=True, exif=exif))
        common.append(encoded(image.convert("CMYK"), format))
        common.append(encoded(image, "MPO", **frames))
    elif format == "PNG":
        common.append(encoded(image.convert("P"), format, transparency=3, exif=exif))
        common.append(encoded(image.convert("I;16"), format))
        common.append(encoded(image, format, **frames))
    elif format == "TIFF":
        common.append(encoded(image, format, compression="tiff_lzw", exif=exif))
        common.append(encoded(image, format, compression="jpeg"))
        common.append(encoded(image.convert("1"), format, compression="group4"))
        common.append(encoded(image.convert("L").convert("F"), format))
        common.append(encoded(image, format, **frames))
    elif format == "WEBP":
        common.append(encoded(image.convert("RGBA"), format, lossless=True, exif=exif))
        common.append(encoded(image, format, **frames))
    elif format == "GIF":
        common.append(encoded(image, format, **frames))
    elif format == "BMP":
        common.append(encoded(image.convert("P"), format))
    elif format == "AVIF":
        common.append(encoded(image.convert("RGBA"), format, exif=exif))
        common.append(encoded(image, format, **frames))
    elif format == "JPEG2000":
        common.append(encoded(image.convert("LA"), format))
        common.append(encoded(image, format, no_jp2=True))
    return tuple(common)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to four small accidents, more often near the beginning, where the structure is."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = _place(out, rng)
        span = rng.choice((1, 1, 2, 4, 16))
        kind = rng.randrange(6)
        if kind == 0:
            out[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            out[at : at + span] = rng.randbytes(span)
        elif kind == 2:
            out[at : at + span] = rng.choice((b"\x00", b"\xff")) * span
        elif kind == 3:
            del out[at : at + span]
        elif kind == 4:
            out[at:at] = out[max(0, at - span) : at] or b"\x00"
        elif rng.random() < 0.3:
            del out[at:]
        if not out:
            break
    return bytes(out)


def _place(data: bytearray, rng: random.Random) -> int:
    return int(len(data) * rng.random() ** rng.choice((1, 3)))


def flipped(data: bytes, rng: random.Random) -> bytes:
    """A few bits turned over."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        out[_place(out, rng)] ^= 1 << rng.randrange(8)
    return bytes(out)


def cut(data: bytes, rng: random.Random) -> bytes:
    """The beginning alone."""
    return data[: rng.randrange(1, len(data))]


def spliced(data: bytes, rng: random.Random) -> bytes:
    """A part of the file once more, or a part of another file, somewhere else in it."""
    other = data if rng.random() < 0.5 else rng.choice(seeds(rng.choice(FORMATS)))
    begin = rng.randrange(len(other))
    part = other[begin : begin + rng.randrange(1, 400)]
    at = _place(bytearray(data), rng)
    end = at if rng.random() < 0.5 else at + len(part)
    return data[:at] + part + data[end:]


def inserted(data: bytes, rng: random.Random) -> bytes:
    """Random bytes in between."""
    at = _place(bytearray(data), rng)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 7, 64, 1000))) + data[at:]


def other_magic(data: bytes, rng: random.Random) -> bytes:
    """The first bytes of another format."""
    magic = rng.choice(SIGNATURES)
    return magic + data[len(magic) :]


def other_size(data: bytes, rng: random.Random) -> bytes:
    """Another width or height in the header, which the data does not bear out."""
    places = [at for at in _sizes(data) if at[0] + struct.calcsize(at[1]) <= len(data)]
    if not places:
        return flipped(data, rng)
    out = bytearray(data)
    for at, form in rng.sample(places, rng.randint(1, min(2, len(places)))):
        most = (1 << (8 * struct.calcsize(form))) - 1
        # Seldom near the largest that is allowed: that is decoded, and takes its time.
        wanted = rng.choices((0, 1, 7, 9, 47, 49, 400, 5000, most // 2, most), k=1)[0]
        struct.pack_into(form, out, at, min(wanted, most))
    if data.startswith(b"\x89PNG"):  # else the checksum gives it away
        struct.pack_into(">I", out, 29, zlib.crc32(out[12:29]))
    return bytes(out)


def _sizes(data: bytes) -> list[tuple[int, str]]:
    """Where a file says how wide and how high it is, as (offset, struct format)."""
    if data.startswith(b"\x89PNG"):
        return [(16, ">I"), (20, ">I")]
    if data.startswith(b"GIF"):
        frame = data.find(b"\x2c")
        return [(6, "<H"), (8, "<H"), (frame + 5, "<H"), (frame + 7, "<H")]
    if data.startswith(b"BM"):
        return [(18, "<I"), (22, "<I")]
    if data.startswith(b"\xff\xd8"):
        starts = [data.find(marker) for marker in (b"\xff\xc0", b"\xff\xc2")]
        return [(at + skip, ">H") for at in starts if at >= 0 for skip in (5, 7)]
    if data.startswith(b"RIFF"):
        return [(24, "<H"), (26, "<H"), (27, "<H")]
    if data.startswith((b"II", b"MM")):
        order = "<" if data.startswith(b"II") else ">"
        (first,) = struct.unpack_from(f"{order}I", data, 4)
        return [(first + 2 + 12 * n + 8, f"{order}H") for n in range(2)]
    boxes = (
        *((b"ispe", skip) for skip in (8, 12)),
        *((b"ihdr", skip) for skip in (4, 8)),
        *((b"\xff\x51", skip) for skip in (6, 10)),
    )
    return [(at + skip, ">I") for name, skip in boxes if (at := data.find(name)) >= 0]


SIGNATURES = (
    b"\xff\xd8\xff\xe0",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    b"RIFF\x40\x00\x00\x00WEBPVP8X",
    b"GIF89a",
    b"BM",
    b"II*\x00\x08\x00\x00\x00",
    b"MM\x00+\x00\x08\x00\x00",
    b"\x00\x00\x00\x20ftypavif",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",
)

ACCIDENTS: Mapping[str, Callable[[bytes, random.Random], bytes]] = MappingProxyType(
    {
        "small accidents": mutated,
        "flipped bits": flipped,
        "cut": cut,
        "spliced": spliced,
        "inserted": inserted,
        "another magic": other_magic,
        "another size": other_size,
    }
)
