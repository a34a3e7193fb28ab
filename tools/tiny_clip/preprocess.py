"""The model's image preprocessing, done by Pillow exactly as a CLIP image processor does it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

IMAGE_SIZE = 64
MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)


def to_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Shortest edge to 64 with bicubic, centre crop: uint8 [64, 64, 3], RGB."""
    rgb = image.convert("RGB")
    width, height = rgb.size
    scale = IMAGE_SIZE / min(width, height)
    if width <= height:
        size = (IMAGE_SIZE, int(height * scale))
    else:
        size = (int(width * scale), IMAGE_SIZE)
    if size != rgb.size:
        rgb = rgb.resize(size, Image.Resampling.BICUBIC)
    left = (rgb.width - IMAGE_SIZE) // 2
    top = (rgb.height - IMAGE_SIZE) // 2
    cropped = rgb.crop((left, top, left + IMAGE_SIZE, top + IMAGE_SIZE))
    return np.asarray(cropped, dtype=np.uint8)


def normalised(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 [n, 64, 64, 3] → float32 [n, 3, 64, 64], rescaled by 1/255, then (x - mean) / std."""
    scaled = pixels.astype(np.float32) / np.float32(255)
    shifted = (scaled - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return np.ascontiguousarray(shifted.transpose(0, 3, 1, 2), dtype=np.float32)
