"""What torch made of a few pictures and sentences: the folder is held to it without torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.tiny_clip.folder import ModelFolder

REFERENCE = Path(__file__).with_name("reference.npz")
LEAST_COSINE = 0.9999


@dataclass(frozen=True, slots=True)
class Cosines:
    """The smallest cosine over the pictures, and over the texts, of a folder to torch."""

    pictures: float
    texts: float


def least_cosines(folder: ModelFolder, path: Path = REFERENCE) -> Cosines:
    """How close the folder comes to what torch made of the same input."""
    with np.load(path) as kept:
        pictures = _least(folder.pictures(kept["pixels"]), kept["image_embeds"])
        texts = _least(folder.texts(kept["texts"].tolist()), kept["text_embeds"])
    return Cosines(pictures, texts)


def _least(unit: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    cosines = (unit * other).sum(axis=1) / np.linalg.norm(other, axis=1)
    return float(cosines.min())
