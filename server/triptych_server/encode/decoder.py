"""From bytes to pixels: the one place that decodes foreign pictures.

It runs in the processes of ``decode_child``, which a picture may take down.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import warnings
from typing import TYPE_CHECKING

from triptych_server.domain.decoding import Detail
from triptych_server.domain.errors import InvalidInput, Reason, Violation, violation
from triptych_server.domain.items import ImageInfo, Notice, WarningCode
from triptych_server.domain.limits import Limits
from triptych_server.encode.convert import (
    UnsupportedSamples,
    orientation_of,
    to_rgb,
    turned_upright,
    write_pixels,
)
from triptych_server.encode.decode_frames import Decoded
from triptych_server.encode.formats import Damage, accepted_formats, damage
from triptych_server.encode.refusals import checked_format, refused, unsupported
from triptych_server.encode.shared_pixels import Room

if TYPE_CHECKING:
    from PIL import Image

_TIFF_SUBFILE_TYPE = 254
_REDUCED_RESOLUTION = 1
# From this EXIF orientation on width and height change places.
_FIRST_SIDEWAYS = 5


class PictureDecoder:
    """Decodes one picture at a time with Pillow. At most one in a process.

    - The format is told by content, out of an allow-list; no other decoder can start.
    - Bytes, pixels, sides and aspect are checked before a pixel is decoded.
    - The EXIF orientation is applied; the first frame stands for an animation or a set of pages.
    - What is transparent is laid on white.
    - Colour profiles are ignored: samples are taken for sRGB, as the CLIP models' own
      preprocessing takes them and took them in training.

    Whatever a decoder raises becomes one InvalidInput in words of our own. What Pillow repairs
    without a word (a JPEG with damaged data in the middle) is taken as it comes.
    """

    def __init__(self, limits: Limits) -> None:
        from PIL import AvifImagePlugin, Image

        self._limits = limits
        self._formats = accepted_formats()
        _register_decoders(self._formats)
        # A thread for each core would take memory by the number of cores; there are other pictures
        # for the others.
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        # All three are process-wide, as Pillow has them. Its own cap also guards sizes inside of a
        # file (tiles, frames), so it is set to ours rather than taken away. What it warns of and
        # logs about a caller's file is in the answer to that caller, and no event of this service.
        Image.MAX_IMAGE_PIXELS = limits.max_image_pixels
        warnings.filterwarnings("ignore", module=r"PIL\.")
        logging.getLogger("PIL").setLevel(logging.CRITICAL)

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that are taken, by Pillow's names."""
        return self._formats

    def decode(self, data: bytes, room: Room, detail: Detail | None = None) -> Decoded:
        """Write ``data`` as upright RGB pixels, uint8, into ``room(height, width)``.

        A JPEG is decoded at the scale that leaves it the ``detail`` asked for, which is a part of
        the work of all its pixels.

        Raises InvalidInput with an empty ``field``.
        """
        format = checked_format(data, self._limits, self._formats)
        found = damage(format, data)
        # The other kinds of damage leave a file that Pillow might take; a cut file is judged by
        # whether it decodes, for some lack no more than an end mark.
        if found in (Damage.CHECKSUM, Damage.TOO_MANY_SCANS):
            raise _undecodable(format, found)
        try:
            return self._pixels(format, data, room, detail)
        except InvalidInput:
            raise
        except UnsupportedSamples as error:
            raise unsupported(str(error), self._formats) from error
        # Decoders of hostile data raise all there is: SyntaxError, struct.error, EOFError,
        # IndexError, zlib.error, MemoryError and more. Each of them means this picture, and none
        # may carry a decoder's wording to the caller.
        except Exception as error:
            raise _undecodable(format, found) from error

    def _pixels(self, format: str, data: bytes, room: Room, detail: Detail | None) -> Decoded:
        from PIL import Image

        try:
            image = Image.open(io.BytesIO(data), formats=[format])
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            allowed = f"{_megapixels(self._limits.max_image_pixels)} MP"
            raise InvalidInput(
                [violation("", Reason.IMAGE_TOO_LARGE, "too many pixels", allowed=allowed)]
            ) from error
        with image:
            violations = self._size_violations(*image.size)
            if violations:
                raise InvalidInput(violations)
            if format == "TIFF" and _is_thumbnail(image):
                raise unsupported(
                    "a TIFF that begins with a thumbnail, as raw files do", self._formats
                )
            notices = []
            # Pillow turns a TIFF itself while loading, and finds some PNG orientations only then.
            stored = orientation_of(image)
            width, height = image.size
            scale = _scaled_down(image, detail) if format == "JPEG" and detail else 1
            image.load()
            pending = orientation_of(image)
            flat, transparent = to_rgb(image, png_depth=data[24] if format == "PNG" else None)
            upright = turned_upright(flat, pending)
            write_pixels(upright, room)
            if transparent:
                notices.append(
                    Notice(WarningCode.ALPHA_FLATTENED, "transparent parts were laid on white")
                )
            if _has_more_frames(format, image):
                notices.append(
                    Notice(WarningCode.ANIMATION_FIRST_FRAME, "only the first frame was read")
                )
        if scale == 1:
            width, height = upright.size
        elif pending >= _FIRST_SIDEWAYS:
            width, height = height, width
        info = ImageInfo(
            format=format,
            width=width,
            height=height,
            byte_size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            orientation=stored if pending == 1 else pending,
        )
        return Decoded(info, tuple(notices), scale)

    def _size_violations(self, width: int, height: int) -> list[Violation]:
        limits, found = self._limits, []
        size = f"{width}x{height}"
        if width * height > limits.max_image_pixels:
            found.append(
                violation(
                    "",
                    Reason.IMAGE_TOO_LARGE,
                    "too many pixels",
                    got=f"{size} = {_megapixels(width * height)} MP",
                    allowed=f"{_megapixels(limits.max_image_pixels)} MP",
                )
            )
        short, long = sorted((width, height))
        if short < limits.min_image_side:
            found.append(
                violation(
                    "",
                    Reason.IMAGE_TOO_SMALL,
                    "a side is too short",
                    got=size,
                    allowed=f"at least {limits.min_image_side} pixels a side",
                )
            )
        if short > 0 and long > short * limits.max_image_aspect:
            found.append(
                violation(
                    "",
                    Reason.IMAGE_ASPECT,
                    "one side is too long for the other",
                    got=f"{math.ceil(long / short)}:1",
                    allowed=f"{limits.max_image_aspect}:1",
                )
            )
        return found


def _register_decoders(formats: tuple[str, ...]) -> None:
    """Import the plug-ins of ``formats`` alone, so that Pillow never loads the rest on its own."""
    from importlib import import_module

    names = {"JPEG": "Jpeg", "PNG": "Png", "WEBP": "WebP", "GIF": "Gif", "BMP": "Bmp"}
    names |= {"TIFF": "Tiff", "AVIF": "Avif", "JPEG2000": "Jpeg2K"}
    for format in formats:
        import_module(f"PIL.{names[format]}ImagePlugin")


def _scaled_down(image: Image.Image, detail: Detail) -> int:
    """Have a JPEG that is not yet loaded decoded at one of its scales; which one."""
    scale = detail.scale(*image.size)
    if scale > 1:
        image.draft(None, (image.width // scale, image.height // scale))
    return scale


def _has_more_frames(format: str, image: Image.Image) -> bool:
    """Whether more frames or pages follow, without counting them.

    The plug-ins know it from a header, or from a look at the next frame's; counting would walk
    the whole file. What follows in a JPEG is a preview or a depth map of the same picture.
    """
    return format != "JPEG" and bool(getattr(image, "is_animated", False))


def _is_thumbnail(image: Image.Image) -> bool:
    tags = getattr(image, "tag_v2", {})
    return bool(tags.get(_TIFF_SUBFILE_TYPE, 0) & _REDUCED_RESOLUTION)


def _megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:.6g}"


def _undecodable(format: str, found: Damage | None) -> InvalidInput:
    if found is Damage.CUT:
        return refused(Reason.IMAGE_TRUNCATED, f"the {format} data ends before the picture does")
    if found is Damage.CHECKSUM:
        return refused(Reason.IMAGE_DECODE_FAILED, f"the {format} data does not match its checksum")
    if found is Damage.TOO_MANY_SCANS:
        return refused(
            Reason.IMAGE_DECODE_FAILED, f"the {format} data has more scans than a picture needs"
        )
    return refused(Reason.IMAGE_DECODE_FAILED, f"the {format} data cannot be decoded")
