"""Damaged and made-up files: a picture or one InvalidInput, and nothing else."""

import os
import random
import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.broken_pictures import SIGNATURES, mutated, seeds
from tests.support.decoding import OwnDecoder
from triptych_server.domain.errors import InvalidInput, Reason
from triptych_server.domain.limits import Limits
from triptych_server.encode.formats import accepted_formats, damage, sniff

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
def decoder() -> OwnDecoder:
    return OwnDecoder(Limits(max_image_pixels=1_000_000))


def verdict(decoder: OwnDecoder, data: bytes) -> Reason | None:
    """None for a picture, checked to be a whole one; else the reason of a proper refusal."""
    try:
        picture = decoder.decode(data)
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
def test_mutated_files(decoder: OwnDecoder, format: str, caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(f"{format} 1")
    files = seeds(format)
    for data in files:
        assert verdict(decoder, data) in (None, Reason.IMAGE_FORMAT_UNSUPPORTED)
    verdicts = {verdict(decoder, mutated(rng.choice(files), rng)) for _ in range(ROUNDS)}
    assert None in verdicts
    assert Reason.IMAGE_DECODE_FAILED in verdicts
    assert not caplog.records


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([b"", *SIGNATURES]), st.binary(max_size=300))
@example(b"RIFF\x40\x00\x00\x00WEBP", b"")
@example(b"\x00\x00\x00\x01ftypavif", b"\x00\x00\x00\x01")
def test_made_up_files(decoder: OwnDecoder, signature: bytes, body: bytes) -> None:
    verdict(decoder, signature + body)


@given(st.sampled_from(SIGNATURES), st.binary(max_size=300))
def test_the_structure_check_ends_and_never_raises(signature: bytes, body: bytes) -> None:
    format = sniff(signature + body)
    assert format is not None
    damage(format, signature + body)
