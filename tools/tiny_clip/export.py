"""Writes the model folder from a checkpoint: ONNX graphs, tokenizer, preprocessing, hashes.

``python -m tools.tiny_clip.export --run RUN --out FOLDER``. The averaged weights are exported.
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
import onnxruntime
import torch
from numpy.typing import NDArray

from tools.sprites.catalogue import load_things
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.model import CONTEXT_LENGTH, DIMENSION, VOCABULARY, DualEncoder
from tools.tiny_clip.preprocess import IMAGE_SIZE, MEAN, STD
from tools.tiny_clip.quantise import quantise_weights

OPSET = 17
LEAST_FP32_COSINE = 0.9999
LEAST_INT8_COSINE = 0.9995
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


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """The smallest cosine between the rows of the two."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / norms).min())


def _run(path: Path, inputs: dict[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return np.asarray(session.run(None, inputs)[0], np.float32)


def _export_tower(
    tower: torch.nn.Module,
    inputs: dict[str, torch.Tensor],
    axes: dict[str, dict[int, str]],
    output: str,
    path: Path,
) -> tuple[float, float]:
    """Writes one int8 graph; returns cosine fp32 graph to torch, and int8 graph to fp32."""
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
        feeds = {name: value.numpy() for name, value in inputs.items()}
        with torch.no_grad():
            expected = tower(*inputs.values()).numpy()
        float_result = _run(plain, feeds)
        return _cosine(float_result, expected), _cosine(_run(path, feeds), float_result)


def folder_hashes(folder: Path) -> dict[str, str]:
    """Path → sha256 of every file that belongs to the model's identity, sorted by path."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(FILES)
    }


def revision_of(hashes: dict[str, str]) -> str:
    """The first 12 hex digits of sha256 over the sorted lines ``path sha256``."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Exports and checks; returns 1 where a graph is not close enough to the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    state = torch.load(arguments.run / "checkpoint.pt", weights_only=True)
    model = DualEncoder(len(load_things()), len(COLOURS), 4)
    model.load_state_dict(state["ema"])
    model.eval()
    generator = torch.Generator().manual_seed(7)
    pixels = torch.randn(16, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator).clamp(-1, 1)
    ids = torch.randint(3, VOCABULARY, (16, 12), generator=generator)
    mask = torch.ones_like(ids)
    mask[8:, 9:] = 0
    vision = _export_tower(
        model.vision,
        {"pixel_values": pixels},
        {"pixel_values": {0: "batch"}},
        "image_embeds",
        out / "vision" / "model.onnx",
    )
    text = _export_tower(
        model.text,
        {"input_ids": ids, "attention_mask": mask},
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
            "files": hashes,
        },
    )
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(
        f"step {state['step']}, {state['images']} pictures; {size / 2**20:.2f} MiB; least cosine "
        f"onnx to torch: vision {vision[0]:.6f}, text {text[0]:.6f}; int8 to fp32: "
        f"vision {vision[1]:.6f}, text {text[1]:.6f}",
        file=sys.stderr,
    )
    close = min(vision[0], text[0]) >= LEAST_FP32_COSINE
    return 0 if close and min(vision[1], text[1]) >= LEAST_INT8_COSINE else 1


if __name__ == "__main__":
    sys.exit(main())
