"""Which files the service takes for pictures, told from their first bytes and their structure.

Nothing here decodes a pixel. The signatures are those of the formats' own specifications: JFIF and
ITU-T T.81 (JPEG), PNG 1.2, GIF89a, TIFF 6.0 and BigTIFF, the RIFF container of WebP, ISO 14496-12
with the brands of AVIF 1.1, ISO 15444-1 (JPEG 2000).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from enum import Enum

_FEATURES = (
    ("JPEG", "jpg"),
    ("PNG", "zlib"),
    ("WEBP", "webp"),
    ("GIF", None),
    ("BMP", None),
    ("TIFF", None),
    ("AVIF", "avif"),
    ("JPEG2000", "jpg_2000"),
)

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_JP2_CODESTREAM = b"\xff\x4f\xff\x51"
_JPEG_END = b"\xff\xd9"
_TIFF_SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_AVIF_BRANDS = (b"avif", b"avis")

# In coded JPEG data 0xFF is followed by 0 (a plain 0xFF), a restart marker or padding; anything
# else is the marker that ends the scan.
_JPEG_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_WITHOUT_LENGTH = frozenset([0x01, *range(0xD0, 0xD9)])
_JPEG_SOS, _JPEG_EOI = 0xDA, 0xD9


class Damage(Enum):
    """What is wrong with a file's structure."""

    CUT = "cut"
    CHECKSUM = "checksum"
    TOO_MANY_SCANS = "too many scans"


# A progressive JPEG has about ten scans. Each costs a pass over the whole picture, so a small file
# with thousands of them would keep a core busy for minutes.
MAX_JPEG_SCANS = 100


def accepted_formats() -> tuple[str, ...]:
    """The formats that this build of Pillow decodes, out of those that the service allows."""
    from PIL import features

    return tuple(name for name, feature in _FEATURES if feature is None or features.check(feature))


def sniff(data: bytes) -> str | None:
    """The format of ``data`` as Pillow names it, or None for anything that is not allowed here.

    An answer says what the bytes claim to be, not that they can be decoded.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(_PNG_SIGNATURE):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"BM"):
        return "BMP"
    if data.startswith(_TIFF_SIGNATURES):
        return "TIFF"
    if data.startswith((_JP2_SIGNATURE, _JP2_CODESTREAM)):
        return "JPEG2000"
    if data[4:8] == b"ftyp" and _has_avif_brand(data):
        return "AVIF"
    return None


def _has_avif_brand(data: bytes) -> bool:
    """HEIC shares the container, and often the major brand ``mif1``: the brands decide."""
    size = int.from_bytes(data[:4], "big")
    brands = [data[8:12], *(data[i : i + 4] for i in range(16, min(size, 256), 4))]
    return any(brand in _AVIF_BRANDS for brand in brands)


def damage(format: str, data: bytes) -> Damage | None:
    """What the structure of ``data`` shows to be wrong, found in one pass without decoding.

    It knows more than the decoder tells: PNG checksums (Pillow skips those of pixel data), and
    whether a file that fails to decode was cut off on its way.
    """
    if format == "JPEG":
        return _jpeg_damage(data)
    if format == "PNG":
        return _png_damage(data)
    if format == "WEBP":
        return _cut(int.from_bytes(data[4:8], "little") + 8 > len(data))
    if format == "BMP":
        return _cut(int.from_bytes(data[2:6], "little") > len(data))
    if format == "GIF":
        return _cut(not data.rstrip(b"\x00").endswith(b";"))
    if format == "AVIF" or data.startswith(_JP2_SIGNATURE):
        return _cut(any(end > len(data) for end in _box_ends(data)))
    if format == "JPEG2000":
        return _cut(not data.endswith(_JPEG_END))
    return None


def _cut(ends_early: bool) -> Damage | None:
    return Damage.CUT if ends_early else None


def _png_damage(data: bytes) -> Damage | None:
    view = memoryview(data)
    at = len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return Damage.CUT
        # A lower-case first letter marks a chunk that the picture does not depend on.
        if kind[:1].isupper():
            (checksum,) = struct.unpack_from(">I", data, end - 4)
            if zlib.crc32(view[at + 4 : end - 4]) != checksum:
                return Damage.CHECKSUM
        if kind == b"IEND":
            return None
        at = end
    return Damage.CUT


def _jpeg_damage(data: bytes) -> Damage | None:
    at, scans = 2, 0
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None  # not what the standard says, but not for this function to judge
        marker = data[at + 1]
        if marker == _JPEG_EOI:
            return None
        if marker == 0xFF or marker in _JPEG_WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _JPEG_SOS:
            scans += 1
            if scans > MAX_JPEG_SCANS:
                return Damage.TOO_MANY_SCANS
            found = _JPEG_NEXT_MARKER.search(data, at)
            if found is None:
                return Damage.CUT
            at = found.start()
    return None if data[at : at + 2] == _JPEG_END else Damage.CUT


def _box_ends(data: bytes) -> Iterator[int]:
    """Where each top-level box of an ISO container ends, in bytes from the start."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size == 0:  # the last box reaches to the end of the file
            return
        if size < 8:
            return
        at += size
        yield at
