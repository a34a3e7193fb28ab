"""A dual encoder of random weights: tiny, made on the spot, in the very folder form of a real one.

Its embeddings mean nothing, but they depend on every pixel and on every token and its place. Its
dimension, image size, context length and tokenizer differ from the bundled model's, so that a
test which passes on both shows that nothing is hard-coded to one of them.
"""

import hashlib
import json
import string
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

_WORDS = (
    "a an the of on in with and two three red green blue black white small large cup coffee tea "
    "table chair cat dog bird tree house boat car train bread apple lemon moon sun star rain "
    "snow letter word page clock lamp door window river hill road bridge street"
)
_WIDTH = 24
_OPSET = 17
_MEAN = [0.48145466, 0.4578275, 0.40821073]
_STD = [0.26862954, 0.26130258, 0.27577711]


def make_random_model(
    folder: Path,
    *,
    seed: int = 0,
    dimension: int = 48,
    image_size: int = 40,
    context_length: int = 12,
) -> Path:
    """Write the model folder and return it; the same arguments give the same model.

    ``image_size`` is a multiple of 8. The tokenizer is a lower-case WordPiece with [CLS] and [SEP]
    around a text; every word of ASCII letters and digits has tokens.
    """
    rng = np.random.default_rng(seed)
    (folder / "vision").mkdir(parents=True)
    (folder / "text").mkdir()
    tokenizer = make_tokenizer()
    vocabulary = tokenizer.get_vocab_size()
    onnx.save(_vision_model(rng, dimension, image_size), str(folder / "vision" / "model.onnx"))
    onnx.save(
        _text_model(rng, dimension, context_length, vocabulary), str(folder / "text" / "model.onnx")
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(
        folder / "preprocessor_config.json",
        {
            "crop_size": {"height": image_size, "width": image_size},
            "do_center_crop": True,
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": _MEAN,
            "image_std": _STD,
            "resample": 3,
            "rescale_factor": 1 / 255,
            "size": {"shortest_edge": image_size},
        },
    )
    _write_manifest(
        folder,
        {
            "name": "random",
            "revision": f"seed-{seed}",
            "dimension": dimension,
            "context_length": context_length,
            "image_size": image_size,
            "pooling": "mean",
            "licence": "CC0-1.0",
        },
    )
    return folder


def restate(folder: Path, **changes: object) -> None:
    """Change fields of ``model.json``, and bring its hashes up to the files as they are now."""
    fields = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    _write_manifest(folder, {**fields, **changes})


def rebuild(folder: Path, half: str, change: Callable[[onnx.ModelProto], None]) -> None:
    """Change the model of ``half`` (``vision`` or ``text``) in place, with its hash."""
    path = str(folder / half / "model.onnx")
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    restate(folder)


def make_tokenizer() -> Tokenizer:
    """A WordPiece over some words, and over single letters and digits for all the others."""
    signs = string.ascii_lowercase + string.digits
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *signs, *(f"##{sign}" for sign in signs)]
    pieces += [word for word in _WORDS.split() if word not in pieces]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.enable_padding(pad_id=vocabulary["[PAD]"], pad_token="[PAD]")
    return tokenizer


def _vision_model(rng: np.random.Generator, dimension: int, image_size: int) -> onnx.ModelProto:
    """Patches of 8 pixels, a weight for each place, mean, projection."""
    patches = (image_size // 8) ** 2
    weights = [
        _weight("patch", rng, (_WIDTH, 3, 8, 8), 0.1),
        _weight("place", rng, (1, _WIDTH, patches), 1.0),
        _weight("project", rng, (_WIDTH, dimension), 1.0),
        numpy_helper.from_array(np.array([0, _WIDTH, patches], np.int64), "flat"),
    ]
    nodes = [
        helper.make_node("Conv", ["pixel_values", "patch"], ["grid"], strides=[8, 8]),
        helper.make_node("Reshape", ["grid", "flat"], ["tokens"]),
        helper.make_node("Mul", ["tokens", "place"], ["placed"]),
        helper.make_node("Tanh", ["placed"], ["active"]),
        helper.make_node("ReduceMean", ["active"], ["pooled"], axes=[2], keepdims=0),
        helper.make_node("MatMul", ["pooled", "project"], ["image_embeds"]),
    ]
    pixels = helper.make_tensor_value_info(
        "pixel_values", TensorProto.FLOAT, ["batch", 3, image_size, image_size]
    )
    return _model("vision", nodes, [pixels], "image_embeds", dimension, weights)


def _text_model(
    rng: np.random.Generator, dimension: int, context_length: int, vocabulary: int
) -> onnx.ModelProto:
    """Token embeddings, a weight for each place, masked mean, projection."""
    weights = [
        _weight("embed", rng, (vocabulary, _WIDTH), 1.0),
        _weight("place", rng, (context_length, _WIDTH), 1.0),
        _weight("project", rng, (_WIDTH, dimension), 1.0),
        numpy_helper.from_array(np.array([0], np.int64), "zero"),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.array([2], np.int64), "two"),
    ]
    nodes = [
        helper.make_node("Gather", ["embed", "input_ids"], ["tokens"]),
        helper.make_node("Shape", ["input_ids"], ["shape"]),
        helper.make_node("Slice", ["shape", "one", "two"], ["length"]),
        helper.make_node("Slice", ["place", "zero", "length", "zero"], ["places"]),
        helper.make_node("Mul", ["tokens", "places"], ["placed"]),
        helper.make_node("Tanh", ["placed"], ["active"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "two"], ["mask3"]),
        helper.make_node("Mul", ["active", "mask3"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "one"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask3", "one"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["pooled"]),
        helper.make_node("MatMul", ["pooled", "project"], ["text_embeds"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    return _model("text", nodes, inputs, "text_embeds", dimension, weights)


def _model(
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    output: str,
    dimension: int,
    weights: list[onnx.TensorProto],
) -> onnx.ModelProto:
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", dimension])]
    graph = helper.make_graph(nodes, name, inputs, outputs, weights)
    opset = helper.make_opsetid("", _OPSET)
    # The version of the file form that came with this opset: every onnxruntime reads it.
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def _weight(
    name: str, rng: np.random.Generator, shape: tuple[int, ...], scale: float
) -> onnx.TensorProto:
    values: NDArray[np.float32] = (rng.standard_normal(shape) * scale).astype(np.float32)
    return numpy_helper.from_array(values, name)


def _write_manifest(folder: Path, fields: dict[str, object]) -> None:
    names = ["vision/model.onnx", "text/model.onnx", "tokenizer.json", "preprocessor_config.json"]
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    _write_json(folder / "model.json", {**fields, "files": hashes})


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
