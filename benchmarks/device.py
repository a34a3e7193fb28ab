"""What the device under test is, and how much of its memory is in use."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_MIB = 2**20


def no_gpu() -> str | None:
    """Why nothing can be measured on a GPU here; None where it can."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "this onnxruntime has no CUDA provider (onnxruntime-gpu has)"
    if not _nvidia_smi("name"):
        return "no NVIDIA GPU is visible (nvidia-smi lists none)"
    return None


def gpu_name() -> str:
    """Name, memory and driver of the GPUs, as nvidia-smi has them; empty where there is none."""
    return "; ".join(_nvidia_smi("name,memory.total,driver_version"))


def gpu_bytes() -> int:
    """Memory in use on all GPUs, by every process."""
    return sum(int(line.split()[0]) * _MIB for line in _nvidia_smi("memory.used"))


def process_bytes() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True, eq=False)
class Watch:
    """Samples memory once a second, in a thread of its own, while the block runs."""

    on_gpu: bool
    device: list[int] = field(default_factory=list)
    process: list[int] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._sample()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        self._sample()

    def _watch(self) -> None:
        while not self._end.wait(1.0):
            self._sample()

    def _sample(self) -> None:
        self.process.append(process_bytes())
        self.device.append(gpu_bytes() if self.on_gpu else 0)


def _nvidia_smi(query: str) -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    done = subprocess.run(
        [program, f"--query-gpu={query}", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout.strip().splitlines() if done.returncode == 0 else []
