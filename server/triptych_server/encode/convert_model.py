"""A model folder of another precision, made from one in fp32."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from triptych_server.domain.vectors import FloatArray
from triptych_server.encode.errors import ConversionError, ModelFolderError
from triptych_server.encode.model_folder import (
    MANIFEST,
    PREPROCESSOR,
    TEXT,
    TOKENIZER,
    VISION,
    ModelFolder,
    Precision,
    load_model_folder,
    read_json,
    sha256_of,
)
from triptych_server.encode.preprocess import ImageRecipe, Pixels, read_image_recipe
from triptych_server.encode.session import Device, check_runtime, open_session
from triptych_server.encode.tokenize import TextTokenizer, TokenIds
from triptych_server.encode.towers import TextTower, VisionTower

if TYPE_CHECKING:
    import onnx

__all__ = ["Precision", "convert_model"]

logger = logging.getLogger(__name__)

# The most that an embedding may turn, as 1 − cosine. Measured on random models of the shape of CLIP
# ViT-B/32 and on the bundled one: int8 at most 2e-3, fp16 at most 1e-5. What turns further is
# broken, not rounded.
_MOST_TURN = {Precision.INT8: 0.02, Precision.FP16: 1e-3}
# Terms that have to go along with the weights, and what is known of the model.
_COMPANIONS = ("LICENSE*", "LICENCE*", "NOTICE*", "COPYING*", "MODEL_CARD.md", "README.md")


@dataclass(frozen=True, slots=True)
class _Samples:
    """Inputs that both models are run on."""

    pictures: list[Pixels]
    texts: list[TokenIds]


def convert_model(source: Path, target: Path, precision: Precision) -> Path:
    """Write the model folder ``target``: the fp32 model of ``source`` in ``precision``.

    Its revision is that of ``source`` with the precision and a hash of the new models, so that the
    stamps of its vectors differ. It appears whole or not at all. Takes seconds, and about three
    (int8) or six (fp16) times the memory of the larger model's file.

    Raises ModelFolderError for a source that cannot be used and ConversionError for what else
    stands in the way: no ``onnx``, a target that exists or that cannot be written, a precision that
    is fp32, and a result whose embeddings are too far from the source's.
    """
    precision = Precision(precision)
    check_runtime()
    if find_spec("onnx") is None:
        raise ConversionError("converting needs onnx; install triptych[convert]")
    if precision is Precision.FP32:
        raise ConversionError("precision fp32 is that of the source: int8 and fp16 can be made")
    if target.exists() or target.is_symlink():
        raise ConversionError(f"{target} exists already")
    stated = load_model_folder(source)
    if stated.precision is not Precision.FP32:
        raise ModelFolderError(source, f"is {stated.precision} already; convert the fp32 model")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            _write(stated, partial, precision)
            partial.chmod(0o755)
            # Fails on a folder that another call has put there meanwhile.
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise ConversionError(f"{target} cannot be written: {error}") from error
    return target


def _write(stated: ModelFolder, folder: Path, precision: Precision) -> None:
    recipe = read_image_recipe(stated.path)
    tokenizer = TextTokenizer(stated.path, stated.context_length)
    samples = _samples(recipe, tokenizer)
    before = _embed(stated, samples)
    for name in (TOKENIZER, PREPROCESSOR, *_companions(stated.path)):
        shutil.copyfile(stated.path / name, folder / name)
    pixels = [recipe.normalise([crop]) for crop in samples.pictures]
    tokens = [tokenizer.batch([ids]) for ids in samples.texts]
    _convert(stated.path, VISION, folder, precision, [[one] for one in pixels])
    _convert(stated.path, TEXT, folder, precision, [list(pair) for pair in tokens])
    _write_manifest(stated, folder, precision)
    try:
        after = _embed(load_model_folder(folder), samples)
    except ModelFolderError as error:
        raise ConversionError(f"{stated.path} in {precision} is of no use: {error.what}") from error
    turns = [
        1 - float((one.astype(np.float64) * other).sum(axis=1).min())
        for one, other in zip(before, after, strict=True)
    ]
    for file, turn in zip((VISION, TEXT), turns, strict=True):
        # Not `>`: what is no number is no embedding.
        if not turn <= _MOST_TURN[precision]:
            raise ConversionError(
                f"{file} in {precision} is too far from the model in fp32: 1 - cosine is "
                f"{turn:.1e}, allowed {_MOST_TURN[precision]:.1e}"
            )
        logger.info("%s in %s: 1 - cosine to fp32 is at most %.1e", file, precision, turn)


def _convert(
    source: Path, file: str, folder: Path, precision: Precision, samples: Sequence[Sequence[Any]]
) -> None:
    """Write one model of the new folder; ``samples`` are the arrays of its inputs, each in turn."""
    import onnx

    from triptych_server.encode.graph_fp16 import to_fp16
    from triptych_server.encode.graph_int8 import to_int8

    path = folder / file
    path.parent.mkdir()
    try:
        model = _folded(source, file, path)
        if precision is Precision.FP16:
            names = [value.name for value in model.graph.input]
            kinds = [_dtype(value) for value in model.graph.input]
            feeds = [
                {
                    name: array.astype(kind)
                    for name, kind, array in zip(names, kinds, arrays, strict=False)
                }
                for arrays in samples
            ]
            model = to_fp16(model, feeds)
        elif not to_int8(model):
            raise ModelFolderError(source, f"{file} multiplies by no weights that could be int8")
        with path.open("wb") as written:
            written.write(model.SerializeToString(deterministic=True))
            written.flush()
            os.fsync(written.fileno())
    # onnx, onnxruntime and protobuf (past 2 GB) share no base but Exception.
    except (OSError, ModelFolderError):
        raise
    except Exception as error:
        raise ModelFolderError(source, f"{file} cannot be converted: {error}") from error
    onnx.checker.check_model(str(path))


def _folded(source: Path, file: str, scratch: Path) -> onnx.ModelProto:
    """The model with all that is constant computed: weights kept small become plain float32.

    onnxruntime does it, with its optimisations that hold on every device and no others.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(scratch)
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    onnxruntime.InferenceSession(source / file, options, providers=["CPUExecutionProvider"])
    model = onnx.load(str(scratch))
    scratch.unlink()
    used = {node.domain for node in model.graph.node}
    opsets = [opset for opset in model.opset_import if not opset.domain or opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model


def _dtype(value: onnx.ValueInfoProto) -> np.dtype[Any]:
    import onnx

    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))


def _write_manifest(stated: ModelFolder, folder: Path, precision: Precision) -> None:
    hashes = {name: sha256_of(folder / name) for name in (PREPROCESSOR, TEXT, TOKENIZER, VISION)}
    both = f"{hashes[VISION][:4]}{hashes[TEXT][:4]}"
    manifest = {
        **read_json(stated.path, MANIFEST),
        "revision": f"{stated.revision}-{precision}-{both}",
        "precision": precision.value,
        "converted_from": stated.revision,
        "files": hashes,
    }
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def _companions(folder: Path) -> Iterable[str]:
    return sorted({path.name for wish in _COMPANIONS for path in folder.glob(wish)})


def _samples(recipe: ImageRecipe, tokenizer: TextTokenizer) -> _Samples:
    """Noise, grounds and surfaces; texts of one token to a full context."""
    rng = np.random.default_rng(0)
    height, width = recipe.crop
    pictures = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8)]
    for ground in ((0, 0, 0), (255, 255, 255), (200, 30, 60)):
        pictures.append(np.full((height, width, 3), ground, np.uint8))
    for size in (2, 5, 16):
        tiles = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        rows, columns = np.arange(height) * size // height, np.arange(width) * size // width
        pictures.append(np.ascontiguousarray(tiles[rows][:, columns]))
    words = "a red apple on the table , two black cats near an old house at night ! 1 2 3 "
    content = tokenizer.content(words * tokenizer.capacity)
    lengths = sorted({min(n, tokenizer.capacity) for n in (1, 3, 7, 12, tokenizer.capacity)})
    return _Samples(pictures, [tokenizer.wrap(content[:length]) for length in lengths])


def _embed(folder: ModelFolder, samples: _Samples) -> tuple[FloatArray, FloatArray]:
    """Unit vectors of the pictures and of the texts, each one run for itself."""
    recipe = read_image_recipe(folder.path)
    tokenizer = TextTokenizer(folder.path, folder.context_length)
    vision = VisionTower(folder, open_session(folder.vision, device=Device.CPU, threads=1), recipe)
    text = TextTower(folder, open_session(folder.text, device=Device.CPU, threads=1), tokenizer)
    return (
        np.concatenate([vision.encode([one]) for one in samples.pictures]),
        np.concatenate([text.encode([one]) for one in samples.texts]),
    )
