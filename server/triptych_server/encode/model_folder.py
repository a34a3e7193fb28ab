"""A dual encoder as a folder on disk.

- ``vision/model.onnx``: pixels to image embeddings
- ``text/model.onnx``: token ids to text embeddings
- ``tokenizer.json`` of the `tokenizers` library
- ``preprocessor_config.json`` of Hugging Face's CLIPImageProcessor
- ``model.json``: what the model is, and the SHA-256 of each file
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TypeGuard

from triptych_server.encode.errors import ModelFolderError

VISION = "vision/model.onnx"
TEXT = "text/model.onnx"
TOKENIZER = "tokenizer.json"
PREPROCESSOR = "preprocessor_config.json"
MANIFEST = "model.json"


class Precision(StrEnum):
    """What a model computes its large matrix products in."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class FileHash:
    """A file of the folder (its path relative to it) and its SHA-256 in lower-case hex."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What ``model.json`` states, and where the files are.

    ``image_size`` is (height, width) in pixels; ``context_length`` counts tokens with the begin
    and end tokens; ``pooling`` says in words how the graph turns tokens or patches into one
    vector (it is done inside the graph). ``files`` is empty where no hashes are stated, and
    ``precision`` is fp32 where none is.
    """

    path: Path
    name: str
    revision: str
    dimension: int
    context_length: int
    image_size: tuple[int, int]
    pooling: str
    licence: str
    files: tuple[FileHash, ...] = ()
    precision: Precision = Precision.FP32

    @property
    def vision(self) -> Path:
        """The vision model."""
        return self.path / VISION

    @property
    def text(self) -> Path:
        """The text model."""
        return self.path / TEXT

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's file."""
        return self.path / TOKENIZER

    @property
    def preprocessor(self) -> Path:
        """The image preprocessing's file."""
        return self.path / PREPROCESSOR


def load_model_folder(path: Path) -> ModelFolder:
    """Read and check a model folder, the hashes included; the models are not loaded.

    Raises ModelFolderError for a file that is missing or does not have its stated hash, and for a
    ``model.json`` that lacks a value or has one that cannot be.
    """
    if not path.is_dir():
        raise ModelFolderError(path, "there is no such folder")
    missing = [
        name
        for name in (VISION, TEXT, TOKENIZER, PREPROCESSOR, MANIFEST)
        if not (path / name).is_file()
    ]
    if missing:
        raise ModelFolderError(path, f"lacks {', '.join(missing)}")
    fields = read_json(path, MANIFEST)
    folder = ModelFolder(
        path=path,
        name=_text(path, fields, "name"),
        revision=_text(path, fields, "revision"),
        dimension=_count(path, fields, "dimension"),
        context_length=_count(path, fields, "context_length"),
        image_size=_size(path, fields, "image_size"),
        pooling=_text(path, fields, "pooling"),
        licence=_text(path, fields, "licence"),
        files=_files(path, fields),
        precision=_precision(path, fields),
    )
    for file in folder.files:
        _check_hash(path, file)
    return folder


def read_json(folder: Path, name: str) -> dict[str, object]:
    """The JSON object in a file of the folder. Raises ModelFolderError."""
    try:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFolderError(folder, f"{name} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelFolderError(folder, f"{name} is not a JSON object")
    return value


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes in lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_count(value: object) -> TypeGuard[int]:
    """Whether a value from JSON is a whole number above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _text(folder: Path, fields: dict[str, object], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ModelFolderError(
            folder, f"{MANIFEST}: {key} must be a non-empty string, is {value!r}"
        )
    return value


def _count(folder: Path, fields: dict[str, object], key: str) -> int:
    value = fields.get(key)
    if not is_count(value):
        raise ModelFolderError(
            folder, f"{MANIFEST}: {key} must be a whole number above 0, is {value!r}"
        )
    return value


def _size(folder: Path, fields: dict[str, object], key: str) -> tuple[int, int]:
    match fields.get(key):
        case int() as side if is_count(side):
            return side, side
        case [height, width] if is_count(height) and is_count(width):
            return height, width
        case value:
            raise ModelFolderError(
                folder,
                f"{MANIFEST}: {key} must be one side or [height, width] in pixels, is {value!r}",
            )


def _precision(folder: Path, fields: dict[str, object]) -> Precision:
    value = fields.get("precision", Precision.FP32)
    if isinstance(value, str) and value in tuple(Precision):
        return Precision(value)
    names = ", ".join(Precision)
    raise ModelFolderError(folder, f"{MANIFEST}: precision must be one of {names}, is {value!r}")


def _files(folder: Path, fields: dict[str, object]) -> tuple[FileHash, ...]:
    value = fields.get("files", {})
    if not isinstance(value, dict):
        raise ModelFolderError(folder, f"{MANIFEST}: files must map paths to SHA-256")
    files = []
    for name, digest in value.items():
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise ModelFolderError(folder, f"{MANIFEST}: files: {name!r} is outside the folder")
        if not isinstance(digest, str):
            raise ModelFolderError(folder, f"{MANIFEST}: files: {name!r} has no SHA-256")
        files.append(FileHash(name, digest.lower()))
    return tuple(files)


def _check_hash(folder: Path, file: FileHash) -> None:
    try:
        actual = sha256_of(folder / file.path)
    except OSError as error:
        raise ModelFolderError(folder, f"{file.path} cannot be read: {error}") from error
    if actual != file.sha256:
        raise ModelFolderError(
            folder, f"{file.path} is not the stated file: SHA-256 {actual}, stated {file.sha256}"
        )
