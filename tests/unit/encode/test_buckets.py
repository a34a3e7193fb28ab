"""Fixed shapes: every batch has one, all of them are known beforehand, and no vector is moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.random_model import make_random_model
from triptych_server.encode.buckets import Filler, image_buckets, text_buckets
from triptych_server.encode.model_folder import ModelFolder, load_model_folder
from triptych_server.encode.preprocess import read_image_recipe
from triptych_server.encode.session import CPU, Device, Session, open_session
from triptych_server.encode.tokenize import TextTokenizer
from triptych_server.encode.towers import TextTower, VisionTower


def test_sizes_double_up_to_the_largest() -> None:
    assert image_buckets(64).rows == (1, 2, 4, 8, 16, 32, 64)
    assert image_buckets(1).rows == (1,)
    assert image_buckets(48).rows == (1, 2, 4, 8, 16, 32, 48)
    assert text_buckets(4, 77, 100).lengths == (8, 16, 32, 48, 64, 77)
    assert text_buckets(4, 12, 100).lengths == (8, 12)


@given(st.integers(1, 300), st.integers(3, 80), st.integers(1, 300), st.integers(3, 80))
def test_every_batch_has_a_shape_that_was_warmed_up(
    max_batch: int, context: int, count: int, length: int
) -> None:
    max_cost = max_batch * 16
    assume(count <= max_batch and length <= context)
    # What the queue gives to a run: a single text of any length, or as many as cost no more.
    assume(count == 1 or count * length <= max_cost)
    texts, images = text_buckets(max_batch, context, max_cost), image_buckets(max_batch)

    rows, tokens = texts.shape(count, length)
    assert count <= rows < 2 * count
    assert length <= tokens <= context
    assert (rows, tokens) in texts.shapes()
    assert images.shape(count) == (rows,)
    assert (rows,) in images.shapes()


@pytest.mark.parametrize("max_batch", [1, 3, 256])
def test_the_largest_comes_first(max_batch: int) -> None:
    for buckets in (image_buckets(max_batch), text_buckets(max_batch, 77, max_batch * 16)):
        sizes = [int(np.prod(shape)) for shape in buckets.shapes()]
        assert sizes == sorted(sizes, reverse=True)
        assert len(set(buckets.shapes())) == len(sizes)


def test_what_is_filled_up() -> None:
    ids, mask = np.array([[7, 8, 9], [7, 9, 0], [7, 9, 0]]), np.array([[1, 1, 1], [1, 1, 0]] * 2)
    types: dict[str, np.dtype[Any]] = {"ids": np.dtype(np.int32), "mask": np.dtype(np.int64)}
    filler = Filler(text_buckets(4, 4, 100), types, {"ids": 5})

    first = filler.fill({"ids": ids, "mask": mask[:3]})

    assert first["ids"].tolist() == [[7, 8, 9, 5], [7, 9, 0, 5], [7, 9, 0, 5], [7, 8, 9, 5]]
    assert first["mask"].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]
    assert {name: array.dtype for name, array in first.items()} == types
    # In the same memory, whatever the size.
    second = filler.fill({"ids": ids[:1], "mask": mask[:1]})
    assert second["ids"].tolist() == [[7, 8, 9, 5]]
    assert np.shares_memory(first["ids"], second["ids"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return load_model_folder(make_random_model(tmp_path_factory.mktemp("buckets") / "model"))


def session(model: Path, *, bound: bool) -> Session:
    """A session on the CPU that runs as one on a GPU does, if it is ``bound``."""
    raw = open_session(model, device=Device.CPU, threads=1)._session
    return Session(raw, bound=bound)


@pytest.mark.parametrize("bound", [False, True])
def test_pictures_have_the_same_vectors_in_fixed_shapes(folder: ModelFolder, bound: bool) -> None:
    recipe = read_image_recipe(folder.path)
    model = session(folder.vision, bound=bound)
    plain = VisionTower(folder, session(folder.vision, bound=False), recipe)
    fixed = VisionTower(folder, model, recipe, buckets=image_buckets(8))
    crops = list(np.random.default_rng(0).integers(0, 256, (8, 40, 40, 3), np.uint8))

    for count in (8, 1, 5, 2, 3):
        found = fixed.encode(crops[:count])
        assert found.shape == (count, 48)
        np.testing.assert_allclose(found, plain.encode(crops[:count]), atol=1e-6)
    assert [len(batch) for batch in fixed.samples()] == [8, 4, 2, 1]
    assert not list(plain.samples())


@pytest.mark.parametrize("bound", [False, True])
def test_texts_have_the_same_vectors_in_fixed_shapes(folder: ModelFolder, bound: bool) -> None:
    tokenizer = TextTokenizer(folder.path, folder.context_length)
    model = session(folder.text, bound=bound)
    plain = TextTower(folder, session(folder.text, bound=False), tokenizer)
    fixed = TextTower(folder, model, tokenizer, buckets=text_buckets(8, 12, 128))
    texts = ["a", "a cup of coffee", "the red train on a bridge by the river in the rain", "snow"]
    rows = [tokenizer.wrap(tokenizer.content(text)) for text in texts]

    for chosen in (rows, rows[:1], rows[1:3], rows[:3] * 2):
        found = fixed.encode(chosen)
        assert found.shape == (len(chosen), 48)
        np.testing.assert_allclose(found, plain.encode(chosen), atol=1e-6)
    for batch in fixed.samples():
        assert np.isfinite(fixed.encode(batch)).all()


def test_a_bound_run_gives_what_a_plain_one_gives(folder: ModelFolder) -> None:
    feeds = {"pixel_values": np.random.default_rng(0).standard_normal((3, 3, 40, 40), np.float32)}
    plain, bound = (session(folder.vision, bound=bound) for bound in (False, True))

    first = bound.run("image_embeds", feeds)
    second = bound.run("image_embeds", {"pixel_values": feeds["pixel_values"][1:]})

    # What a run gave stays as it was when the next one is made.
    np.testing.assert_array_equal(first, plain.run("image_embeds", feeds))
    np.testing.assert_allclose(second, first[1:], atol=1e-6)
    assert (bound.provider, bound.place, bound.on_gpu) == (CPU, CPU, False)
