"""JPEGs at a part of their sides: the same picture, the same refusals, the same words about it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.broken_pictures import FORMATS, seeds
from tests.support.decoding import OwnDecoder, open_intake
from tests.support.panels import with_orientation
from tests.support.pictures import encoded, textless, ycck_jpeg
from triptych_server.domain.decoding import Detail
from triptych_server.domain.errors import InvalidInput, Reason
from triptych_server.domain.items import Picture
from triptych_server.domain.limits import Limits

QUARTER = Detail(shorter=100, longer=150)  # of what `photo` draws
DECODER = OwnDecoder(Limits())


def photo(width: int = 803, height: int = 602, mode: str = "RGB") -> Image.Image:
    """Large shapes, with sides that no scale divides."""
    return textless(4).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def refusal(data: bytes, detail: Detail | None) -> list[tuple[Reason, str]]:
    with pytest.raises(InvalidInput) as caught:
        DECODER.decode(data, detail)
    return [(v.reason, v.message) for v in caught.value.violations]


def near(scaled: Picture, whole: Picture) -> bool:
    """Whether two decodings show the same, looked at from afar."""
    small = [
        np.asarray(Image.fromarray(p.pixels).resize((40, 30), Image.Resampling.BOX), np.int16)
        for p in (scaled, whole)
    ]
    return float(np.abs(small[0] - small[1]).mean()) < 3


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(40, 900), height=st.integers(40, 900), wanted=st.sampled_from([20, 60, 300])
)
def test_its_size_is_that_of_the_scale_rounded_up(width: int, height: int, wanted: int) -> None:
    detail = Detail(wanted, wanted)
    scale = detail.scale(width, height)
    made = DECODER.decode(encoded(Image.new("RGB", (width, height)), "JPEG"), detail)
    assert made.scale == scale
    assert made.pixels.shape == (-(-height // scale), -(-width // scale), 3)
    assert (made.info.width, made.info.height) == (width, height)
    assert made.detail == detail


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_upright_and_told_of_as_it_came(orientation: int) -> None:
    data = with_orientation(encoded(photo(), "JPEG"), orientation)
    whole, scaled = DECODER.decode(data), DECODER.decode(data, QUARTER)
    assert scaled.info == whole.info
    assert scaled.scale == 4
    assert scaled.pixels.shape == (151, 201, 3)
    assert near(scaled, whole)


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"subsampling": 0}, {"mode": "L"}, {"mode": "CMYK"}],
    ids=str,
)
def test_every_kind_of_jpeg_is_scaled(options: dict[str, object]) -> None:
    kind = str(options.get("mode", "RGB"))
    rest = {name: value for name, value in options.items() if name != "mode"}
    data = encoded(photo(mode=kind), "JPEG", quality=92, **rest)
    whole, scaled = DECODER.decode(data), DECODER.decode(data, QUARTER)
    assert scaled.scale == 4
    assert scaled.notices == whole.notices
    assert near(scaled, whole)


def test_inverted_inks_stay_inverted() -> None:
    data = ycck_jpeg((0, 200, 200, 0), side=64)
    scaled = DECODER.decode(data, Detail(16, 16))
    assert scaled.pixels.shape == (16, 16, 3)
    assert np.abs(scaled.pixels.mean((0, 1)) - DECODER.decode(data).pixels.mean((0, 1))).max() < 3


def test_the_first_of_a_phones_several_pictures_is_scaled() -> None:
    file = io.BytesIO()
    photo().save(file, "MPO", save_all=True, append_images=[photo(200, 150)])
    whole, scaled = DECODER.decode(file.getvalue()), DECODER.decode(file.getvalue(), QUARTER)
    assert (scaled.info, scaled.notices) == (whole.info, whole.notices)
    assert scaled.pixels.shape == (151, 201, 3)
    assert near(scaled, whole)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_cut_file_is_refused_alike(share: float, progressive: bool) -> None:
    data = encoded(photo(), "JPEG", progressive=progressive)
    cut = data[: int(len(data) * share)]
    assert refusal(cut, QUARTER) == refusal(cut, None)


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"JPEG"}))
def test_no_other_format_is_touched(format: str) -> None:
    for data in seeds(format):
        try:
            whole = DECODER.decode(data)
        except InvalidInput:
            assert refusal(data, Detail(1, 1)) == refusal(data, None)
            continue
        scaled = DECODER.decode(data, Detail(1, 1))
        assert scaled.scale == 1
        assert np.array_equal(scaled.pixels, whole.pixels)


async def test_a_process_gives_the_same_pixels() -> None:
    data = with_orientation(encoded(photo(), "JPEG"), 6)
    intake = await open_intake()
    try:
        for detail in (QUARTER, None, Detail(300, 300), Detail(5000, 1)):
            came, wanted = await intake.decode(data, detail), DECODER.decode(data, detail)
            assert (came.info, came.scale, came.detail) == (wanted.info, wanted.scale, detail)
            assert np.array_equal(came.pixels, wanted.pixels)
            assert came.serves(detail)
    finally:
        await intake.close()


def test_what_serves_what() -> None:
    jpeg, png = encoded(photo(), "JPEG"), encoded(photo(), "PNG")
    quarter, whole = DECODER.decode(jpeg, QUARTER), DECODER.decode(jpeg)
    assert quarter.serves(QUARTER)
    assert not quarter.serves(None)
    assert not whole.serves(QUARTER)
    assert whole.serves(Detail(500, 500))  # too much for any scale
    assert DECODER.decode(png, QUARTER).serves(None)
