"""onnxruntime sessions on a device that is really the one that was asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from triptych_server.encode.errors import DeviceError, ModelFolderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

logger = logging.getLogger(__name__)

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"

_TYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
}


class Device(StrEnum):
    """Where models run: ``cuda`` never falls back to the CPU, ``auto`` says what it took."""

    CPU = "cpu"
    CUDA = "cuda"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a model; None stands for an axis of any length."""

    name: str
    type: np.dtype[Any] | None
    shape: tuple[int | None, ...]


class Session:
    """One loaded model. Runs are blocking, release the interpreter lock and may overlap."""

    def __init__(self, session: InferenceSession) -> None:
        self._session = session
        self.inputs = tuple(_spec(node) for node in session.get_inputs())
        self.outputs = tuple(_spec(node) for node in session.get_outputs())
        self.provider = str(session.get_providers()[0])

    def run(self, output: str, feeds: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """One output of one run. Raises onnxruntime's own errors."""
        result: NDArray[Any] = self._session.run([output], dict(feeds))[0]
        return result


def parse_device(value: str) -> Device:
    """The device of that name. Raises DeviceError."""
    try:
        return Device(value)
    except ValueError:
        names = ", ".join(Device)
        raise DeviceError(f"device {value!r} is none of {names}") from None


def check_runtime() -> None:
    """Raises DeviceError where onnxruntime is not installed, or both its CPU and its GPU build.

    The two write the same folder, so that which of them runs is left to the order of installing.
    """
    if find_spec("onnxruntime") is None:
        raise DeviceError(
            "onnxruntime is not installed; install triptych[server,cpu] or triptych[server,gpu]"
        )
    found = [name for name in ("onnxruntime", "onnxruntime-gpu") if _is_installed(name)]
    if len(found) > 1:
        raise DeviceError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files; "
            "uninstall both, then install triptych[server,cpu] or triptych[server,gpu]"
        )


def open_session(model: Path, *, device: Device, threads: int) -> Session:
    """Load a model.

    ``threads`` is the number of threads that one run uses on the CPU. Raises DeviceError where
    ``cuda`` is asked for and the loaded session does not run on it, and ModelFolderError for a
    file that onnxruntime cannot load.
    """
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if device is Device.CUDA and CUDA not in available:
        raise DeviceError(
            "device cuda: the installed onnxruntime has no CUDA provider; install "
            "triptych[server,gpu] in place of triptych[server,cpu]"
        )
    use_cuda = device is not Device.CPU and CUDA in available
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Threads that wait for work sleep: decoding, OCR and the other model need the cores. Spinning
    # halved the throughput of both models wherever something else was running.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Weights that are stored as int8 become floats once, here. Otherwise onnxruntime multiplies
    # them with activations that it rounds to int8 on processors that can, which moved outputs by
    # up to 0.3 % and was not faster.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        raw = onnxruntime.InferenceSession(
            model, sess_options=options, providers=[CUDA, CPU] if use_cuda else [CPU]
        )
    # onnxruntime's errors have no common base but Exception.
    except Exception as error:
        raise ModelFolderError(
            model.parent.parent, f"{model.parent.name}/{model.name} cannot be loaded: {error}"
        ) from error
    session = Session(raw)
    if device is Device.CUDA and session.provider != CUDA:
        raise DeviceError(
            f"device cuda: {model} was loaded on {session.provider}; the CUDA or cuDNN libraries "
            "that onnxruntime wants are missing or too old, or no GPU is visible"
        )
    if device is Device.AUTO:
        logger.info("device auto: %s runs on %s", model, session.provider)
    return session


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _spec(node: Any) -> TensorSpec:
    shape = tuple(axis if isinstance(axis, int) else None for axis in node.shape)
    return TensorSpec(node.name, _TYPES.get(node.type), shape)
