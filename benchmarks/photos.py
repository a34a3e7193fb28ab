"""Photographs that never were: JPEGs of phone sizes, with as much detail as a real one."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray

_QUALITY = 88


def jpegs(megapixels: float, count: int, *, seed: int = 0) -> list[bytes]:
    """``count`` JPEG files (4:3, quality 88) of that size, all different.

    Smooth shapes of many sizes, edges and a little noise: 1 megapixel is 200 to 300 KB.
    """
    from PIL import Image

    width = round(math.sqrt(megapixels * 1e6 * 4 / 3))
    height = round(width * 3 / 4)
    files = []
    for number in range(count):
        buffer = io.BytesIO()
        pixels = _pixels(np.random.default_rng([seed, number]), height, width)
        Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
        files.append(buffer.getvalue())
    return files


def _pixels(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    from PIL import Image

    total = np.zeros((height, width, 3), np.float32)
    # Blobs of each scale, as in nature: the finer, the fainter.
    for cells, strength in ((4, 90.0), (16, 45.0), (64, 22.0), (256, 11.0)):
        coarse = rng.integers(0, 256, (cells * 3 // 4, cells, 3), dtype=np.uint8)
        fine = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        total += (np.asarray(fine, np.float32) - 127.5) * (strength / 127.5)
    for _ in range(12):
        top, left = int(rng.integers(0, height - 8)), int(rng.integers(0, width - 8))
        bottom = top + int(rng.integers(8, height // 3))
        right = left + int(rng.integers(8, width // 3))
        total[top:bottom, left:right] += rng.uniform(-50, 50, 3).astype(np.float32)
    total += rng.standard_normal((height, width, 1), dtype=np.float32) * 3
    total += 127.5
    np.clip(total, 0, 255, out=total)
    return total.astype(np.uint8)
