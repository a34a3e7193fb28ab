"""Sessions run where they were told to, or not at all."""

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.support.random_model import make_random_model
from triptych_server.encode.catalogue import resolve_model
from triptych_server.encode.errors import DeviceError, ModelFolderError
from triptych_server.encode.session import (
    CPU,
    CUDA,
    Device,
    Session,
    check_runtime,
    cuda_options,
    open_session,
    parse_device,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_random_model(tmp_path_factory.mktemp("session") / "model")
    return folder / "vision" / "model.onnx"


@pytest.fixture
def claims_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """An onnxruntime that was built with CUDA on a machine that cannot load it."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])


without_cuda = pytest.mark.skipif(
    CUDA in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)


def test_the_cpu_is_the_cpu(model: Path) -> None:
    session = open_session(model, device=Device.CPU, threads=1)

    assert session.provider == CPU
    assert [(spec.name, spec.shape) for spec in session.inputs] == [
        ("pixel_values", (None, 3, 40, 40))
    ]
    assert [(spec.name, spec.shape) for spec in session.outputs] == [("image_embeds", (None, 48))]


@without_cuda
def test_cuda_without_a_cuda_build_is_refused(model: Path) -> None:
    with pytest.raises(DeviceError, match=r"triptych\[server,gpu\]"):
        open_session(model, device=Device.CUDA, threads=1)


@without_cuda
@pytest.mark.usefixtures("claims_cuda")
@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")
def test_cuda_that_falls_back_is_refused(model: Path) -> None:
    with pytest.raises(DeviceError, match=f"loaded on {CPU}"):
        open_session(model, device=Device.CUDA, threads=1)


@without_cuda
@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")
@pytest.mark.parametrize("built_with_cuda", [False, True])
def test_auto_says_what_it_took(
    model: Path,
    built_with_cuda: bool,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if built_with_cuda:
        request.getfixturevalue("claims_cuda")

    with caplog.at_level(logging.INFO, logger="triptych_server"):
        assert open_session(model, device=Device.AUTO, threads=1).provider == CPU

    assert [record.getMessage() for record in caplog.records] == [
        f"device auto: {model} runs on {CPU}"
    ]


def test_devices_have_names() -> None:
    assert [parse_device(name) for name in ("cpu", "cuda", "auto")] == list(Device)
    with pytest.raises(DeviceError, match="'tpu' is none of cpu, cuda, auto"):
        parse_device("tpu")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vision").mkdir()
    file = tmp_path / "vision" / "model.onnx"
    file.write_bytes(b"no model")

    with pytest.raises(ModelFolderError, match=r"vision/model\.onnx cannot be loaded") as caught:
        open_session(file, device=Device.CPU, threads=1)
    assert caught.value.folder == tmp_path


@pytest.mark.parametrize("half", ["vision", "text"])
def test_weights_stored_as_int8_are_multiplied_as_floats(half: str, tmp_path: Path) -> None:
    """The bundled model keeps its weights in int8; how it is run must not move its output."""
    folder = resolve_model("tiny-clip", tmp_path)
    model = folder / half / "model.onnx"
    session = open_session(model, device=Device.CPU, threads=1)
    feeds = some_input(session)
    plain = onnxruntime.SessionOptions()
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    reference = onnxruntime.InferenceSession(model, plain, providers=[CPU])

    output = session.outputs[0].name
    expected = reference.run([output], feeds)[0]

    scale = np.abs(expected).max()
    np.testing.assert_allclose(session.run(output, feeds) / scale, expected / scale, atol=1e-5)


def some_input(session: Session) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    if session.inputs[0].name == "pixel_values":
        _, channels, height, width = (length or 4 for length in session.inputs[0].shape)
        pixels = rng.standard_normal((4, channels, height, width), dtype=np.float32)
        return {"pixel_values": pixels}
    ids = rng.integers(5, 100, (4, 12))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def test_one_build_of_onnxruntime_is_fine() -> None:
    check_runtime()


def test_no_onnxruntime_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with pytest.raises(DeviceError, match=r"triptych\[server,cpu\]"):
        check_runtime()


def test_both_builds_of_onnxruntime_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("onnxruntime", "onnxruntime_gpu"):
        info = tmp_path / f"{name}-1.31.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.31.1\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(DeviceError, match="both installed"):
        check_runtime()


def test_what_fails_in_a_run_is_not_run_again_elsewhere(model: Path) -> None:
    """onnxruntime's own fallback would: on the CPU, and with a word on stdout alone."""
    session = open_session(model, device=Device.CPU, threads=1)

    assert not session._session._enable_fallback


@without_cuda
@pytest.mark.usefixtures("claims_cuda")
@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")
def test_a_broken_file_is_no_fault_of_the_device(tmp_path: Path) -> None:
    (tmp_path / "vision").mkdir()
    file = tmp_path / "vision" / "model.onnx"
    file.write_bytes(b"no model")

    for device in (Device.CUDA, Device.AUTO):
        with pytest.raises(ModelFolderError, match=r"vision/model\.onnx cannot be loaded"):
            open_session(file, device=device, threads=1)


def test_the_memory_of_a_gpu_is_limited_where_a_limit_is_set() -> None:
    assert "gpu_mem_limit" not in cuda_options(0, 0)
    options = cuda_options(3, 2**33)
    assert (options["device_id"], options["gpu_mem_limit"]) == ("3", "8589934592")
