"""What torch made of a few pictures and sentences: the folder is held to it without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.sprites.catalogue import load_things
from tools.tiny_clip.compose import compose, random_plan
from tools.tiny_clip.folder import ModelFolder
from tools.tiny_clip.preprocess import normalised, to_pixels
from tools.tiny_clip.seeds import REFERENCE_SEED
from tools.tiny_clip.sentences import Writer
from tools.tiny_clip.sprites import load_sprites

if TYPE_CHECKING:
    from tools.tiny_clip.model import DualEncoder

REFERENCE = Path(__file__).with_name("reference.npz")
LEAST_COSINE = 0.9999
_COUNT = 32


@dataclass(frozen=True, slots=True)
class Cosines:
    """The smallest cosine over the pictures, and over the texts, of a folder to torch."""

    pictures: float
    texts: float


def write_reference(model: "DualEncoder", tokenizer: Path, path: Path) -> None:
    """Draws pictures, writes sentences, and keeps both with their float32 embeddings of torch."""
    import torch
    from tokenizers import Tokenizer

    from tools.tiny_clip.train import tokens

    things = load_things()
    sprites = load_sprites(things).by_style
    writer = Writer(things)
    rng = np.random.default_rng(REFERENCE_SEED)
    pixels, texts = [], []
    for _ in range(_COUNT):
        image, truth = compose(random_plan(len(things), rng, easy=False), sprites, rng)
        pixels.append(to_pixels(image))
        texts.append(writer.training(truth, rng, easy=False).text)
    pictures = np.stack(pixels)
    with torch.no_grad():
        image_embeds = model.vision(torch.from_numpy(normalised(pictures))).numpy()
        text_embeds = model.text(*tokens(Tokenizer.from_file(str(tokenizer)), texts)).numpy()
    np.savez_compressed(
        path,
        pixels=pictures,
        texts=np.asarray(texts),
        image_embeds=image_embeds,
        text_embeds=text_embeds,
    )


def least_cosines(folder: ModelFolder, path: Path = REFERENCE) -> Cosines:
    """How close the folder comes to what torch made of the same input."""
    with np.load(path) as kept:
        pictures = _least(folder.pictures(kept["pixels"]), kept["image_embeds"])
        texts = _least(folder.texts(kept["texts"].tolist()), kept["text_embeds"])
    return Cosines(pictures, texts)


def _least(unit: np.ndarray, other: np.ndarray) -> float:
    cosines = (unit * other).sum(axis=1) / np.linalg.norm(other, axis=1)
    return float(cosines.min())
