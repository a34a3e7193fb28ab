"""Decoded pixels of any mode to upright RGB on white."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from triptych_server.encode.shared_pixels import Room

if TYPE_CHECKING:
    from PIL import Image

_TIFF_BITS_PER_SAMPLE = 258
_TIFF_PHOTOMETRIC = 262
_WHITE_IS_ZERO = 0
_EXIF_ORIENTATION = 0x0112
_STRIP_ROWS = 256


class UnsupportedSamples(Exception):
    """The samples have no agreed range of brightness; the text is ours and safe to send."""


def to_rgb(image: Image.Image, *, png_depth: int | None = None) -> tuple[Image.Image, bool]:
    """``image`` (loaded) in mode RGB, and whether something transparent was laid on white.

    ``png_depth`` is the bits a sample of a PNG file, whose colour key Pillow leaves in the file's
    own scale. 16-bit gray is divided by 257, so that 65535 becomes 255. CMYK and YCCK go through
    Pillow's plain conversion, LAB through D50 to sRGB. Floating-point samples, and integers of 32
    bits that do not fit in 16, raise UnsupportedSamples: their white could be anywhere.
    """
    if image.mode == "F":
        raise UnsupportedSamples("floating-point samples are not read")
    if image.mode.startswith("I"):
        image = _from_sixteen_bits(image)
    elif image.mode == "La":  # gray with premultiplied alpha converts to nothing but LA
        image = image.convert("LA")
    elif png_depth is not None and isinstance(image.info.get("transparency"), int | tuple):
        image.info["transparency"] = _key_at_eight_bits(image, png_depth)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB"), False
    return _on_white(image.convert("RGBA"))


def _on_white(image: Image.Image) -> tuple[Image.Image, bool]:
    from PIL import Image

    alpha = image.getchannel("A")
    lowest, _ = alpha.getextrema()
    if lowest == 255:
        return image.convert("RGB"), False
    ground = Image.new("RGB", image.size, (255, 255, 255))
    ground.paste(image, mask=alpha)
    return ground, True


def _key_at_eight_bits(image: Image.Image, depth: int) -> int | tuple[int, ...]:
    """PNG's transparent colour in the scale of the decoded samples."""
    key: int | tuple[int, ...] = image.info["transparency"]
    if image.mode == "P":
        return key  # a place in the palette, not a colour
    if image.mode == "1":
        return 255 if key else 0

    def scaled(sample: int) -> int:
        return sample >> 8 if depth == 16 else sample * 255 // ((1 << depth) - 1)

    return tuple(scaled(s) for s in key) if isinstance(key, tuple) else scaled(key)


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    """Gray of more than 8 bits as L, or as LA where a colour key makes some of it transparent."""
    from PIL import Image

    samples = np.asarray(image)
    if image.mode == "I" and (samples.min() < 0 or samples.max() > 0xFFFF):
        raise UnsupportedSamples("32-bit samples outside of 0 to 65535 are not read")
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_TIFF_BITS_PER_SAMPLE, (16,))[0]
    top = (1 << bits) - 1 if 8 < bits < 16 else 0xFFFF
    scale = (np.arange(0x10000, dtype=np.uint32) * 255 + top // 2) // top
    table = np.minimum(scale, 255).astype(np.uint8)
    if tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
        table = 255 - table
    gray: NDArray[np.uint8] = table[samples]
    result = Image.fromarray(gray)
    key = image.info.get("transparency")
    if isinstance(key, int):
        alpha = np.where(samples == key, 0, 255).astype(np.uint8)
        result = Image.merge("LA", (result, Image.fromarray(alpha)))
    return result


def orientation_of(image: Image.Image) -> int:
    """The EXIF (or XMP) orientation of 1 to 8; 1 where there is none that can be read."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    # Metadata is as untrusted as pixels and fails in as many ways, but a picture is whole
    # without it: like browsers, show it as it is stored.
    except Exception:  # noqa: BLE001
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    """``image`` after the turn or flip that EXIF ``orientation`` (1 to 8) asks for."""
    from PIL import Image

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    turn = turns.get(orientation)
    return image if turn is None else image.transpose(turn)


def write_pixels(image: Image.Image, room: Room) -> None:
    """Write the samples of an RGB ``image`` into ``room(height, width)``.

    In strips, which takes half the time of one piece for large pictures: that builds the whole
    picture twice on the way.
    """
    width, height = image.size
    write = room(height, width)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(height, top + _STRIP_ROWS)
        write(top, np.asarray(image.crop((0, top, width, bottom))))
