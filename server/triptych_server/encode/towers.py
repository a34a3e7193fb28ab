"""The two halves of a dual encoder: a loaded session, and how its inputs are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from triptych_server.domain.vectors import FloatArray, unit
from triptych_server.encode.buckets import Buckets, Filler
from triptych_server.encode.errors import ModelFolderError
from triptych_server.encode.model_folder import TEXT, VISION, ModelFolder, Precision
from triptych_server.encode.preprocess import ImageRecipe, Pixels
from triptych_server.encode.session import Session, TensorSpec
from triptych_server.encode.tokenize import TextTokenizer, TokenIds

# 1 − cosine between one input's embeddings alone and in a batch. Another order of summation gives
# under 1e-7; dynamic quantisation, whose scales depend on the neighbours, gave 1e-5 to 6e-4.
_MOST_DISPLACEMENT = 5e-6
# In fp16 every layer rounds 8,000 times coarser, and a GPU takes other kernels for other batches.
_MOST_DISPLACEMENT_FP16 = 5e-5


class VisionTower:
    """Pictures to embeddings."""

    def __init__(
        self,
        folder: ModelFolder,
        session: Session,
        recipe: ImageRecipe,
        *,
        buckets: Buckets | None = None,
    ) -> None:
        """Raises ModelFolderError where session, recipe and folder do not agree.

        With ``buckets`` every batch is filled up to one of them; without, it runs as it is.
        """
        self._session = session
        self._recipe = recipe
        self._input = _inputs(folder, VISION, session, {"pixel_values"})["pixel_values"]
        self._output = _output(folder, VISION, session, "image_embeds")
        height, width = folder.image_size
        _require_shape(folder, VISION, self._input, (None, 3, height, width))
        if recipe.crop != folder.image_size:
            raise ModelFolderError(
                folder.path,
                f"preprocessor_config.json crops to {recipe.crop}, "
                f"model.json states image_size {folder.image_size}",
            )
        self._filler = _filler(buckets, [self._input])
        self._warm_up(folder)

    def encode(self, crops: Sequence[Pixels]) -> FloatArray:
        """Cropped pictures, uint8 (*crop, 3) each, to unit vectors of shape (n, dimension).

        With buckets, one call at a time.
        """
        pixels = self._recipe.normalise(crops)
        return _run(self._session, self._output, [self._input], [pixels], self._filler)

    def samples(self) -> Iterator[list[Pixels]]:
        """A batch for each bucket, the largest first; none without buckets."""
        for (rows,) in self._filler.buckets.shapes() if self._filler else ():
            yield [np.full((*self._recipe.crop, 3), 127, np.uint8)] * rows

    def _warm_up(self, folder: ModelFolder) -> None:
        shape = (*self._recipe.crop, 3)
        ramp = np.linspace(0, 255, num=int(np.prod(shape))).astype(np.uint8).reshape(shape)
        noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        _check(folder, VISION, self, [noise, ramp])


class TextTower:
    """Token ids to embeddings."""

    def __init__(
        self,
        folder: ModelFolder,
        session: Session,
        tokenizer: TextTokenizer,
        *,
        buckets: Buckets | None = None,
    ) -> None:
        """Raises ModelFolderError where session, tokenizer and folder do not agree.

        With ``buckets`` every batch is filled up to one of them; without, it runs as it is.
        """
        self._session = session
        self._tokenizer = tokenizer
        inputs = _inputs(folder, TEXT, session, {"input_ids", "attention_mask"})
        self._ids, self._mask = inputs["input_ids"], inputs.get("attention_mask")
        self._output = _output(folder, TEXT, session, "text_embeds")
        for spec in inputs.values():
            _require_shape(folder, TEXT, spec, (None, None))
        self._inputs = [self._ids] if self._mask is None else [self._ids, self._mask]
        self._filler = _filler(buckets, self._inputs, {self._ids.name: tokenizer.pad_id})
        self._warm_up(folder)

    def encode(self, rows: Sequence[TokenIds]) -> FloatArray:
        """Token ids with begin and end tokens to unit vectors of shape (n, dimension).

        With buckets, one call at a time.
        """
        ids, mask = self._tokenizer.batch(rows)
        return _run(self._session, self._output, self._inputs, [ids, mask], self._filler)

    def samples(self) -> Iterator[list[TokenIds]]:
        """A batch for each bucket, the largest first; none without buckets."""
        for rows, length in self._filler.buckets.shapes() if self._filler else ():
            yield [[self._tokenizer.pad_id] * length] * rows

    def _warm_up(self, folder: ModelFolder) -> None:
        capacity = self._tokenizer.capacity
        # A letter a word, so that even a tokenizer of whole words fills the context.
        letters = self._tokenizer.content("a b c d e f g h i j k l m n o p " * capacity)
        if not letters:
            raise ModelFolderError(folder.path, "tokenizer.json finds no token in plain letters")
        short = self._tokenizer.wrap(letters[:2])
        _check(folder, TEXT, self, [short, self._tokenizer.wrap(letters[:capacity])])


def _filler(
    buckets: Buckets | None, inputs: Sequence[TensorSpec], rest: Mapping[str, int] | None = None
) -> Filler | None:
    types = {spec.name: spec.type for spec in inputs if spec.type is not None}
    return Filler(buckets, types, rest or {}) if buckets else None


def _run(
    session: Session,
    output: TensorSpec,
    inputs: Sequence[TensorSpec],
    arrays: Sequence[NDArray[Any]],
    filler: Filler | None,
) -> FloatArray:
    """Unit vectors of the rows of ``arrays``, which are given in the order of ``inputs``."""
    count = len(arrays[0])
    feeds = {spec.name: array for spec, array in zip(inputs, arrays, strict=False)}
    if filler is not None:
        feeds = filler.fill(feeds)
    else:
        feeds = {spec.name: feeds[spec.name].astype(spec.type, copy=False) for spec in inputs}
    return _normalised(session.run(output.name, feeds)[:count])


class _Tower(Protocol):
    def encode(self, inputs: Sequence[Any], /) -> FloatArray: ...


def _normalised(raw: NDArray[Any]) -> FloatArray:
    # Numbers that are not finite stay so, and are found by who hands the vector out.
    with np.errstate(invalid="ignore", over="ignore"):
        return unit(raw.astype(np.float32, copy=False))


def _check(folder: ModelFolder, file: str, tower: _Tower, pair: Sequence[Any]) -> None:
    """Run the model for the first time, on two inputs each alone and then together."""
    try:
        alone = np.concatenate([tower.encode([one]) for one in pair])
        together = tower.encode(pair)
    # onnxruntime's errors have no common base but Exception.
    except Exception as error:
        raise ModelFolderError(folder.path, f"{file} fails on a first input: {error}") from error
    if together.shape != (2, folder.dimension):
        raise ModelFolderError(
            folder.path,
            f"{file} gives an output of shape {together.shape} for two inputs, "
            f"model.json states dimension {folder.dimension}",
        )
    if not (np.isfinite(together).all() and together.any(axis=1).all()):
        raise ModelFolderError(folder.path, f"{file} gives numbers that are no embedding")
    cosines = (alone.astype(np.float64) * together.astype(np.float64)).sum(axis=1)
    displacement = 1.0 - float(cosines.min())
    is_half = folder.precision is Precision.FP16
    if displacement > (_MOST_DISPLACEMENT_FP16 if is_half else _MOST_DISPLACEMENT):
        raise ModelFolderError(
            folder.path,
            f"{file} gives an input another embedding when it is in a batch "
            f"(1 - cosine is {displacement:.1e}): is it quantised dynamically? An int8 model "
            "without that is made by `triptych-server convert-model`",
        )


def _inputs(
    folder: ModelFolder, file: str, session: Session, known: set[str]
) -> dict[str, TensorSpec]:
    """The session's inputs by the name they are known by; a single one may have any name."""
    first = "pixel_values" if "pixel_values" in known else "input_ids"
    if len(session.inputs) == 1:
        inputs = {first: session.inputs[0]}
    else:
        inputs = {spec.name: spec for spec in session.inputs}
    if first not in inputs or not inputs.keys() <= known:
        names = ", ".join(spec.name for spec in session.inputs)
        raise ModelFolderError(
            folder.path, f"{file} wants the inputs {names}; known are {', '.join(sorted(known))}"
        )
    for spec in inputs.values():
        if spec.type is None or (spec.type.kind == "f") != (first == "pixel_values"):
            raise ModelFolderError(folder.path, f"{file}: input {spec.name} has an unusable type")
    return inputs


def _output(folder: ModelFolder, file: str, session: Session, name: str) -> TensorSpec:
    """The output of that name, else the only one of two axes."""
    named = [spec for spec in session.outputs if spec.name == name]
    found = named or [spec for spec in session.outputs if len(spec.shape) == 2]
    if len(found) != 1:
        names = ", ".join(f"{spec.name} {spec.shape}" for spec in session.outputs)
        raise ModelFolderError(
            folder.path, f"{file} has no output {name} and not one of two axes alone; has {names}"
        )
    _require_shape(folder, file, found[0], (None, folder.dimension))
    return found[0]


def _require_shape(
    folder: ModelFolder, file: str, spec: TensorSpec, expected: tuple[int | None, ...]
) -> None:
    """An axis that the model leaves open fits every length; one expected open must be open."""
    fits = len(spec.shape) == len(expected) and all(
        axis is None or axis == length for axis, length in zip(spec.shape, expected, strict=True)
    )
    if not fits:
        raise ModelFolderError(
            folder.path,
            f"{file}: {spec.name} has shape {_shape_text(spec.shape)}, "
            f"model.json asks for {_shape_text(expected)}",
        )


def _shape_text(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("any" if axis is None else str(axis) for axis in shape) + ")"
