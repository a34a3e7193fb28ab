"""Where ``benchmarks.gpu`` works: how much, on which device, with which models."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from benchmarks.photos import jpegs
from triptych_server.domain.decoding import Decoding
from triptych_server.domain.items import ImageInfo, Picture
from triptych_server.encode.clip import ClipEncoder, load_encoder
from triptych_server.encode.session import Device, Session, open_session

FP32, FP16 = "fp32", "fp16"
CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: pictures and texts of a run, seconds of an arm, rounds."""

    images: int
    texts: int
    seconds: float
    rounds: int
    files: int
    items: int
    service_s: float
    memory_s: float


FULL = Size(
    images=64, texts=256, seconds=0.8, rounds=5, files=32, items=8, service_s=3.0, memory_s=300.0
)
QUICK = Size(
    images=4, texts=8, seconds=0.3, rounds=2, files=4, items=1, service_s=1.5, memory_s=5.0
)


class Ground:
    """Models, sessions and encoders that the parts share, each made once."""

    def __init__(self, device: str, device_id: int, size: Size, ends: float) -> None:
        self.device = Device(device)
        self.device_id = device_id
        self.size = size
        self.ends = ends
        self.folder = Path(tempfile.mkdtemp(prefix="triptych-gpu-"))
        # One loop for everything: an encoder belongs to the one that it was first used in.
        self.runner = asyncio.Runner()
        self.files = jpegs(1, size.files)
        self.models: dict[str, Path] = {}
        self._sessions: dict[tuple[str, str], Session] = {}
        self._encoders: dict[tuple[str, Device], ClipEncoder] = {}

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU is measured."""
        return self.device is Device.CUDA

    @property
    def best(self) -> str:
        """The precision of those parts that measure one: half, where there is a model of it."""
        return FP16 if FP16 in self.models else FP32

    def session(self, precision: str, half: str) -> Session:
        """The model of ``half`` (``vision`` or ``text``) on the device."""
        key = (precision, half)
        if key not in self._sessions:
            file = self.models[precision] / half / "model.onnx"
            self._sessions[key] = open_session(
                file, device=self.device, threads=CORES, device_id=self.device_id
            )
        return self._sessions[key]

    def encoder(self, precision: str, device: Device | None = None) -> ClipEncoder:
        """The encoder as the service has it, warmed up."""
        key = (precision, device or self.device)
        if key not in self._encoders:
            self._encoders[key] = load_encoder(
                precision,
                self.models[precision],
                device=key[1],
                threads=CORES,
                max_image_batch=self.size.images,
                max_text_batch=self.size.texts,
                max_queue=1_000_000,
                device_ids=(self.device_id,),
                # The default of the service.
                decoding=Decoding.SCALED,
            )
        return self._encoders[key]

    def pictures(self, count: int) -> list[Picture]:
        """Decoded pictures of twice the model's side, as the decoders hand them over."""
        from PIL import Image

        made = []
        for number in range(count):
            file = self.files[number % len(self.files)]
            with Image.open(io.BytesIO(file)) as opened:
                small = opened.convert("RGB").resize((600, 450))
            pixels = np.roll(np.asarray(small), number, axis=0)
            made.append(Picture(pixels, ImageInfo("JPEG", 600, 450, len(file), "0" * 64)))
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for encoder in self._encoders.values():
            self.runner.run(encoder.close())
        self.runner.close()
        shutil.rmtree(self.folder, ignore_errors=True)
