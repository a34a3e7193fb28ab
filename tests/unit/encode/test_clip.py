"""Encoding with a loaded dual encoder: the bundled one, and one of quite other sizes."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from tests.support.random_model import make_random_model, make_tokenizer, rebuild
from triptych_server.domain.collections import Windows
from triptych_server.domain.errors import Exhausted, Reason, Unavailable
from triptych_server.domain.items import ImageInfo, Picture, TokenUse
from triptych_server.domain.ports import Encoder
from triptych_server.encode.catalogue import resolve_model
from triptych_server.encode.clip import ClipEncoder, load_encoder
from triptych_server.encode.errors import EncodingFailed
from triptych_server.encode.model_folder import load_model_folder
from triptych_server.encode.session import Device, Session
from triptych_server.encode.workers import batch_sizes, open_on_each

TEXTS = [
    "a",
    "a cup of coffee",
    "the red train on a bridge",
    "a small white house by the road, with two trees and a blue door in the rain",
    "seven lemons and 3 black cats on a table with a clock and a lamp " * 20,
    "snow",
]
MAX_BATCH = 8


def load(folder: Path, **limits: int) -> ClipEncoder:
    return load_encoder(
        "tested",
        folder,
        device="cpu",
        threads=1,
        max_image_batch=limits.get("max_image_batch", MAX_BATCH),
        max_text_batch=limits.get("max_text_batch", MAX_BATCH),
        max_queue=limits.get("max_queue", 256),
    )


def picture(seed: int, height: int = 60, width: int = 90) -> Picture:
    rng = np.random.default_rng(seed)
    # Large blocks of colour: what is left of noise after shrinking is all alike.
    blocks = rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * 6 // height, np.arange(width) * 9 // width
    return Picture(blocks[rows][:, columns], ImageInfo("PNG", width, height, 1, "0" * 64))


PICTURES = [picture(i, 40 + 13 * i, 300 - 29 * i) for i in range(9)]


@pytest.fixture(scope="module")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_random_model(tmp_path_factory.mktemp("clip") / "model")


@pytest.fixture(params=["random", "tiny-clip"])
async def encoder(
    request: pytest.FixtureRequest, random_folder: Path, tmp_path: Path
) -> AsyncIterator[ClipEncoder]:
    bundled = request.param == "tiny-clip"
    made = load(resolve_model("tiny-clip", tmp_path) if bundled else random_folder)
    yield made
    await made.close()


def test_it_is_the_encoder_that_the_use_cases_want(random_folder: Path) -> None:
    encoder: Encoder = load(random_folder)
    assert encoder.info.id == "tested"


async def test_embeddings_have_unit_length(encoder: ClipEncoder) -> None:
    vectors = [await encoder.encode_image(PICTURES[0])]
    vectors += [(await encoder.encode_text(text)).vector for text in TEXTS]

    for vector in vectors:
        assert vector.shape == (encoder.info.dimension,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector.astype(np.float64)) == pytest.approx(1, abs=1e-6)


async def test_a_picture_alone_and_in_a_batch_is_the_same(encoder: ClipEncoder) -> None:
    alone = [await encoder.encode_image(given) for given in PICTURES]
    # A busy machine may prepare pictures more slowly than it runs them, one by one.
    for _ in range(50):
        runs = encoder.image_counters.runs
        together = await asyncio.gather(*map(encoder.encode_image, PICTURES * 3))
        if encoder.image_counters.runs - runs < len(together):
            break
    else:
        pytest.fail("no two pictures ever met in a batch")
    for index, vector in enumerate(together):
        np.testing.assert_allclose(vector, alone[index % len(PICTURES)], atol=1e-6)
    assert not np.allclose(alone[0], alone[1], atol=1e-3)


async def test_a_text_alone_and_in_a_batch_is_the_same(encoder: ClipEncoder) -> None:
    alone = [(await encoder.encode_text(text)).vector for text in TEXTS]
    runs = encoder.text_counters.runs

    together = await asyncio.gather(*map(encoder.encode_text, TEXTS * 5))

    assert encoder.text_counters.runs - runs < len(TEXTS) * 5
    for index, embedding in enumerate(together):
        np.testing.assert_allclose(embedding.vector, alone[index % len(TEXTS)], atol=1e-6)
    assert not np.allclose(alone[0], alone[1], atol=1e-3)


async def test_the_size_of_a_batch_does_not_matter(random_folder: Path) -> None:
    encoders = [load(random_folder, max_image_batch=n, max_text_batch=n) for n in (1, 3, 32)]
    images, texts = [], []
    for encoder in encoders:
        images.append(await asyncio.gather(*map(encoder.encode_image, PICTURES)))
        texts.append([e.vector for e in await asyncio.gather(*map(encoder.encode_text, TEXTS))])
        await encoder.close()

    for other in (1, 2):
        np.testing.assert_allclose(images[other], images[0], atol=1e-6)
        np.testing.assert_allclose(texts[other], texts[0], atol=1e-6)


async def test_several_devices_are_workers_of_one_queue(
    random_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sessions on the CPU stand for two GPUs: all but the provider is the same."""
    one, threads = load(random_folder), set()
    run = Session.run

    def watched(session: Session, output: str, feeds: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        threads.add((threading.current_thread().name, id(session)))
        return run(session, output, feeds)

    two = load_encoder(
        "tested",
        random_folder,
        device="cpu",
        threads=1,
        max_image_batch=2,
        max_text_batch=2,
        max_queue=256,
        device_ids=(0, 1),
    )
    monkeypatch.setattr(Session, "run", watched)
    found, texts = [], []
    # Both take from the queue as soon as they are free; how often is up to the machine.
    for _ in range(50):
        found = await asyncio.gather(*map(two.encode_image, PICTURES * 2))
        texts = await asyncio.gather(*map(two.encode_text, TEXTS * 4))
        if len(threads) == 4:
            break
    monkeypatch.undo()
    alone = [await one.encode_image(given) for given in PICTURES]
    words = [(await one.encode_text(text)).vector for text in TEXTS]
    await one.close()
    await two.close()

    # Two models, each with two sessions, each in one thread of its own.
    assert len(threads) == len({name for name, _ in threads}) == len({s for _, s in threads}) == 4
    np.testing.assert_allclose(found, alone * 2, atol=1e-6)
    np.testing.assert_allclose([text.vector for text in texts], words * 4, atol=1e-6)
    assert (one.info.pictures_at_once, two.info.pictures_at_once) == (MAX_BATCH, 4)
    assert two.info.provider == one.info.provider == "CPUExecutionProvider"


async def test_auto_without_a_gpu_is_one_worker(random_folder: Path) -> None:
    sessions = open_on_each(
        load_model_folder(random_folder).vision,
        device=Device.AUTO,
        device_ids=(0, 1, 2),
        threads=1,
        memory_bytes=0,
    )

    assert [session.place for session in sessions] == ["CPUExecutionProvider"]
    assert batch_sizes(sessions, 0, 0) == (8, 32)
    assert batch_sizes(sessions, 5, 0) == (5, 32)


async def test_a_text_is_counted_and_cut(random_folder: Path) -> None:
    encoder = load(random_folder)

    short = await encoder.encode_text("a cup of coffee on the table")
    full = await encoder.encode_text("a cup of coffee on the table and two birds")
    cut = await encoder.encode_text("a cup of coffee on the table and two birds and a cat")
    long = await encoder.encode_text("cup " * 16_000)
    await encoder.close()

    # No word for "and two birds" but bird, and an s.
    assert (short.tokens.token_count, short.tokens.tokens_used) == (9, 9)
    assert (full.tokens.token_count, full.tokens.tokens_used) == (13, 12)
    assert not short.tokens.truncated
    assert cut.tokens.truncated
    np.testing.assert_allclose(full.vector, cut.vector, atol=1e-6)
    assert (long.tokens.token_count, long.tokens.tokens_used) == (16_002, 12)


async def test_a_short_text_in_windows_is_the_text(encoder: ClipEncoder) -> None:
    capacity = encoder.info.context_length - encoder.info.special_tokens
    text = "a cup"

    single = await encoder.encode_text(text)
    windowed = await encoder.encode_windows(text, Windows(capacity, capacity // 5))

    assert windowed.vectors.shape == (1, encoder.info.dimension)
    assert windowed.vectors.dtype == np.float32
    np.testing.assert_allclose(windowed.vectors[0], single.vector, atol=1e-6)
    assert windowed.tokens == single.tokens
    assert windowed.windows_cut == 0


async def test_a_long_text_in_windows_is_its_parts_in_order(random_folder: Path) -> None:
    encoder = load(random_folder)
    # Each word is one token.
    words = "red cup on the table with black coffee white bread house dog bird tree sun".split()

    windowed = await encoder.encode_windows(" ".join(words), Windows(8, 2))
    parts = [words[0:8], words[6:14], words[12:]]
    singles = [await encoder.encode_text(" ".join(part)) for part in parts]
    await encoder.close()

    assert windowed.tokens == TokenUse(token_count=17, tokens_used=17, windows=3)
    np.testing.assert_allclose(windowed.vectors, [one.vector for one in singles], atol=1e-6)


async def test_windows_past_the_maximum_are_counted(encoder: ClipEncoder) -> None:
    capacity = encoder.info.context_length - encoder.info.special_tokens
    text = "a cup of coffee " * 200

    whole = await encoder.encode_windows(text, Windows(capacity, capacity // 5, 10_000))
    capped = await encoder.encode_windows(text, Windows(capacity, capacity // 5, 3))

    assert whole.windows_cut == 0
    assert not whole.tokens.truncated
    assert whole.tokens.windows == len(whole.vectors)
    assert capped.vectors.shape == (3, encoder.info.dimension)
    assert capped.windows_cut == len(whole.vectors) - 3
    assert capped.tokens.truncated
    assert capped.tokens.token_count == whole.tokens.token_count
    step = capacity - capacity // 5
    read = 2 * step + capacity + encoder.info.special_tokens
    assert capped.tokens.tokens_used == read
    np.testing.assert_allclose(capped.vectors, whole.vectors[:3], atol=1e-6)


async def test_too_many_pictures_are_refused_before_any_work(random_folder: Path) -> None:
    encoder = load(random_folder, max_queue=4)

    results = await asyncio.gather(
        *(encoder.encode_image(picture(i)) for i in range(20)), return_exceptions=True
    )

    refused = [result for result in results if isinstance(result, Exhausted)]
    assert len(refused) == 16
    assert {error.reason for error in refused} == {Reason.QUEUE_FULL}
    assert sum(isinstance(result, np.ndarray) for result in results) == 4
    assert (await encoder.encode_image(PICTURES[0])).shape == (48,)
    assert encoder.image_counters.items == 5
    await encoder.close()


async def test_too_many_texts_are_refused(random_folder: Path) -> None:
    encoder = load(random_folder, max_queue=4)

    results = await asyncio.gather(
        *(encoder.encode_text(f"cup {i}") for i in range(20)), return_exceptions=True
    )

    refused = [result for result in results if isinstance(result, Exhausted)]
    assert len(refused) >= 8
    assert len(results) == len(refused) + encoder.text_counters.items
    await encoder.close()


async def test_a_closed_encoder_is_unavailable(random_folder: Path) -> None:
    encoder = load(random_folder)
    await encoder.close()

    with pytest.raises(Unavailable):
        await encoder.encode_text("a cup")
    with pytest.raises(Unavailable):
        await encoder.encode_image(PICTURES[0])
    with pytest.raises(Unavailable):
        await encoder.encode_windows("cup " * 2000, Windows(8, 2))


async def test_an_output_that_is_no_number_fails_its_own_text_alone(tmp_path: Path) -> None:
    folder = make_random_model(tmp_path / "model")
    coffee = make_tokenizer().token_to_id("coffee")

    def poison(model: onnx.ModelProto) -> None:
        (weight,) = [w for w in model.graph.initializer if w.name == "embed"]
        values = numpy_helper.to_array(weight).copy()
        values[coffee] = np.nan
        weight.CopyFrom(numpy_helper.from_array(values, "embed"))

    rebuild(folder, "text", poison)
    encoder = load(folder)

    good, bad = await asyncio.gather(
        encoder.encode_text("a cup of tea"),
        encoder.encode_text("a cup of coffee"),
        return_exceptions=True,
    )
    await encoder.close()

    assert isinstance(bad, EncodingFailed)
    assert bad.reason is Reason.INTERNAL
    assert not isinstance(good, BaseException)
    assert np.isfinite(good.vector).all()
