"""Writes the model folder from a checkpoint: ONNX graphs, tokenizer, preprocessing, hashes.

``python -m tools.tiny_clip.export``. The averaged weights are exported.
Beside the folder it writes ``reference.npz``: what torch makes of a few pictures and sentences, so
that whoever has the folder can compare without torch.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from tokenizers import Tokenizer

from tools.sprites.catalogue import load_things
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.compose import compose, random_plan
from tools.tiny_clip.folder import ModelFolder
from tools.tiny_clip.model import CONTEXT_LENGTH, DIMENSION, DualEncoder
from tools.tiny_clip.places import MODEL, RUN, TRAINING_CURVES
from tools.tiny_clip.preprocess import IMAGE_SIZE, MEAN, STD, normalised, to_pixels
from tools.tiny_clip.quantise import quantise_weights
from tools.tiny_clip.reference import LEAST_COSINE, REFERENCE, least_cosines
from tools.tiny_clip.seeds import REFERENCE_SEED
from tools.tiny_clip.sentences import Writer
from tools.tiny_clip.sprites import load_sprites
from tools.tiny_clip.train import tokens

OPSET = 17
REFERENCE_COUNT = 32
LICENCE = "Apache-2.0"
BICUBIC = 3
FILES = ("preprocessor_config.json", "text/model.onnx", "tokenizer.json", "vision/model.onnx")


def preprocessor_config() -> dict[str, object]:
    """The preprocessing in the form of Hugging Face's ``CLIPImageProcessor``."""
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": IMAGE_SIZE},
        "resample": BICUBIC,
        "do_center_crop": True,
        "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(MEAN),
        "image_std": list(STD),
    }


def _export_tower(
    tower: torch.nn.Module,
    inputs: dict[str, torch.Tensor],
    axes: dict[str, dict[int, str]],
    output: str,
    path: Path,
) -> None:
    """Writes one graph with small weights; ``inputs`` only show the shapes."""
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "fp32.onnx"
        torch.onnx.export(
            tower,
            tuple(inputs.values()),
            str(plain),
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes={**axes, output: {0: "batch"}},
            opset_version=OPSET,
            do_constant_folding=True,
            dynamo=False,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(quantise_weights(onnx.load(str(plain))), str(path))


def folder_hashes(folder: Path) -> dict[str, str]:
    """Path → sha256 of every file that belongs to the model's identity, sorted by path."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(FILES)
    }


def revision_of(hashes: dict[str, str]) -> str:
    """The first 12 hex digits of sha256 over the sorted lines ``path sha256``."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def write_reference(model: DualEncoder, tokenizer: Path, path: Path) -> None:
    """Draws pictures, writes sentences, and keeps both with their float32 embeddings of torch."""
    things = load_things()
    sprites = load_sprites(things).by_style
    writer = Writer(things)
    rng = np.random.default_rng(REFERENCE_SEED)
    pixels, texts = [], []
    for _ in range(REFERENCE_COUNT):
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


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Exports and checks; returns 1 where the folder is not close enough to the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--out", type=Path, default=MODEL)
    parser.add_argument("--reference", type=Path, default=REFERENCE)
    parser.add_argument("--curves", type=Path, default=TRAINING_CURVES)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    state = torch.load(arguments.run / "checkpoint.pt", weights_only=True)
    model = DualEncoder(len(load_things()), len(COLOURS), 4)
    model.load_state_dict(state["ema"])
    model.eval()
    ids = torch.ones(2, 12, dtype=torch.long)
    _export_tower(
        model.vision,
        {"pixel_values": torch.zeros(2, 3, IMAGE_SIZE, IMAGE_SIZE)},
        {"pixel_values": {0: "batch"}},
        "image_embeds",
        out / "vision" / "model.onnx",
    )
    _export_tower(
        model.text,
        {"input_ids": ids, "attention_mask": torch.ones_like(ids)},
        {name: {0: "batch", 1: "sequence"} for name in ("input_ids", "attention_mask")},
        "text_embeds",
        out / "text" / "model.onnx",
    )
    shutil.copyfile(arguments.run / "tokenizer.json", out / "tokenizer.json")
    _write_json(out / "preprocessor_config.json", preprocessor_config())
    hashes = folder_hashes(out)
    _write_json(
        out / "model.json",
        {
            "name": "tiny-clip",
            "revision": revision_of(hashes),
            "dimension": DIMENSION,
            "context_length": CONTEXT_LENGTH,
            "image_size": IMAGE_SIZE,
            "pooling": "mean over the tokens that the attention mask keeps",
            "licence": LICENCE,
            "training": {
                "pictures": state["images"],
                "steps": state["step"],
                "minutes": round(state["elapsed"] / 60),
            },
            "files": hashes,
        },
    )
    shutil.copyfile(arguments.run / "curves.png", arguments.curves)
    write_reference(model, out / "tokenizer.json", arguments.reference)
    cosines = least_cosines(ModelFolder(out, CONTEXT_LENGTH), arguments.reference)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(
        f"step {state['step']}, {state['images']} pictures; {size / 2**20:.2f} MiB; least cosine "
        f"of the folder to torch: pictures {cosines.pictures:.6f}, texts {cosines.texts:.6f}",
        file=sys.stderr,
    )
    return 0 if min(cosines.pictures, cosines.texts) >= LEAST_COSINE else 1


if __name__ == "__main__":
    sys.exit(main())
