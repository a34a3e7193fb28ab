"""What the picture decoder lets in, and how it says no."""

import hashlib
import struct
import zlib

import pytest
from PIL import GifImagePlugin, Image, TiffImagePlugin

from tests.support.decoding import OwnDecoder
from tests.support.pictures import encoded, png_chunk, png_file, textless, tiff_file
from triptych_server.domain.errors import InvalidInput, Reason
from triptych_server.domain.items import WarningCode
from triptych_server.domain.limits import Limits
from triptych_server.encode.formats import MAX_JPEG_SCANS, accepted_formats, sniff

RED = (200, 40, 40)


@pytest.fixture
def decoder() -> OwnDecoder:
    return OwnDecoder(Limits())


def said(error: InvalidInput) -> str:
    """The violations' own words, without the path that the caller puts before them."""
    return "; ".join(violation.message for violation in error.violations)


def refusal(decoder: OwnDecoder, data: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        decoder.decode(data)
    assert all(v.field == "" for v in caught.value.violations)
    return caught.value


def plain(format: str, width: int = 40, height: int = 30, **options: object) -> bytes:
    return encoded(Image.new("RGB", (width, height), RED), format, **options)


@pytest.mark.parametrize("format", accepted_formats())
def test_every_accepted_format_is_told_by_content(decoder: OwnDecoder, format: str) -> None:
    data = plain(format)
    picture = decoder.decode(data)
    assert picture.info.format == format
    assert (picture.info.width, picture.info.height) == (40, 30)
    assert picture.info.byte_size == len(data)
    assert picture.info.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.info.orientation == 1
    assert picture.pixels.shape == (30, 40, 3)
    assert picture.pixels.dtype == "uint8"
    assert picture.notices == ()


def test_this_build_reads_everything_on_the_list() -> None:
    assert accepted_formats() == (
        "JPEG",
        "PNG",
        "WEBP",
        "GIF",
        "BMP",
        "TIFF",
        "AVIF",
        "JPEG2000",
    )


def test_no_bytes(decoder: OwnDecoder) -> None:
    error = refusal(decoder, b"")
    assert error.reason is Reason.IMAGE_EMPTY
    assert said(error) == "0 bytes"


HEIC = b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1heicmiaf" + bytes(200)


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><circle r='9'/></svg>",
        b"%PDF-1.7\n1 0 obj\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
        HEIC,
        b"P6 4 4 255\n" + bytes(48),
        b"\x00\x00\x01\x00\x01\x00" + bytes(40),
        b"just words",
        b"\x00",
    ],
    ids=["svg", "pdf", "eps", "heic", "ppm", "ico", "words", "nul"],
)
def test_other_formats_are_refused_with_the_list(decoder: OwnDecoder, data: bytes) -> None:
    error = refusal(decoder, data)
    assert error.reason is Reason.IMAGE_FORMAT_UNSUPPORTED
    assert "JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, JPEG2000" in said(error)


def test_avif_is_told_from_heic_by_its_brands() -> None:
    assert sniff(plain("AVIF")) == "AVIF"
    assert sniff(HEIC) is None
    assert sniff(HEIC.replace(b"miaf", b"avif")) == "AVIF"


def test_a_format_that_pillow_lacks_is_refused(
    decoder: OwnDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import features

    data = plain("AVIF")
    check = features.check
    monkeypatch.setattr(features, "check", lambda name: name != "avif" and check(name))
    without = OwnDecoder(Limits())
    error = refusal(without, data)
    assert error.reason is Reason.IMAGE_FORMAT_UNSUPPORTED
    assert "AVIF" not in said(error)


def test_too_many_bytes() -> None:
    data = plain("BMP")
    decoder = OwnDecoder(Limits(max_image_bytes=len(data) - 1))
    error = refusal(decoder, data)
    assert error.reason is Reason.IMAGE_TOO_LARGE
    assert said(error) == f"too many bytes (got {len(data)}, allowed {len(data) - 1})"
    exact = OwnDecoder(Limits(max_image_bytes=len(data)))
    assert (exact.decode(data)).info.byte_size == len(data)


def test_too_many_pixels_are_seen_before_they_are_decoded(decoder: OwnDecoder) -> None:
    data = encoded(Image.new("1", (10_000, 10_000)), "PNG")
    error = refusal(decoder, data)
    assert error.reason is Reason.IMAGE_TOO_LARGE
    assert said(error) == "too many pixels (got 10000x10000 = 100 MP, allowed 50 MP)"


@pytest.mark.parametrize("side", [15_000, 60_000])
def test_a_bomb_is_refused_by_its_header_alone(decoder: OwnDecoder, side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    data += png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")
    error = refusal(decoder, data)
    assert error.reason is Reason.IMAGE_TOO_LARGE
    assert "allowed 50 MP" in said(error)


def test_a_small_tiff_with_a_huge_tile_is_refused(decoder: OwnDecoder) -> None:
    data = tiff_file(
        bytes(3 * 16 * 16),
        side=16,
        bits=(8, 8, 8),
        photometric=2,
        tags={322: 65_520, 323: 65_520, 324: 8, 325: 768},
    )
    assert (refusal(decoder, data)).reason is Reason.IMAGE_DECODE_FAILED


def test_too_small(decoder: OwnDecoder) -> None:
    error = refusal(decoder, plain("PNG", 7, 7))
    assert error.reason is Reason.IMAGE_TOO_SMALL
    assert said(error) == "a side is too short (got 7x7, allowed at least 8 pixels a side)"
    assert (decoder.decode(plain("PNG", 8, 8))).info.width == 8


def test_aspect(decoder: OwnDecoder) -> None:
    error = refusal(decoder, plain("PNG", 401, 8))
    assert error.reason is Reason.IMAGE_ASPECT
    assert said(error) == "one side is too long for the other (got 51:1, allowed 50:1)"
    assert (decoder.decode(plain("PNG", 8, 400))).info.height == 400


def test_all_violations_come_at_once(decoder: OwnDecoder) -> None:
    error = refusal(decoder, plain("PNG", 5000, 1))
    assert [v.reason for v in error.violations] == [Reason.IMAGE_TOO_SMALL, Reason.IMAGE_ASPECT]
    assert "got 5000:1, allowed 50:1" in error.violations[1].message


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("part", [0.4, 0.8])
def test_a_cut_file_is_called_truncated(decoder: OwnDecoder, format: str, part: float) -> None:
    data = encoded(textless(1, side=64), format)
    error = refusal(decoder, data[: int(len(data) * part)])
    assert error.reason is Reason.IMAGE_TRUNCATED
    assert said(error) == f"the {format} data ends before the picture does"


def test_a_cut_jpeg_is_not_taken_for_whole_by_its_thumbnails_end(
    decoder: OwnDecoder,
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "x"
    thumbnail = plain("JPEG", 16, 16)
    data = encoded(textless(1, side=64), "JPEG", exif=exif.tobytes() + thumbnail)
    assert data.index(b"\xff\xd9") < data.rindex(b"\xff\xda")
    assert (refusal(decoder, data[:-200])).reason is Reason.IMAGE_TRUNCATED


def test_a_cut_tiff_is_refused(decoder: OwnDecoder) -> None:
    data = encoded(textless(1, side=64), "TIFF")
    assert (refusal(decoder, data[:-200])).reason is Reason.IMAGE_DECODE_FAILED


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"PLTE"])
def test_a_png_with_a_wrong_checksum(decoder: OwnDecoder, kind: bytes) -> None:
    data = bytearray(encoded(textless(1, side=64).convert("P"), "PNG"))
    at = data.index(kind)
    data[at + 4 + int.from_bytes(data[at - 4 : at], "big")] ^= 0xFF
    error = refusal(decoder, bytes(data))
    assert error.reason is Reason.IMAGE_DECODE_FAILED
    assert said(error) == "the PNG data does not match its checksum"


def test_a_png_text_chunk_that_unpacks_to_100_mb(decoder: OwnDecoder) -> None:
    text = png_chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(100_000_000), 9))
    data = png_file([bytes(48)] * 16, width=16, depth=8, colour_type=2, extra=text)
    error = refusal(decoder, data)
    assert error.reason is Reason.IMAGE_DECODE_FAILED
    assert said(error) == "the PNG data cannot be decoded"


def test_a_jpeg_with_thousands_of_scans(decoder: OwnDecoder) -> None:
    data = encoded(textless(1, side=64), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    assert (decoder.decode(data)).info.width == 64
    error = refusal(decoder, data[:-2] + scan * (MAX_JPEG_SCANS + 1) + b"\xff\xd9")
    assert error.reason is Reason.IMAGE_DECODE_FAILED
    assert said(error) == "the JPEG data has more scans than a picture needs"


def test_what_follows_a_jpegs_end_is_not_read(decoder: OwnDecoder) -> None:
    """Phones append videos to photos; those bytes hold markers by chance."""
    data = plain("JPEG") + b"\xff\xda\x00\x02" * (MAX_JPEG_SCANS * 2)
    assert (decoder.decode(data)).info.format == "JPEG"


def test_a_raw_files_thumbnail_does_not_stand_for_the_picture(
    decoder: OwnDecoder,
) -> None:
    data = tiff_file(bytes(3 * 16 * 16), side=16, bits=(8, 8, 8), photometric=2, tags={254: 1})
    error = refusal(decoder, data)
    assert error.reason is Reason.IMAGE_FORMAT_UNSUPPORTED
    assert "thumbnail" in said(error)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_the_first_frame_stands_for_an_animation(
    decoder: OwnDecoder, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    colours = [RED, (40, 200, 40), (40, 40, 200), (0, 0, 0)]
    frames = [Image.new("RGB", (32, 32), colour) for colour in colours]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:])

    def counted(_: object) -> int:
        raise AssertionError("the frames of an untrusted file were counted")

    monkeypatch.setattr(GifImagePlugin.GifImageFile, "n_frames", property(counted))
    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "n_frames", property(counted))
    picture = decoder.decode(data)
    assert [n.code for n in picture.notices] == [WarningCode.ANIMATION_FIRST_FRAME]
    assert abs(picture.pixels[16, 16].astype(int) - RED).max() <= 6


def test_a_depth_map_behind_a_photo_is_no_animation(decoder: OwnDecoder) -> None:
    photo = Image.new("RGB", (32, 32), RED)
    data = encoded(photo, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 32))])
    picture = decoder.decode(data)
    assert picture.info.format == "JPEG"
    assert picture.notices == ()
