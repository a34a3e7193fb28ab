"""Thumbnails: small, upright, on white, and of the picture that the encoder saw."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from tests.support.decoding import OwnDecoder
from tests.support.panels import with_orientation
from tests.support.pictures import encoded, poster
from triptych_server.domain.items import ImageVariant
from triptych_server.domain.limits import Limits
from triptych_server.domain.pictures import MEDIA_TYPES, KeptFile
from triptych_server.encode.formats import accepted_formats
from triptych_server.encode.thumbnail import LONGEST_SIDE, make_thumbnail


@pytest.fixture
def decoder() -> OwnDecoder:
    return OwnDecoder(Limits())


def thumbnail(decoder: OwnDecoder, data: bytes) -> KeptFile:
    made = make_thumbnail(decoder.decode(data).pixels)
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
def test_the_longer_side_is_512_at_most(
    decoder: OwnDecoder, size: tuple[int, int], small: tuple[int, int]
) -> None:
    made = thumbnail(decoder, encoded(Image.new("RGB", size, (10, 90, 200)), "PNG"))
    assert (made.image.width, made.image.height) == small
    assert max(small) <= LONGEST_SIDE
    assert np.abs(pixels(made.data) - (10, 90, 200)).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright_and_the_same_for_every_orientation(
    decoder: OwnDecoder, orientation: int
) -> None:
    upright, _ = poster("SUMMER SALE", "BUY NOW", side=640)
    file = encoded(upright.crop((0, 0, 640, 400)), "PNG")
    made = thumbnail(decoder, with_orientation(file, orientation))
    assert (made.image.width, made.image.height) == (512, 320)
    wanted = np.asarray(upright.crop((0, 0, 640, 400)).resize((512, 320)), np.float64)
    assert np.abs(pixels(made.data) - wanted).mean() < 4


def test_what_is_transparent_is_white(decoder: OwnDecoder) -> None:
    made = thumbnail(decoder, encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "PNG"))
    assert pixels(made.data).min() >= 253


def test_equal_pictures_make_equal_files(decoder: OwnDecoder) -> None:
    data = encoded(poster("SALE", "NOW")[0], "PNG")
    one, other = thumbnail(decoder, data), thumbnail(decoder, data)
    assert one == other


def test_a_photograph_becomes_tens_of_kilobytes(decoder: OwnDecoder) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    made = thumbnail(decoder, encoded(Image.fromarray(noise), "JPEG", quality=90))
    # Nothing is harder to press than noise.
    assert len(made.data) < 160_000
    made = thumbnail(decoder, encoded(poster("SUMMER", "SALE", side=1500)[0], "PNG"))
    assert len(made.data) < 12_000


def test_every_format_has_a_media_type() -> None:
    assert set(accepted_formats()) <= MEDIA_TYPES.keys()
    assert all(kind.startswith("image/") for kind in MEDIA_TYPES.values())
