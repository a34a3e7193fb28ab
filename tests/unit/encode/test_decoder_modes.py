"""The pixels that come out, for every kind of sample that goes in."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.support.decoding import OwnDecoder
from tests.support.pictures import (
    encoded,
    png_chunk,
    png_file,
    poster,
    tiff_file,
    ycck_jpeg,
)
from triptych_server.domain.errors import InvalidInput, Reason
from triptych_server.domain.items import Picture, WarningCode
from triptych_server.domain.limits import Limits

RED = (200, 40, 40)
GRAY = (88, 88, 88)
SIDE = 16


@pytest.fixture
def decoder() -> OwnDecoder:
    return OwnDecoder(Limits())


def said(error: InvalidInput) -> str:
    """The violations' own words, without the path that the caller puts before them."""
    return "; ".join(violation.message for violation in error.violations)


def mode(name: str) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), RED).convert(name)


def gray16(value: int, kind: type = np.uint16) -> Image.Image:
    return Image.fromarray(np.full((SIDE, SIDE), value, kind))


def png(depth: int, colour_type: int, row: bytes, extra: bytes = b"") -> bytes:
    return png_file([row] * SIDE, width=SIDE, depth=depth, colour_type=colour_type, extra=extra)


def tiff(samples: bytes, bits: tuple[int, ...], photometric: int, **tags: int) -> bytes:
    numbers = {"extra": 338, "format": 339}
    return tiff_file(
        samples * SIDE * SIDE,
        side=SIDE,
        bits=bits,
        photometric=photometric,
        tags={numbers[name]: value for name, value in tags.items()},
    )


TWELVE_BITS = bytes([0x80, 0x08, 0x00]) * (SIDE * SIDE // 2)  # 0x800 twice in three bytes

OPAQUE: dict[str, tuple[bytes, tuple[int, int, int], int]] = {
    "jpeg rgb": (encoded(mode("RGB"), "JPEG"), RED, 3),
    "jpeg gray": (encoded(mode("L"), "JPEG"), GRAY, 1),
    "jpeg cmyk, inverted as Adobe does": (encoded(mode("CMYK"), "JPEG", quality=95), RED, 3),
    "jpeg ycck": (ycck_jpeg((55, 215, 215, 0)), RED, 3),
    "jpeg ycck with black": (ycck_jpeg((100, 50, 20, 40)), (131, 173, 198), 3),
    "png rgb": (encoded(mode("RGB"), "PNG"), RED, 0),
    "png gray": (encoded(mode("L"), "PNG"), GRAY, 0),
    "png black and white": (encoded(Image.new("1", (SIDE, SIDE), 1), "PNG"), (255, 255, 255), 0),
    "png palette": (encoded(mode("RGB").quantize(4), "PNG"), RED, 0),
    "png gray of 2 bits": (png(2, 0, b"\xaa" * 4), (170, 170, 170), 0),
    "png gray of 16 bits": (encoded(gray16(40000), "PNG"), (156, 156, 156), 0),
    "png gray of 16 bits, dark": (encoded(gray16(257), "PNG"), (1, 1, 1), 0),
    "png gray of 16 bits, white": (encoded(gray16(65535), "PNG"), (255, 255, 255), 0),
    "png rgb of 16 bits": (
        png(16, 2, struct.pack(">HHH", 40000, 20000, 10000) * SIDE),
        (156, 78, 39),
        1,
    ),
    "png rgba, opaque": (encoded(mode("RGBA"), "PNG"), RED, 0),
    "webp rgb": (encoded(mode("RGB"), "WEBP", lossless=True), RED, 0),
    "webp rgba, opaque": (encoded(mode("RGBA"), "WEBP", lossless=True, exact=True), RED, 0),
    "gif palette": (encoded(mode("RGB"), "GIF"), RED, 0),
    "gif gray": (encoded(mode("L"), "GIF"), GRAY, 0),
    "bmp rgb": (encoded(mode("RGB"), "BMP"), RED, 0),
    "bmp black and white": (encoded(Image.new("1", (SIDE, SIDE), 0), "BMP"), (0, 0, 0), 0),
    "avif": (encoded(mode("RGB"), "AVIF", quality=95), RED, 3),
    "jpeg 2000 rgb": (encoded(mode("RGB"), "JPEG2000"), RED, 0),
    "jpeg 2000 gray of 16 bits": (encoded(gray16(40000), "JPEG2000"), (156, 156, 156), 0),
    "tiff rgb": (encoded(mode("RGB"), "TIFF"), RED, 0),
    "tiff lzw": (encoded(mode("RGB"), "TIFF", compression="tiff_lzw"), RED, 0),
    "tiff gray, white is zero": (tiff(b"\xa7", (8,), 0), GRAY, 0),
    "tiff gray of 12 bits": (
        tiff_file(TWELVE_BITS, side=SIDE, bits=(12,), photometric=1),
        (128, 128, 128),
        0,
    ),
    "tiff gray of 16 bits": (encoded(gray16(40000), "TIFF"), (156, 156, 156), 0),
    "tiff gray of 16 bits, big-endian": (
        encoded(Image.frombytes("I;16B", (SIDE, SIDE), struct.pack(">H", 40000) * 256), "TIFF"),
        (156, 156, 156),
        0,
    ),
    "tiff gray of 16 bits, white is zero": (
        tiff(struct.pack("<H", 25535), (16,), 0),
        (156, 156, 156),
        0,
    ),
    "tiff gray of 16 bits, kept in 32": (
        encoded(gray16(40000, np.int32), "TIFF"),
        (156, 156, 156),
        0,
    ),
    "tiff rgb of 16 bits": (
        tiff(struct.pack("<HHH", 40000, 20000, 10000), (16, 16, 16), 2),
        (156, 78, 39),
        1,
    ),
    "tiff cmyk": (encoded(mode("CMYK"), "TIFF"), RED, 0),
    "tiff lab": (encoded(mode("LAB"), "TIFF"), RED, 2),
    "tiff ycbcr": (encoded(mode("YCbCr"), "TIFF"), RED, 2),
    "tiff rgb with a fourth sample that is not alpha": (
        tiff(bytes((*RED, 0)), (8, 8, 8, 8), 2, extra=0),
        RED,
        0,
    ),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_opaque_pixels(decoder: OwnDecoder, name: str) -> None:
    data, colour, tolerance = OPAQUE[name]
    picture = decoder.decode(data)
    assert picture.pixels.shape == (SIDE, SIDE, 3)
    assert abs(picture.pixels.astype(int) - colour).max() <= tolerance
    assert picture.notices == ()


def palette_with_a_hole() -> bytes:
    """Red, with the upper left pixel of a palette place that is marked transparent."""
    image = Image.new("P", (SIDE, SIDE), 1)
    image.putpalette([0, 0, 255, *RED])
    image.putpixel((0, 0), 0)
    return encoded(image, "PNG", transparency=0)


def with_hole(name: str, colour: tuple[int, ...]) -> Image.Image:
    """Opaque, but for the upper left pixel, which hides ``colour`` behind an alpha of 0."""
    image = mode(name)
    image.putpixel((0, 0), (*colour, 0))
    return image


GRAY_KEY = struct.pack(">H", 1)
KEYED_ROW = b"\x01\x02" + b"\x02" * (SIDE - 2)
NIBBLES = bytes([0x12]) + b"\x22" * (SIDE // 2 - 1)
WHITE_ROW = b"\xff\xff"

HOLED: dict[str, tuple[bytes, tuple[int, int, int]]] = {
    "png rgba": (encoded(with_hole("RGBA", (0, 0, 255)), "PNG"), RED),
    "png la": (encoded(with_hole("LA", (10,)), "PNG"), GRAY),
    "png palette": (palette_with_a_hole(), RED),
    "png gray of 8 bits with a colour key": (
        png(8, 0, KEYED_ROW, png_chunk(b"tRNS", GRAY_KEY)),
        (2, 2, 2),
    ),
    "png gray of 4 bits with a colour key": (
        png(4, 0, NIBBLES, png_chunk(b"tRNS", GRAY_KEY)),
        (34, 34, 34),
    ),
    "png gray of 16 bits with a colour key": (
        png(16, 0, b"\x00\x01" + b"\x9c\x40" * (SIDE - 1), png_chunk(b"tRNS", GRAY_KEY)),
        (156, 156, 156),
    ),
    "png black and white with a colour key": (
        png(1, 0, b"\x80\x00", png_chunk(b"tRNS", GRAY_KEY)),
        (0, 0, 0),
    ),
    "png rgb with a colour key": (
        png(
            8,
            2,
            bytes((0, 0, 255)) + bytes(RED) * (SIDE - 1),
            png_chunk(b"tRNS", struct.pack(">HHH", 0, 0, 255)),
        ),
        RED,
    ),
    "png rgb of 16 bits with a colour key": (
        png(
            16,
            2,
            struct.pack(">HHH", 0, 0, 65535) + struct.pack(">HHH", 51400, 10280, 10280) * 15,
            png_chunk(b"tRNS", struct.pack(">HHH", 0, 0, 65535)),
        ),
        RED,
    ),
    "webp rgba": (
        encoded(with_hole("RGBA", (0, 0, 255)), "WEBP", lossless=True, exact=True),
        RED,
    ),
    "gif": (encoded(with_hole("RGBA", (0, 0, 255)), "GIF"), RED),
    "tiff rgba": (encoded(with_hole("RGBA", (0, 0, 255)), "TIFF"), RED),
    "tiff with premultiplied gray": (
        tiff_file(
            bytes((0, 0)) + bytes((88, 255)) * (SIDE * SIDE - 1),
            side=SIDE,
            bits=(8, 8),
            photometric=1,
            tags={338: 1},
        ),
        GRAY,
    ),
    "jpeg 2000 rgba": (encoded(with_hole("RGBA", (0, 0, 255)), "JPEG2000"), RED),
}


@pytest.mark.parametrize("name", HOLED)
def test_what_is_transparent_is_white(decoder: OwnDecoder, name: str) -> None:
    data, colour = HOLED[name]
    picture = decoder.decode(data)
    assert tuple(picture.pixels[0, 0]) == (255, 255, 255)
    assert abs(picture.pixels[8, 8].astype(int) - colour).max() <= 1
    assert [n.code for n in picture.notices] == [WarningCode.ALPHA_FLATTENED]


def test_avif_alpha(decoder: OwnDecoder) -> None:
    image = mode("RGBA")
    ImageDraw.Draw(image).rectangle((0, 0, 7, 15), fill=(0, 0, 255, 0))
    picture = decoder.decode(encoded(image, "AVIF", quality=95))
    assert picture.pixels[8, 2].min() >= 250
    assert abs(picture.pixels[8, 13].astype(int) - RED).max() <= 8
    assert [n.code for n in picture.notices] == [WarningCode.ALPHA_FLATTENED]


def test_half_transparent_is_mixed_with_white(decoder: OwnDecoder) -> None:
    data = encoded(Image.new("RGBA", (SIDE, SIDE), (200, 0, 100, 128)), "PNG")
    picture = decoder.decode(data)
    expected = [round((c * 128 + 255 * 127) / 255) for c in (200, 0, 100)]
    assert abs(picture.pixels.astype(int) - expected).max() <= 1


def test_hidden_red_does_not_come_back(decoder: OwnDecoder) -> None:
    data = encoded(Image.new("RGBA", (SIDE, SIDE), (255, 0, 0, 0)), "PNG")
    assert (decoder.decode(data)).pixels.min() == 255


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (encoded(gray16(1, np.float32), "TIFF"), "floating-point"),
        (encoded(gray16(70_000, np.int32), "TIFF"), "32-bit"),
        (encoded(gray16(-1, np.int32), "TIFF"), "32-bit"),
    ],
    ids=["float", "beyond 16 bits", "negative"],
)
def test_samples_without_a_known_white_are_refused(
    decoder: OwnDecoder, data: bytes, what: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        decoder.decode(data)
    assert caught.value.reason is Reason.IMAGE_FORMAT_UNSUPPORTED
    assert what in said(caught.value)
    assert "8 or 16 bits a sample" in said(caught.value)


def test_a_colour_profile_moves_nothing(decoder: OwnDecoder) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    plain = decoder.decode(encoded(mode("RGB"), "PNG"))
    profiled = decoder.decode(encoded(mode("RGB"), "PNG", icc_profile=profile))
    assert np.array_equal(plain.pixels, profiled.pixels)


# EXIF orientation: the turn that makes a stored picture upright, undone to make the stored one.
UNDONE = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def upright() -> Image.Image:
    return poster("TOP LEFT", "below")[0].crop((0, 0, 480, 320)).resize((96, 64))


def stored(orientation: int) -> Image.Image:
    turn = UNDONE[orientation]
    return upright() if turn is None else upright().transpose(turn)


def exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def check_upright(picture: Picture, orientation: int, tolerance: float) -> None:
    assert picture.info.orientation == orientation
    assert (picture.info.width, picture.info.height) == (96, 64)
    assert picture.pixels.shape == (64, 96, 3)
    apart = np.abs(picture.pixels.astype(int) - np.asarray(upright()))
    assert apart.mean() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("JPEG", {"quality": 95}, 3),
        ("AVIF", {"quality": 90}, 3),
    ],
    ids=["png", "webp", "tiff", "tiff-lzw", "jpeg", "avif"],
)
def test_orientation(
    decoder: OwnDecoder,
    format: str,
    options: dict[str, object],
    tolerance: float,
    orientation: int,
) -> None:
    data = encoded(stored(orientation), format, exif=exif(orientation), **options)
    check_upright(decoder.decode(data), orientation, tolerance)


@pytest.mark.parametrize("orientation", [1, 6])
def test_orientation_behind_the_pixels_of_a_png(decoder: OwnDecoder, orientation: int) -> None:
    """The eXIf chunk may come after the pixel data."""
    data = encoded(stored(orientation), "PNG")
    end = data.index(b"IEND") - 4
    body = exif(orientation).tobytes().removeprefix(b"Exif\x00\x00")
    late = data[:end] + png_chunk(b"eXIf", body) + data[end:]
    check_upright(decoder.decode(late), orientation, 0)


def test_orientation_in_xmp(decoder: OwnDecoder) -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
    data = encoded(stored(8), "JPEG", quality=95, xmp=xmp)
    check_upright(decoder.decode(data), 8, 3)


def test_orientation_of_an_alpha_picture(decoder: OwnDecoder) -> None:
    image = upright().convert("RGBA")
    image.putalpha(200)
    turned = image.transpose(UNDONE[6])  # type: ignore[arg-type]  # 6 is not the one without a turn
    straight = decoder.decode(encoded(image, "PNG"))
    picture = decoder.decode(encoded(turned, "PNG", exif=exif(6)))
    assert np.array_equal(picture.pixels, straight.pixels)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_means_nothing(decoder: OwnDecoder, value: int) -> None:
    picture = decoder.decode(encoded(upright(), "PNG", exif=exif(value)))
    check_upright(picture, 1, 0)


def test_unreadable_exif_leaves_the_picture_as_it_is_stored(decoder: OwnDecoder) -> None:
    data = encoded(upright(), "JPEG", quality=95, exif=b"Exif\x00\x00nothing of the kind")
    check_upright(decoder.decode(data), 1, 3)
