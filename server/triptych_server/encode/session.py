"""onnxruntime sessions on a device that is really the one that was asked for."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from triptych_server.encode.errors import DeviceError, ModelFolderError
from triptych_server.encode.halving import is_out_of_memory

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

    def __init__(
        self, session: InferenceSession, *, device_id: int = 0, bound: bool | None = None
    ) -> None:
        """``bound`` runs with bound inputs and outputs; by default where the model is on a GPU."""
        self._session = session
        self.inputs = tuple(_spec(node) for node in session.get_inputs())
        self.outputs = tuple(_spec(node) for node in session.get_outputs())
        self.provider = str(session.get_providers()[0])
        self._device_id = device_id
        self._bound = self.on_gpu if bound is None else bound

    @property
    def on_gpu(self) -> bool:
        """Whether the model runs on a GPU."""
        return self.provider == CUDA

    @property
    def place(self) -> str:
        """The provider, and of several GPUs which: ``CUDAExecutionProvider:1``."""
        return f"{self.provider}:{self._device_id}" if self.on_gpu else self.provider

    def run(self, output: str, feeds: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """One output of one run. Raises onnxruntime's own errors."""
        if not self._bound:
            result: NDArray[Any] = self._session.run([output], dict(feeds))[0]
            return result
        # One of its own for each run: nothing of a run that failed is left in it.
        binding = self._session.io_binding()
        for name, array in feeds.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(array))
        binding.bind_output(output, "cpu")
        self._session.run_with_iobinding(binding)
        copied: NDArray[Any] = binding.copy_outputs_to_cpu()[0]
        return copied


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


def open_session(
    model: Path, *, device: Device, threads: int, device_id: int = 0, memory_bytes: int = 0
) -> Session:
    """Load a model.

    ``threads`` is the number of threads that one run uses on the CPU; ``device_id`` says which GPU,
    as CUDA counts them; ``memory_bytes`` is the most of its memory that the model's weights and
    runs may take, 0 for all there is. Raises DeviceError where ``cuda`` is asked for and the loaded
    session does not run on it, and ModelFolderError for a file that onnxruntime cannot load.
    """
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if device is Device.CUDA and CUDA not in available:
        raise DeviceError(
            "device cuda: the installed onnxruntime has no CUDA provider; install "
            "triptych[server,gpu] in place of triptych[server,cpu]"
        )
    raw = None
    if device is not Device.CPU and CUDA in available:
        _load_cuda()
        try:
            raw = _load(model, threads, [(CUDA, cuda_options(device_id, memory_bytes)), CPU])
        # onnxruntime's errors have no common base but Exception.
        except Exception as error:
            if device is Device.CUDA and _is_of_device(error):
                raise DeviceError(
                    f"device cuda: {model} cannot be loaded on GPU {device_id}: {error}"
                ) from error
            if device is Device.CUDA:
                raise _unusable(model, error) from error
            logger.warning("device auto: GPU %d is not used: %s", device_id, error)
    if raw is None:
        try:
            raw = _load(model, threads, [CPU])
        except Exception as error:
            raise _unusable(model, error) from error
    session = Session(raw, device_id=device_id)
    if device is Device.CUDA and not session.on_gpu:
        raise DeviceError(
            f"device cuda: {model} was loaded on {session.provider}; the CUDA or cuDNN libraries "
            "that onnxruntime wants are missing or too old, or no GPU is visible"
        )
    if device is Device.AUTO:
        logger.info("device auto: %s runs on %s", model, session.place)
    return session


def _load(
    model: Path, threads: int, providers: list[str | tuple[str, dict[str, str]]]
) -> InferenceSession:
    import onnxruntime

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
    # With its fallback, onnxruntime would go on on the CPU after an error of the GPU, at the start
    # and in the middle of a run, and say so on stdout alone.
    return onnxruntime.InferenceSession(
        model, sess_options=options, providers=providers, enable_fallback=0
    )


def _unusable(model: Path, error: Exception) -> ModelFolderError:
    what = f"{model.parent.name}/{model.name} cannot be loaded: {error}"
    return ModelFolderError(model.parent.parent, what)


def cuda_options(device_id: int, memory_bytes: int) -> dict[str, str]:
    """What the CUDA provider is told, and why. ``memory_bytes`` 0 is no limit."""
    options = {
        "device_id": str(device_id),
        # By default the arena doubles with every extension, and may take twice what is needed.
        "arena_extend_strategy": "kSameAsRequested",
        # The models have a single convolution. Trying out every algorithm for every shape takes
        # memory that the arena keeps, and may choose another one after the next start.
        "cudnn_conv_algo_search": "HEURISTIC",
        # Copies in the order of the kernels; the other way is known for reading too early.
        "do_copy_in_default_stream": "1",
        # Products of floats are those of floats, as on the CPU: what one of the two has written,
        # the other may search. Who wants speed takes a model of half precision and says so.
        "use_tf32": "0",
    }
    if memory_bytes:
        options["gpu_mem_limit"] = str(memory_bytes)
    return options


def _load_cuda() -> None:
    """Load the CUDA and cuDNN libraries of the nvidia-* packages, where those are installed.

    Otherwise the loader of the system has to find them by itself, as in an image that has CUDA.
    """
    import onnxruntime

    said = io.StringIO()
    # It prints what it does not find. Whether that matters shows when the model is loaded.
    with redirect_stdout(said):
        onnxruntime.preload_dlls()
    if text := said.getvalue().strip():
        logger.info("CUDA libraries: %s", " ".join(text.split()))


def _is_of_device(error: Exception) -> bool:
    """Whether it was the GPU, and not the file, that kept a model from being loaded."""
    return is_out_of_memory(error) or any(
        word in str(error) for word in ("CUDA", "cuda", "CUDNN", "CUBLAS")
    )


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _spec(node: Any) -> TensorSpec:
    shape = tuple(axis if isinstance(axis, int) else None for axis in node.shape)
    return TensorSpec(node.name, _TYPES.get(node.type), shape)
