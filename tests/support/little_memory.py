"""An encoder in a process with little memory: ``python -m tests.support.little_memory``.

The vision model wants 80 MB for every picture where all are white, and next to nothing where one
is not, so that loading it leaves no memory behind in which a white one would fit.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.support.random_model import make_random_model, rebuild
from triptych_server.domain.errors import Exhausted
from triptych_server.domain.items import ImageInfo, Picture
from triptych_server.encode.clip import load_encoder

WHITE_BYTES = 80_000_000
BATCH = 4


@dataclass(frozen=True, slots=True)
class Run:
    """What came of some pictures.

    ``white`` are the vectors, ``refused`` the reason, message and seconds to wait of each that has
    none.
    """

    white: list[list[float]]
    refused: list[tuple[str, str, float]]
    dark: list[float]
    warnings: list[str]
    failed_runs: int


def greedy_model(folder: Path) -> Path:
    """A model folder whose vision model is as described above."""
    make_random_model(folder)
    rebuild(folder, "vision", _greedy)
    return folder


def encode_white(model: Path, count: int, spare_bytes: int) -> Run:
    """``count`` white pictures and then a dark one, with so much memory beside the loaded model."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.little_memory", model, str(count), str(spare_bytes)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Run(**json.loads(done.stdout))


def _greedy(model: onnx.ModelProto) -> None:
    """Repeat what is averaged: the mean stays, the memory does not."""
    repeats = WHITE_BYTES / (24 * 25 * 4) / 1.9
    weights = {"slope": np.float32(repeats), "one": np.float32(1), "ones": np.array([1, 1])}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()
    )
    [place] = [n for n, node in enumerate(model.graph.node) if node.op_type == "ReduceMean"]
    model.graph.node[place].input[0] = "repeated"
    chain: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("ReduceMin", ["pixel_values"], "darkest", {"keepdims": 0}),
        ("Relu", ["darkest"], "light", {}),
        ("Mul", ["light", "slope"], "much", {}),
        ("Add", ["much", "one"], "more", {}),
        ("Cast", ["more"], "times", {"to": TensorProto.INT64}),
        ("Reshape", ["times", "shape_of_one"], "times_1d", {}),
        ("Concat", ["ones", "times_1d"], "repeats", {"axis": 0}),
        ("Tile", ["active", "repeats"], "repeated", {}),
    ]
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "shape_of_one"))
    for offset, (kind, inputs, output, attributes) in enumerate(chain):
        node = helper.make_node(kind, inputs, [output], **attributes)
        model.graph.node.insert(place + offset, node)


def plain_picture(value: int) -> Picture:
    """A picture of one shade: 0 is dark and wants little, 255 is white and wants much."""
    pixels = np.full((40, 40, 3), value, np.uint8)
    return Picture(pixels, ImageInfo("PNG", 40, 40, pixels.nbytes, "0" * 64))


async def _main(model: Path, count: int, spare: int) -> None:
    warnings: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("triptych_server").addHandler(handler)
    encoder = load_encoder(
        "greedy",
        model,
        device="cpu",
        threads=1,
        max_image_batch=BATCH,
        max_text_batch=1,
        max_queue=1000,
    )
    # The threads that it will need are there before the limit.
    await encoder.encode_image(plain_picture(0))
    _limit(spare)
    white = await asyncio.gather(
        *(encoder.encode_image(plain_picture(255)) for _ in range(count)), return_exceptions=True
    )
    dark = await encoder.encode_image(plain_picture(0))
    failed = encoder.image_counters.failed_runs
    await encoder.close()
    refused = [one for one in white if isinstance(one, Exhausted)]
    found = [one.tolist() for one in white if isinstance(one, np.ndarray)]
    assert len(refused) + len(found) == count, white
    run = Run(
        found,
        [(one.reason, one.message, one.retry_after_s or 0.0) for one in refused],
        dark.tolist(),
        warnings,
        failed,
    )
    json.dump(asdict(run), sys.stdout)


def _limit(spare: int) -> None:
    """Let this process have ``spare`` bytes more than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + spare
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
