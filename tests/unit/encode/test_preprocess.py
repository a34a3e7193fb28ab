"""Preprocessing against the reference recipe, written out in plain Pillow and numpy."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from triptych_server.domain.decoding import Decoding, Detail
from triptych_server.domain.items import ImageInfo, Picture
from triptych_server.encode.errors import ModelFolderError
from triptych_server.encode.preprocess import ImageRecipe, Pixels, read_image_recipe

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
CONFIG = {
    "crop_size": {"height": 40, "width": 40},
    "do_center_crop": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": list(MEAN),
    "image_std": list(STD),
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"shortest_edge": 40},
}


def reference_crop(pixels: Pixels, edge: int, crop: tuple[int, int]) -> Pixels:
    """CLIPImageProcessor on Pillow: resize all of the picture, then cut the middle out."""
    height, width = pixels.shape[:2]
    short, long = min(height, width), max(height, width)
    new_long = int(edge * long / short)
    size = (edge, new_long) if width <= height else (new_long, edge)
    resized = np.asarray(Image.fromarray(pixels).resize(size, resample=Image.Resampling.BICUBIC))
    top = (resized.shape[0] - crop[0]) // 2
    left = (resized.shape[1] - crop[1]) // 2
    return resized[top : top + crop[0], left : left + crop[1]]


def recipe(edge: int, crop: tuple[int, int]) -> ImageRecipe:
    return ImageRecipe(edge, crop, 1 / 255, MEAN, STD)


def noise(height: int, width: int) -> Pixels:
    rng = np.random.default_rng(height * 100_003 + width)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(folder: Path, config: object) -> Path:
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return folder


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(8, 700),
    width=st.integers(8, 700),
    edge=st.sampled_from([40, 64, 224]),
    trim=st.sampled_from([(0, 0), (1, 1), (7, 0)]),
)
@example(height=5000, width=100, edge=224, trim=(0, 0))
@example(height=100, width=5000, edge=224, trim=(0, 0))
@example(height=8, width=400, edge=64, trim=(1, 1))
@example(height=400, width=8, edge=40, trim=(0, 0))
@example(height=8, width=8, edge=224, trim=(0, 0))
@example(height=1200, width=1600, edge=224, trim=(0, 0))
@example(height=224, width=224, edge=224, trim=(0, 0))
@example(height=64, width=65, edge=64, trim=(0, 0))
def test_the_pixels_are_those_of_the_reference(
    height: int, width: int, edge: int, trim: tuple[int, int]
) -> None:
    pixels = noise(height, width)
    crop = (edge - trim[0], edge - trim[1])

    ours = recipe(edge, crop).shrink(pixels)

    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, reference_crop(pixels, edge, crop))


def test_the_long_edge_is_rounded_down() -> None:
    # 224 · 667 / 500 = 298.816
    assert recipe(224, (224, 224)).resized(667, 500) == (298, 224)
    assert recipe(224, (224, 224)).resized(500, 667) == (224, 298)
    assert recipe(224, (224, 224)).resized(100, 5000) == (224, 11200)


def test_normalising_is_the_reference_formula() -> None:
    crops = [noise(40, 40), np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)]

    batch = recipe(40, (40, 40)).normalise(crops)

    assert batch.dtype == np.float32
    assert batch.shape == (3, 3, 40, 40)
    for row, crop in zip(batch, crops, strict=True):
        expected = (crop / 255.0 - np.array(MEAN)) / np.array(STD)
        np.testing.assert_allclose(row, expected.transpose(2, 0, 1), atol=2e-6)


def test_normalising_one_is_normalising_many() -> None:
    crops = [noise(40, 40 + i)[:, :40] for i in range(5)]
    made = recipe(40, (40, 40))

    batch = made.normalise(crops)

    for row, crop in zip(batch, crops, strict=True):
        np.testing.assert_array_equal(row, made.normalise([crop])[0])


def test_a_configuration_is_read(tmp_path: Path) -> None:
    assert read_image_recipe(write(tmp_path, CONFIG)) == recipe(40, (40, 40))


def test_the_short_form_and_the_defaults_are_read(tmp_path: Path) -> None:
    config = {"size": 40, "crop_size": 40, "image_mean": list(MEAN), "image_std": list(STD)}

    assert read_image_recipe(write(tmp_path, config)) == recipe(40, (40, 40))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"resample": 2}, "resample"),
        ({"do_center_crop": False}, "do_center_crop"),
        ({"do_resize": False}, "do_resize"),
        ({"do_rescale": False}, "do_rescale"),
        ({"do_normalize": False}, "do_normalize"),
        ({"size": {"height": 40, "width": 40}}, "size"),
        ({"size": {"shortest_edge": 40, "longest_edge": 90}}, "size"),
        ({"size": 0}, "size"),
        ({"crop_size": {"height": 41, "width": 40}}, "crop_size"),
        ({"crop_size": {"height": 40}}, "crop_size"),
        ({"crop_size": True}, "crop_size"),
        ({"rescale_factor": 0}, "rescale_factor"),
        ({"rescale_factor": "1/255"}, "rescale_factor"),
        ({"image_mean": [0.5, 0.5]}, "image_mean"),
        ({"image_std": [0.5, 0.5, 0]}, "image_mean and image_std"),
    ],
)
def test_an_unknown_mode_is_refused(tmp_path: Path, change: dict[str, object], named: str) -> None:
    with pytest.raises(ModelFolderError) as caught:
        read_image_recipe(write(tmp_path, {**CONFIG, **change}))

    assert str(tmp_path) in str(caught.value)
    assert f"preprocessor_config.json: {named}" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_an_unreadable_configuration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "preprocessor_config.json").write_text(text, encoding="latin-1")

    with pytest.raises(ModelFolderError):
        read_image_recipe(tmp_path)


def blocks(height: int, width: int) -> Pixels:
    """Smooth shapes, as a photograph has them."""
    coarse = Image.fromarray(noise(9, 12)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(coarse)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(8, 900),
    width=st.integers(8, 900),
    scale=st.sampled_from([1, 2, 4, 8]),
    trim=st.sampled_from([(0, 0), (1, 1), (7, 0)]),
)
@example(height=3001, width=4003, scale=4, trim=(0, 0))
@example(height=5000, width=100, scale=1, trim=(0, 0))
@example(height=41, width=40, scale=1, trim=(0, 0))
def test_the_part_of_a_scaled_picture_is_what_the_model_saw_of_the_whole(
    height: int, width: int, scale: int, trim: tuple[int, int]
) -> None:
    pixels = blocks(height, width)
    crop = (40 - trim[0], 40 - trim[1])
    made = recipe(40, crop)
    # What is left of the picture where each `scale` pixels became one, the last ones of fewer.
    edges = [np.arange(0, side, scale) for side in (height, width)]
    sums = np.add.reduceat(np.add.reduceat(pixels.astype(float), edges[0], 0), edges[1], 1)
    counts = np.outer(
        *(np.diff([*e, side]) for e, side in zip(edges, (height, width), strict=True))
    )
    small = np.round(sums / counts[:, :, None]).astype(np.uint8)
    info = ImageInfo("JPEG", width, height, 1, "")

    seen = made.crop_of(Picture(small, info, scale=scale, detail=Detail(1, 1)))

    assert seen.shape == (*crop, 3)
    if min(height, width) >= 2 * 40 * scale:
        moved = np.abs(seen.astype(int) - reference_crop(pixels, 40, crop))
        assert moved.mean() < 1
        assert moved.max() < 16


def test_a_picture_of_which_all_was_asked_for_goes_the_exact_way() -> None:
    pixels = noise(301, 407)
    picture = Picture(pixels, ImageInfo("PNG", 407, 301, 1, ""))
    assert np.array_equal(
        recipe(40, (40, 40)).crop_of(picture), reference_crop(pixels, 40, (40, 40))
    )


def test_exact_and_scaled_have_fingerprints_of_their_own(tmp_path: Path) -> None:
    made = read_image_recipe(write(tmp_path, CONFIG))
    # Collections were stamped with the first one before there was a second way.
    assert made.fingerprint(Decoding.EXACT) == "8569c5e8637d"
    assert made.fingerprint(Decoding.SCALED) != made.fingerprint(Decoding.EXACT)
    assert made.detail == Detail(shorter=80, longer=512)


def test_the_fingerprint_follows_what_moves_a_vector(tmp_path: Path) -> None:
    def fingerprint(**change: object) -> str:
        return read_image_recipe(write(tmp_path, {**CONFIG, **change})).fingerprint(Decoding.EXACT)

    plain = fingerprint()
    assert len(plain) == 12
    assert int(plain, 16) >= 0
    # What does not move a vector, or is written in another way, leaves it.
    assert fingerprint(feature_extractor_type="CLIPFeatureExtractor", crop_size=40) == plain
    changed = {
        fingerprint(size=41),
        fingerprint(crop_size=39),
        fingerprint(image_mean=[0.5, 0.5, 0.5]),
        fingerprint(image_std=[0.5, 0.5, 0.5]),
        fingerprint(rescale_factor=1 / 256),
    }
    assert len(changed | {plain}) == 6
