"""Bad pictures, and those that only look bad."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image as PillowImage

from tests.support.bad_input.build import IA, OK, STRIP, TINY, Row, picture, search, upsert
from tests.support.panels import draw_words
from tests.support.pictures import encoded, png_chunk, png_file, textless
from triptych.v1.common_pb2 import Image
from triptych.v1.encode_service_pb2 import EncodeInput, EncodeRequest
from triptych.v1.item_pb2 import Item, OcrOptions
from triptych.v1.search_service_pb2 import QueryInput

DATA = "items[0].image.data"
_SQUARE = textless(3, side=48)
_PNG, _JPEG = encoded(_SQUARE, "PNG"), encoded(_SQUARE, "JPEG")


def animation(format: str, frames: int) -> bytes:
    """Frames of one colour each."""
    made = [PillowImage.new("RGB", (16, 16), (n % 256, n // 2, 90)) for n in range(frames)]
    return encoded(made[0], format, save_all=True, append_images=made[1:])


def header_of(side: int) -> bytes:
    """A PNG that says it is so large, and has no pixels."""
    size = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", size)
    return data + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")


def with_chunk(kind: bytes, keyword: bytes) -> bytes:
    """A PNG with a chunk that unpacks to 20 MB."""
    packed = zlib.compress(bytes(20_000_000), 1)
    extra = png_chunk(kind, keyword + b"\x00\x00" + packed)
    return png_file([bytes(48)] * 16, width=16, depth=8, colour_type=2, extra=extra)


def wrong_checksum() -> bytes:
    data = bytearray(_PNG)
    data[data.index(b"IEND") - 5] ^= 0xFF
    return bytes(data)


def many_scans() -> bytes:
    data = encoded(_SQUARE, "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * 200 + b"\xff\xd9"


_HEIC = b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1heicmiaf" + bytes(200)
_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n"
_SIXTEEN = PillowImage.fromarray(np.full((16, 16), 40_000, np.uint16))

_REFUSED = {
    "picture of no bytes": (b"", "IMAGE_EMPTY"),
    "JPEG cut short": (_JPEG[: len(_JPEG) // 2], "IMAGE_TRUNCATED"),
    "PNG cut short": (_PNG[: len(_PNG) // 2], "IMAGE_TRUNCATED"),
    "100 MP at one bit": (
        encoded(PillowImage.new("1", (10_000, 10_000)), "PNG"),
        "IMAGE_TOO_LARGE",
    ),
    "header of 3600 MP": (header_of(60_000), "IMAGE_TOO_LARGE"),
    "21 MB": (b"\xff\xd8\xff\xe0" + bytes(21 * 2**20), "IMAGE_TOO_LARGE"),
    "one pixel": (TINY, "IMAGE_TOO_SMALL"),
    "strip of 5000 to 1": (STRIP, "IMAGE_ASPECT"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "IMAGE_FORMAT_UNSUPPORTED"),
    "PDF": (b"%PDF-1.7\n%", "IMAGE_FORMAT_UNSUPPORTED"),
    "EPS": (_EPS, "IMAGE_FORMAT_UNSUPPORTED"),
    "HEIC": (_HEIC, "IMAGE_FORMAT_UNSUPPORTED"),
    "words": (b"just words", "IMAGE_FORMAT_UNSUPPORTED"),
    "TIFF of floating-point samples": (
        encoded(_SQUARE.convert("L").convert("F"), "TIFF"),
        "IMAGE_FORMAT_UNSUPPORTED",
    ),
    "PNG with 20 MB of text": (with_chunk(b"zTXt", b"Comment"), "IMAGE_DECODE_FAILED"),
    "PNG with a colour profile of 20 MB": (with_chunk(b"iCCP", b"p"), "IMAGE_DECODE_FAILED"),
    "PNG with a wrong checksum": (wrong_checksum(), "IMAGE_DECODE_FAILED"),
    "JPEG of 200 scans": (many_scans(), "IMAGE_DECODE_FAILED"),
    "GIF of nothing": (b"GIF89a" + bytes(60) + b";", "IMAGE_DECODE_FAILED"),
}
_SERVED = {
    "GIF of 500 frames": (animation("GIF", 500), "ANIMATION_FIRST_FRAME"),
    "WebP of 20 frames": (animation("WEBP", 20), "ANIMATION_FIRST_FRAME"),
    "PNG of 20 frames": (animation("PNG", 20), "ANIMATION_FIRST_FRAME"),
    "transparent red": (
        encoded(PillowImage.new("RGBA", (16, 16), (255, 0, 0, 0)), "PNG"),
        "ALPHA_FLATTENED",
    ),
}

ROWS: dict[str, Row] = {
    **{
        f"item: {name}": Row(picture(data), IA, reason, DATA)
        for name, (data, reason) in _REFUSED.items()
    },
    **{
        f"encoding: {name}": Row(
            EncodeRequest(inputs=[EncodeInput(image=Image(data=data))]),
            IA,
            reason,
            "inputs[0].image.data",
        )
        for name, (data, reason) in _REFUSED.items()
    },
    **{
        f"search by: {name}": Row(
            search(input=QueryInput(image=Image(data=data))), IA, reason, "input.image.data"
        )
        for name, (data, reason) in _REFUSED.items()
    },
    # Served, and said what was done
    **{
        f"item: {name}": Row(picture(data), OK, warning, DATA)
        for name, (data, warning) in _SERVED.items()
    },
    "item: gray of 16 bits": Row(picture(encoded(_SIXTEEN, "PNG")), OK, ""),
    "item: words that take too long to read": Row(
        upsert(
            Item(id="slow", image=Image(data=draw_words(["SLOW", "WORDS"]))),
            ocr=OcrOptions(mode=OcrOptions.MODE_ALWAYS, time_limit_ms=1),
        ),
        OK,
        "OCR_TIMED_OUT",
        "items[0].image",
    ),
}
