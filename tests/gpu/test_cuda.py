"""What needs a GPU to be seen: vectors as on the CPU, memory that stays, halves, and refusals."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.gpu import gpu_memory
from tests.support.little_memory import WHITE_BYTES, greedy_model, plain_picture
from tests.support.random_model import make_random_model
from tests.support.server import RunningServer
from triptych_server.domain.errors import Exhausted, Reason
from triptych_server.domain.items import ImageInfo, Picture
from triptych_server.encode.catalogue import resolve_model
from triptych_server.encode.clip import ClipEncoder, load_encoder
from triptych_server.encode.convert_model import Precision, convert_model
from triptych_server.encode.errors import DeviceError
from triptych_server.encode.session import Device, Session, open_session

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]

PLACE = "CUDAExecutionProvider:0"
WORDS = "a red cup of coffee on the table by the window and two small white birds in the rain"


def load(
    folder: Path,
    *,
    device: str = "cuda",
    device_ids: tuple[int, ...] = (0,),
    images: int = 0,
    memory: int = 0,
) -> ClipEncoder:
    return load_encoder(
        "tested",
        folder,
        device=device,
        threads=2,
        max_image_batch=images,
        max_text_batch=0,
        max_queue=100_000,
        device_ids=device_ids,
        gpu_memory_bytes=memory,
    )


def pictures(count: int) -> list[Picture]:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (count, 6, 9, 3), dtype=np.uint8)
    return [
        Picture(one.repeat(20, axis=0).repeat(20, axis=1), ImageInfo("PNG", 180, 120, 1, "0" * 64))
        for one in blocks
    ]


def texts(count: int) -> list[str]:
    rng = random.Random(0)
    words = WORDS.split()
    return [" ".join(rng.choices(words, k=rng.randint(1, 90))) for _ in range(count)]


async def vectors(encoder: ClipEncoder, count: int) -> NDArray[np.float32]:
    images = await asyncio.gather(*map(encoder.encode_image, pictures(count)))
    found = await asyncio.gather(*map(encoder.encode_text, texts(count)))
    return np.stack([*images, *(one.vector for one in found)])


@pytest.fixture(params=["random", "tiny-clip"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "tiny-clip":
        return resolve_model("tiny-clip", tmp_path)
    return make_random_model(tmp_path / "model")


@pytest.fixture
async def on_cpu(folder: Path) -> AsyncIterator[ClipEncoder]:
    made = load(folder, device="cpu")
    yield made
    await made.close()


async def test_vectors_are_those_of_the_cpu(folder: Path, on_cpu: ClipEncoder) -> None:
    encoder = load(folder)
    assert encoder.info.provider == PLACE
    found, expected = await vectors(encoder, 50), await vectors(on_cpu, 50)
    await encoder.close()

    cosines = (found.astype(np.float64) * expected).sum(axis=1)
    # Single precision is single precision: far nearer than the 0.999 that is promised.
    assert cosines.min() > 1 - 1e-5


async def test_half_precision_is_near(folder: Path, on_cpu: ClipEncoder, tmp_path: Path) -> None:
    encoder = load(convert_model(folder, tmp_path / "half", Precision.FP16))
    found, expected = await vectors(encoder, 50), await vectors(on_cpu, 50)
    await encoder.close()

    assert (found.astype(np.float64) * expected).sum(axis=1).min() > 0.999


async def test_memory_stays_where_the_warm_up_has_brought_it(tmp_path: Path) -> None:
    encoder = load(resolve_model("tiny-clip", tmp_path))
    await vectors(encoder, 8)
    before = gpu_memory()
    assert before is not None

    for count in (200, 1, 70, 5, 300, 2, 33, 129, 17):
        await vectors(encoder, count)

    after = gpu_memory()
    await encoder.close()
    assert after is not None
    assert after <= before * 1.01 + 2**20


async def test_a_batch_that_does_not_fit_is_encoded_in_halves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The arena of the GPU ends at its limit, as the card's own memory would."""
    model = greedy_model(tmp_path / "model")
    encoder = load(model, images=8, memory=3 * WHITE_BYTES)
    white = [plain_picture(255)] * 9

    with caplog.at_level(logging.WARNING):
        found = await asyncio.gather(*map(encoder.encode_image, white))
    await encoder.close()

    on_cpu = load(model, device="cpu")
    expected = await on_cpu.encode_image(white[0])
    await on_cpu.close()
    np.testing.assert_allclose(found, np.stack([expected] * 9), atol=1e-4)
    assert "not enough memory for 8 inputs of size 1" in caplog.text


async def test_a_picture_that_does_not_fit_alone_is_refused_alone(tmp_path: Path) -> None:
    encoder = load(greedy_model(tmp_path / "model"), images=8, memory=WHITE_BYTES // 2)
    white, dark = plain_picture(255), plain_picture(0)

    results = await asyncio.gather(
        encoder.encode_image(white), encoder.encode_image(white), return_exceptions=True
    )
    after = await encoder.encode_image(dark)
    await encoder.close()

    for refused in results:
        assert isinstance(refused, Exhausted)
        assert refused.reason is Reason.ENCODER_MEMORY
    assert np.linalg.norm(after) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("half", ["vision", "text"])
def test_a_bound_run_gives_what_a_plain_one_gives(half: str, tmp_path: Path) -> None:
    raw = open_session(
        make_random_model(tmp_path / "model") / half / "model.onnx", device=Device.CUDA, threads=1
    )._session
    rng = np.random.default_rng(0)
    feeds: dict[str, NDArray[Any]]
    if half == "vision":
        feeds = {"pixel_values": rng.standard_normal((4, 3, 40, 40), np.float32)}
    else:
        ids = rng.integers(5, 60, (4, 12))
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    plain, bound = (Session(raw, bound=bound) for bound in (False, True))
    output = plain.outputs[0].name

    assert bound.on_gpu
    np.testing.assert_allclose(bound.run(output, feeds), plain.run(output, feeds), atol=1e-5)


def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"GPU 99|CPUExecutionProvider"):
        load(make_random_model(tmp_path / "model"), device_ids=(99,))


async def test_the_same_gpu_twice_is_two_workers(tmp_path: Path) -> None:
    """Stands for two GPUs: two pairs of sessions that take from the same queues."""
    folder = make_random_model(tmp_path / "model")
    one, two = load(folder), load(folder, device_ids=(0, 0))
    found, expected = await vectors(two, 300), await vectors(one, 300)
    await one.close()
    await two.close()

    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_server_says_what_it_runs_on(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", device="cuda") as server, server.client() as client:
        [encoder] = client.status().encoders
        assert encoder.execution_provider == PLACE
        assert len(client.encode(texts=["a cup of coffee"]).embeddings) == 1
