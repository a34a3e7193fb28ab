"""CLIP ViT-B/32 with random weights, made on the spot: as fast as the real one, and as meaningless.

Vision: 12 layers of width 768 with 12 heads over 49 patches and a class token, 87.8 M parameters.
Text: 12 layers of width 512 with 8 heads, causal, pooled at the last token, 63.4 M parameters.
Both project to 512 numbers. The layers and names are those of the published ONNX exports.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from benchmarks.texts import WORDS

ROOT = Path(__file__).resolve().parents[1] / ".bench"

DIMENSION = 512
IMAGE_SIZE = 224
CONTEXT_LENGTH = 77
VOCABULARY = 49_408
# Changes with everything below that changes a folder, so that an old one is not taken for it.
_FORM = "1"


def clip_folder() -> Path:
    """The model folder, made where it is missing (some seconds, 600 MB)."""
    folder = ROOT / f"clip-vit-b-32-random-{_FORM}"
    if not (folder / "model.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder)
    return folder


def _make(folder: Path) -> None:
    (folder / "vision").mkdir(parents=True)
    (folder / "text").mkdir()
    rng = np.random.default_rng(0)
    _vision(rng).save(folder / "vision" / "model.onnx")
    _text(rng).save(folder / "text" / "model.onnx")
    _tokenizer().save(str(folder / "tokenizer.json"))
    recipe = {
        "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "do_center_crop": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"shortest_edge": IMAGE_SIZE},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(recipe))
    names = ["vision/model.onnx", "text/model.onnx", "tokenizer.json", "preprocessor_config.json"]
    manifest = {
        "name": "clip-vit-b-32-random",
        "revision": f"seed-0-form-{_FORM}",
        "dimension": DIMENSION,
        "context_length": CONTEXT_LENGTH,
        "image_size": IMAGE_SIZE,
        "pooling": "the last token",
        "licence": "CC0-1.0",
        "files": {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names},
    }
    # Last: a folder without it is not whole.
    (folder / "model.json").write_text(json.dumps(manifest))


def _tokenizer() -> Tokenizer:
    """Whole words for ``texts.WORDS``, letters for any other."""
    signs = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *signs, *(f"##{sign}" for sign in signs)]
    pieces += [word for word in WORDS if word not in pieces]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.enable_padding(pad_id=vocabulary["[PAD]"], pad_token="[PAD]")
    return tokenizer


class _Graph:
    """Nodes and weights as they are added; every method returns the name of its output."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._output = ""

    def input(self, name: str, type: int, shape: Sequence[str | int]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, type, list(shape)))
        return name

    def weight(self, *shape: int, scale: float = 0.02, shift: float = 0.0) -> str:
        values = self._rng.standard_normal(shape, dtype=np.float32)
        values *= scale
        values += shift
        return self.constant(values)

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def linear(self, x: str, wide: int, out: int, *, bias: bool = True) -> str:
        product = self.op("MatMul", x, self.weight(wide, out))
        return self.op("Add", product, self.weight(out)) if bias else product

    def norm(self, x: str, width: int) -> str:
        scale, shift = self.weight(width, shift=1.0), self.weight(width)
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-5)

    def layer(self, x: str, width: int, heads: int, mask: str | None) -> str:
        """Pre-norm attention and a four times wider feed-forward with quick GELU."""
        size = width // heads
        h = self.norm(x, width)
        split = self.ints(0, 0, heads, size)

        def head(order: list[int], scale: float | None = None) -> str:
            y = self.linear(h, width, width)
            if scale is not None:
                y = self.op("Mul", y, self.scalar(scale))
            return self.op("Transpose", self.op("Reshape", y, split), perm=order)

        q = head([0, 2, 1, 3], size**-0.5)
        k = head([0, 2, 3, 1])
        v = head([0, 2, 1, 3])
        scores = self.op("MatMul", q, k)
        if mask is not None:
            scores = self.op("Add", scores, mask)
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), v)
        joined = self.op("Transpose", mixed, perm=[0, 2, 1, 3])
        joined = self.op("Reshape", joined, self.ints(0, 0, width))
        x = self.op("Add", x, self.linear(joined, width, width))
        h = self.linear(self.norm(x, width), width, 4 * width)
        h = self.op("Mul", h, self.op("Sigmoid", self.op("Mul", h, self.scalar(1.702))))
        return self.op("Add", x, self.linear(h, 4 * width, width))

    def output(self, x: str, name: str) -> None:
        self._nodes.append(helper.make_node("Identity", [x], [name]))
        self._output = name

    def save(self, path: Path) -> None:
        outputs = [
            helper.make_tensor_value_info(self._output, TensorProto.FLOAT, ["batch", DIMENSION])
        ]
        graph = helper.make_graph(
            self._nodes, path.parent.name, self._inputs, outputs, self._weights
        )
        opset = helper.make_opsetid("", 17)
        onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))

    def constant(self, values: NDArray[Any]) -> str:
        name = f"w_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(values, name))
        return name


def _vision(rng: np.random.Generator) -> _Graph:
    graph, width, patch = _Graph(rng), 768, 32
    pixels = graph.input("pixel_values", TensorProto.FLOAT, ["batch", 3, IMAGE_SIZE, IMAGE_SIZE])
    grid = graph.op(
        "Conv",
        pixels,
        graph.weight(width, 3, patch, patch),
        strides=[patch, patch],
        kernel_shape=[patch, patch],
    )
    tokens = graph.op("Reshape", grid, graph.ints(0, width, -1))
    tokens = graph.op("Transpose", tokens, perm=[0, 2, 1])
    batch = graph.op("Gather", graph.op("Shape", pixels), graph.ints(0), axis=0)
    shape = graph.op("Concat", batch, graph.ints(1), graph.ints(width), axis=0)
    first = graph.op("Expand", graph.weight(1, 1, width), shape)
    x = graph.op("Concat", first, tokens, axis=1)
    x = graph.op("Add", x, graph.weight(1, (IMAGE_SIZE // patch) ** 2 + 1, width))
    x = graph.norm(x, width)
    for _ in range(12):
        x = graph.layer(x, width, 12, None)
    pooled = graph.op("Gather", x, graph.op("Squeeze", graph.ints(0), graph.ints(0)), axis=1)
    pooled = graph.norm(pooled, width)
    graph.output(graph.linear(pooled, width, DIMENSION, bias=False), "image_embeds")
    return graph


def _text(rng: np.random.Generator) -> _Graph:
    graph, width = _Graph(rng), 512
    ids = graph.input("input_ids", TensorProto.INT64, ["batch", "sequence"])
    kept = graph.input("attention_mask", TensorProto.INT64, ["batch", "sequence"])
    x = graph.op("Gather", graph.weight(VOCABULARY, width), ids)
    length = graph.op("Gather", graph.op("Shape", ids), graph.ints(1), axis=0)
    zero, one = graph.ints(0), graph.ints(1)
    places = graph.op("Slice", graph.weight(CONTEXT_LENGTH, width), zero, length, zero)
    x = graph.op("Add", x, places)
    # Added to the scores: what comes later, and what only fills up a row, is out of sight.
    full = np.triu(np.full((CONTEXT_LENGTH, CONTEXT_LENGTH), -1e4, np.float32), 1)
    causal = graph.op("Slice", graph.constant(full), zero, length, zero)
    causal = graph.op("Slice", causal, zero, length, one)
    filled = graph.op("Sub", graph.scalar(1.0), graph.op("Cast", kept, to=TensorProto.FLOAT))
    filled = graph.op("Mul", filled, graph.scalar(-1e4))
    mask = graph.op("Add", causal, graph.op("Unsqueeze", filled, graph.ints(1, 2)))
    for _ in range(12):
        x = graph.layer(x, width, 8, mask)
    x = graph.norm(x, width)
    last = graph.op("Sub", graph.op("ReduceSum", kept, one, keepdims=1), one)
    last = graph.op("Unsqueeze", last, graph.ints(2))
    rows = graph.op("Shape", x)
    batch = graph.op("Gather", rows, zero, axis=0)
    place = graph.op(
        "Expand", last, graph.op("Concat", batch, graph.ints(1), graph.ints(width), axis=0)
    )
    pooled = graph.op("Squeeze", graph.op("GatherElements", x, place, axis=1), one)
    graph.output(graph.linear(pooled, width, DIMENSION, bias=False), "text_embeds")
    return graph
