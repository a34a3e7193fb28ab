"""Whether tests can run on a GPU here."""

from __future__ import annotations

import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version


def gpu_memory() -> int | None:
    """Bytes in use on the first GPU; None where onnxruntime-gpu or a GPU is missing."""
    program = shutil.which("nvidia-smi")
    try:
        version("onnxruntime-gpu")
    except PackageNotFoundError:
        return None
    if program is None:
        return None
    query = ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    done = subprocess.run([program, *query], capture_output=True, text=True, check=False)
    return int(done.stdout) * 2**20 if done.returncode == 0 else None
