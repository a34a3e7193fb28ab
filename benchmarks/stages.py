"""The two stages of a picture's way to its vector, each on one core: preparing it, and the model.

What is timed is what the service runs: its decoder, its recipe, its batches of 8.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from tests.support.decoding import OwnDecoder
from triptych_server.domain.decoding import Detail
from triptych_server.domain.limits import Limits
from triptych_server.encode.preprocess import Pixels, read_image_recipe

BATCH = 8


class Stages:
    """Prepares pictures and runs a folder's vision model, on the calling thread alone."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            folder / "vision" / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        self._decoder = OwnDecoder(Limits())
        self.recipe = read_image_recipe(folder)
        rng = np.random.default_rng(0)
        crops = rng.integers(0, 256, (BATCH, *self.recipe.crop, 3), dtype=np.uint8)
        self._batch = self.recipe.normalise(list(crops))

    def crop(self, file: bytes, *, scaled: bool) -> Pixels:
        """What the model sees of a picture, by one of the two ways."""
        detail: Detail | None = self.recipe.detail if scaled else None
        return self.recipe.crop_of(self._decoder.decode(file, detail))

    def prepare_seconds(self, files: Sequence[bytes], *, scaled: bool = True) -> float:
        """Seconds a picture for decoding, shrinking and normalising."""
        begin = time.perf_counter()
        self.recipe.normalise([self.crop(file, scaled=scaled) for file in files])
        return (time.perf_counter() - begin) / len(files)

    def session_seconds(self, runs: int = 3) -> float:
        """Seconds a picture in the model."""
        begin = time.perf_counter()
        for _ in range(runs):
            self._session.run(None, {"pixel_values": self._batch})
        return (time.perf_counter() - begin) / (runs * BATCH)

    def embed(self, crops: Sequence[Pixels]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Unit vectors of shape (n, dimension), in doubles."""
        parts = [
            self._session.run(
                ["image_embeds"], {"pixel_values": self.recipe.normalise(crops[at : at + BATCH])}
            )[0]
            for at in range(0, len(crops), BATCH)
        ]
        vectors = np.concatenate(parts).astype(np.float64)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)  # type: ignore[no-any-return]
