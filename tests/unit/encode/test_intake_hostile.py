"""Damaged and made-up files: a picture or one InvalidInput, and nothing else."""

import os
import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.pictures import encoded, textless
from triptych_server.domain.errors import InvalidInput, Reason
from triptych_server.domain.limits import Limits
from triptych_server.encode.formats import accepted_formats, damage, sniff
from triptych_server.encode.intake import PillowIntake

ROUNDS = 40_000 if os.environ.get("TRIPTYCH_SOAK") == "1" else 300

# The whole of what a refusal may say.
OURS = re.compile(
    r"0 bytes"
    r"|the \w+ data (ends before the picture does|does not match its checksum|cannot be decoded"
    r"|has more scans than a picture needs)"
    r"|too many pixels \((got \d+x\d+ = [\d.e+]+ MP, )?allowed 1 MP\)"
    r"|a side is too short \(got \d+x\d+, allowed at least 8 pixels a side\)"
    r"|one side is too long for the other \(got \d+:1, allowed 50:1\)"
    r"|(not a picture in a format that is read|floating-point samples are not read"
    r"|32-bit samples outside of 0 to 65535 are not read"
    r"|a TIFF that begins with a thumbnail, as raw files do) \(allowed JPEG, .*\)"
)


@pytest.fixture(scope="module")
def intake() -> Iterator[PillowIntake]:
    intake = PillowIntake(Limits(max_image_pixels=1_000_000), workers=1)
    yield intake
    intake.close()


def seeds(format: str) -> list[bytes]:
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
    return common


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to four small accidents, more often near the beginning, where the structure is."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = int(len(out) * rng.random() ** rng.choice((1, 3)))
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


async def verdict(intake: PillowIntake, data: bytes) -> Reason | None:
    """None for a picture, checked to be a whole one; else the reason of a proper refusal."""
    try:
        picture = await intake.decode(data)
    except InvalidInput as error:
        for violation in error.violations:
            assert violation.field == ""
            assert violation.reason.startswith("IMAGE_")
            assert OURS.fullmatch(violation.message), violation.message
        return error.reason
    assert picture.pixels.dtype == "uint8"
    assert picture.pixels.shape == (picture.info.height, picture.info.width, 3)
    assert picture.info.format in accepted_formats()
    assert 1 <= picture.info.orientation <= 8
    return None


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("format", accepted_formats())
async def test_mutated_files(
    intake: PillowIntake, format: str, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(f"{format} 1")
    files = seeds(format)
    for data in files:
        assert await verdict(intake, data) in (None, Reason.IMAGE_FORMAT_UNSUPPORTED)
    verdicts = {await verdict(intake, mutated(rng.choice(files), rng)) for _ in range(ROUNDS)}
    assert None in verdicts
    assert Reason.IMAGE_DECODE_FAILED in verdicts
    assert not caplog.records


SIGNATURES = [
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
]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([b"", *SIGNATURES]), st.binary(max_size=300))
@example(b"RIFF\x40\x00\x00\x00WEBP", b"")
@example(b"\x00\x00\x00\x01ftypavif", b"\x00\x00\x00\x01")
async def test_made_up_files(intake: PillowIntake, signature: bytes, body: bytes) -> None:
    await verdict(intake, signature + body)


@given(st.sampled_from(SIGNATURES), st.binary(max_size=300))
def test_the_structure_check_ends_and_never_raises(signature: bytes, body: bytes) -> None:
    format = sniff(signature + body)
    assert format is not None
    damage(format, signature + body)
