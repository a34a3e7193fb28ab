"""Picture files for end-to-end tests: words, and copies that a camera would have turned."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageOps

from tests.support.pictures import encoded, page, thing

EXIF_ORIENTATION = 0x0112
# What has to be done to an upright picture so that applying orientation N gives it back.
_UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def draw_words(lines: Sequence[str], *, width: int = 640, height: int = 512) -> bytes:
    """A PNG with lines of print above a coloured thing."""
    image, _ = page(lines, width=width, height=height, size=40)
    thing(image, "cup", (180, 60, 40), radius=70)
    return encoded(image, "PNG")


def with_orientation(file: bytes, orientation: int) -> bytes:
    """The same picture as a JPEG whose pixels lie turned and whose EXIF says how to turn back."""
    with Image.open(io.BytesIO(file)) as upright:
        undo = _UNDO.get(orientation)
        stored = upright.transpose(undo) if undo is not None else upright.copy()
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    data = encoded(stored.convert("RGB"), "JPEG", quality=95, exif=exif.tobytes())
    with Image.open(io.BytesIO(data)) as written, Image.open(io.BytesIO(file)) as upright:
        assert ImageOps.exif_transpose(written).size == upright.size
    return data
