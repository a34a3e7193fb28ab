"""Too little memory: batches in halves, the cut that is remembered, and the item that is alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.little_memory import WHITE_BYTES, encode_white, greedy_model
from triptych_server.domain.errors import Code, Exhausted, Reason
from triptych_server.encode.halving import Halving, is_out_of_memory


@dataclass(eq=False)
class Device:
    """Doubles numbers, with memory for so much at once: the count times the largest."""

    memory: int
    now: float = 0.0
    sizes: list[list[int]] = field(default_factory=list)

    def run(self, items: Sequence[int]) -> list[int]:
        self.sizes.append(list(items))
        if len(items) * max(items) > self.memory:
            raise RuntimeError(
                "Non-zero status code returned while running MatMul node. Status Message: "
                "Failed to allocate memory for requested buffer of size 4096"
            )
        return [2 * item for item in items]

    def halving(self) -> Halving[int, int]:
        return Halving("test", self.run, size_of=lambda item: item, clock=lambda: self.now)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(0, 60))
def test_each_gets_its_own_or_is_too_large_alone(items: list[int], memory: int) -> None:
    found = Device(memory).halving()(items)

    for item, result in zip(items, found, strict=True):
        if item > memory:
            assert isinstance(result, Exhausted)
        else:
            assert result == 2 * item


def test_what_failed_is_not_tried_again_for_a_minute() -> None:
    device = Device(memory=5)
    halving = device.halving()
    halving([1] * 16)
    assert [len(items) for items in device.sizes] == [16, 8, 4, 4, 4, 4]

    device.sizes.clear()
    halving([1] * 16)
    assert [len(items) for items in device.sizes] == [4, 4, 4, 4]

    device.sizes.clear()
    device.now = 59.0
    halving([1] * 3)
    halving([1] * 9)
    assert max(len(items) for items in device.sizes) == 4

    device.sizes.clear()
    device.now = 61.0
    device.memory = 100
    halving([1] * 16)
    halving([1] * 16)
    assert [len(items) for items in device.sizes] == [16, 16]


def test_the_cut_goes_by_size_and_not_by_count() -> None:
    device = Device(memory=20)
    halving = device.halving()
    halving([10, 10, 10, 10])
    device.sizes.clear()

    halving([1] * 20)

    assert [len(items) for items in device.sizes] == [20]


def test_it_is_said_once_with_the_sizes(caplog: pytest.LogCaptureFixture) -> None:
    device = Device(memory=20)
    halving = device.halving()
    for minute in range(5):
        device.now = minute * 100.0
        halving([7] * 4)

    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "for 4 inputs of size 7 at once in the test model" in record.getMessage()


def test_other_errors_are_not_swallowed() -> None:
    def broken(items: Sequence[int]) -> list[int]:
        raise RuntimeError("Non-zero status code returned while running MatMul node.")

    with pytest.raises(RuntimeError, match="MatMul"):
        Halving("test", broken)([1, 2])


@pytest.mark.parametrize(
    "said",
    [
        "bfc_arena.cc:359 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, "
        "onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 780288000",
        "bfc_arena.cc:201 Available memory of 1048576 is smaller than requested bytes of 4194304",
        "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; expr=cudaMalloc((void**)&p, size);",
        "CUDA error 2: out of memory",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&handle);",
        "CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED",
        "bad allocation",
        "std::bad_alloc",
    ],
)
def test_it_is_known_by_what_the_libraries_say(said: str) -> None:
    assert is_out_of_memory(RuntimeError(said))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("CUDA failure 700: an illegal memory access"))
    assert not is_out_of_memory(ValueError("Got invalid dimensions for input"))


@pytest.fixture(scope="module")
def greedy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return greedy_model(tmp_path_factory.mktemp("greedy") / "model")


def test_a_batch_that_does_not_fit_is_encoded_in_halves(greedy: Path) -> None:
    """For real: a process with a limit on its memory, in which onnxruntime can't allocate."""
    run = encode_white(greedy, count=5, spare_bytes=3 * WHITE_BYTES)

    assert run.failed_runs == 0
    assert len(run.white) == 5
    # The first has run alone; the others were a batch, and then halves.
    np.testing.assert_allclose(run.white[1:], [run.white[0]] * 4, atol=1e-6)
    assert not np.allclose(run.white[0], run.dark, atol=0.1)
    assert "for 4 inputs of size 1 at once in the image model" in run.warnings[0]
    assert "Failed to allocate memory" in run.warnings[0]


def test_a_picture_that_does_not_fit_alone_is_refused_alone(greedy: Path) -> None:
    run = encode_white(greedy, count=2, spare_bytes=WHITE_BYTES // 10)

    assert not run.white
    said = "encoder: there is not enough memory to run the image model on this input"
    assert [tuple(refused) for refused in run.refused] == [(Reason.ENCODER_MEMORY, said, 5.0)] * 2
    assert np.linalg.norm(run.dark) == pytest.approx(1, abs=1e-5)
    assert Exhausted.code is Code.RESOURCE_EXHAUSTED
