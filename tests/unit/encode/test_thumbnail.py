"""Thumbnails: small, upright, on white, and of the picture that the encoder saw."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from tests.support.panels import with_orientation
from tests.support.pictures import encoded, poster
from triptych_server.domain.items import ImageVariant
from triptych_server.domain.limits import Limits
from triptych_server.domain.pictures import MEDIA_TYPES, KeptFile
from triptych_server.encode.formats import accepted_formats
from triptych_server.encode.intake import PillowIntake
from triptych_server.encode.thumbnail import LONGEST_SIDE


@pytest.fixture
def intake() -> Iterator[PillowIntake]:
    intake = PillowIntake(Limits(), workers=2)
    yield intake
    intake.close()


async def thumbnail(intake: PillowIntake, data: bytes) -> KeptFile:
    made = await intake.thumbnail(await intake.decode(data))
    with Image.open(io.BytesIO(made.data)) as image:
        assert image.format == "WEBP"
        assert image.size == (made.image.width, made.image.height)
        assert image.mode == "RGB"
        assert not image.getexif()
    assert made.image.variant is ImageVariant.THUMBNAIL
    assert made.image.media_type == "image/webp"
    assert made.image.byte_size == len(made.data)
    assert made.image.sha256 == hashlib.sha256(made.data).hexdigest()
    return made


def pixels(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"), np.float64)


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((1024, 768), (512, 384)),
        ((300, 2400), (64, 512)),
        ((512, 512), (512, 512)),
        ((513, 513), (512, 512)),
        ((40, 30), (40, 30)),
        ((8, 400), (8, 400)),
        ((25_000, 500), (512, 10)),
    ],
)
async def test_the_longer_side_is_512_at_most(
    intake: PillowIntake, size: tuple[int, int], small: tuple[int, int]
) -> None:
    made = await thumbnail(intake, encoded(Image.new("RGB", size, (10, 90, 200)), "PNG"))
    assert (made.image.width, made.image.height) == small
    assert max(small) <= LONGEST_SIDE
    assert np.abs(pixels(made.data) - (10, 90, 200)).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_it_is_upright_and_the_same_for_every_orientation(
    intake: PillowIntake, orientation: int
) -> None:
    upright, _ = poster("SUMMER SALE", "BUY NOW", side=640)
    file = encoded(upright.crop((0, 0, 640, 400)), "PNG")
    made = await thumbnail(intake, with_orientation(file, orientation))
    assert (made.image.width, made.image.height) == (512, 320)
    wanted = np.asarray(upright.crop((0, 0, 640, 400)).resize((512, 320)), np.float64)
    assert np.abs(pixels(made.data) - wanted).mean() < 4


async def test_what_is_transparent_is_white(intake: PillowIntake) -> None:
    made = await thumbnail(intake, encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "PNG"))
    assert pixels(made.data).min() >= 253


async def test_equal_pictures_make_equal_files(intake: PillowIntake) -> None:
    data = encoded(poster("SALE", "NOW")[0], "PNG")
    one, other = await thumbnail(intake, data), await thumbnail(intake, data)
    assert one == other


async def test_a_photograph_becomes_tens_of_kilobytes(intake: PillowIntake) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    made = await thumbnail(intake, encoded(Image.fromarray(noise), "JPEG", quality=90))
    # Nothing is harder to press than noise.
    assert len(made.data) < 160_000
    made = await thumbnail(intake, encoded(poster("SUMMER", "SALE", side=1500)[0], "PNG"))
    assert len(made.data) < 12_000


def test_every_format_has_a_media_type() -> None:
    assert set(accepted_formats()) <= MEDIA_TYPES.keys()
    assert all(kind.startswith("image/") for kind in MEDIA_TYPES.values())
