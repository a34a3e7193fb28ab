"""Engines that read pictures, and pictures for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image

from tests.support.ocr_extra import needs_tesserocr
from tests.support.pictures import Drawn
from triptych_server.domain.items import Box, ImageInfo, OcrReading, OcrState, Picture
from triptych_server.encode.ocr import TesseractOcr
from triptych_server.encode.ocr_words import MIN_CONFIDENCE
from triptych_server.encode.ocr_workers import WorkerOcr

ENGINES = ("tesseract", pytest.param("tesserocr", marks=needs_tesserocr))

LIMIT_MS = 20_000

Engine: TypeAlias = TesseractOcr | WorkerOcr


@asynccontextmanager
async def opened(
    name: str, *, workers: int = 1, default_language: str = "eng"
) -> AsyncIterator[Engine]:
    """The engine of that name, closed at the end."""
    engine: Engine = (
        TesseractOcr(workers=workers, default_language=default_language)
        if name == "tesseract"
        else await WorkerOcr.open(workers=workers, default_language=default_language)
    )
    try:
        yield engine
    finally:
        await engine.close()


def picture(image: Image.Image) -> Picture:
    """``image`` as the service has it."""
    pixels = np.asarray(image.convert("RGB"))
    return Picture(pixels, ImageInfo("PNG", image.width, image.height, 0, ""))


def noise(width: int, height: int | None = None) -> Picture:
    """Grain; 2000 pixels square keep Tesseract busy for seconds."""
    size = (height or width, width, 3)
    pixels = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    return Picture(pixels, ImageInfo("PNG", size[1], size[0], 0, ""))


def check_found(reading: OcrReading, drawn: list[Drawn], least_overlap: float = 0.6) -> None:
    """The words that were drawn, and no others, where they stand."""
    assert reading.state is OcrState.READ
    assert [w.text for w in reading.words] == [d.text for d in drawn]
    for word, truth in zip(reading.words, drawn, strict=True):
        assert MIN_CONFIDENCE <= word.confidence <= 1
        assert _overlap(word.box, truth) >= least_overlap, (word, truth)


def _overlap(box: Box, drawn: Drawn) -> float:
    """The area that both cover, as a share of the area that either covers."""
    left, top, right, bottom = drawn.box
    width = min(box.left + box.width, right) - max(box.left, left)
    height = min(box.top + box.height, bottom) - max(box.top, top)
    shared = max(0, width) * max(0, height)
    return shared / (box.width * box.height + (right - left) * (bottom - top) - shared)
