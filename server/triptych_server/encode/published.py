"""A published pair of ONNX models becomes a model folder.

The hub keeps CLIP's vision and its text model apart, each with its own configuration; fastembed
knows where they are, and fetches them with a progress bar and a check of their sizes.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from triptych_server.encode.errors import ModelFolderError, ModelUnavailable
from triptych_server.encode.model_folder import (
    MANIFEST,
    PREPROCESSOR,
    TEXT,
    TOKENIZER,
    VISION,
    is_count,
    read_json,
    sha256_of,
)
from triptych_server.encode.preprocess import read_image_recipe
from triptych_server.encode.session import Device, open_session

if TYPE_CHECKING:
    from fastembed import ImageEmbedding, TextEmbedding

logger = logging.getLogger(__name__)

# Tokenizer configurations that know no limit state one of about 1e30.
_MOST_CONTEXT = 1_000_000


@dataclass(frozen=True, slots=True)
class PublishedPair:
    """A dual encoder on the hub. The sources are names in fastembed's own catalogue."""

    name: str
    vision_source: str
    text_source: str
    licence: str
    dimension: int
    pooling: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One fetched half: its folder, which is named after its revision, and the model's file."""

    folder: Path
    model_file: str

    @property
    def model(self) -> Path:
        """The ONNX file."""
        return self.folder / self.model_file


def fetch_pair(pair: PublishedPair, target: Path, cache_dir: Path) -> None:
    """Fetch both halves into ``cache_dir`` and make the model folder ``target`` of them.

    Halves that an earlier fetch has left in ``cache_dir`` are used where the hub is out of reach.
    Raises ModelUnavailable, at once where there is no network, and ModelFolderError.
    """
    from fastembed import ImageEmbedding, TextEmbedding

    logger.info("model %s is not in %s, fetching it from its hub", pair.name, cache_dir)
    try:
        vision = _fetch(ImageEmbedding, pair.vision_source, PREPROCESSOR, cache_dir)
        text = _fetch(TextEmbedding, pair.text_source, TOKENIZER, cache_dir)
    # Whatever the network, the hub's client or the disk throws, the ways out are the same.
    except Exception as error:
        raise ModelUnavailable(
            f"model {pair.name} is not in {cache_dir} and cannot be fetched "
            f"({type(error).__name__}: {error}). Either name a model folder: "
            f"TRIPTYCH_ENCODERS={pair.name}=/path/to/model-folder, or take the small bundled "
            "model for a demonstration: TRIPTYCH_ENCODERS=tiny-clip"
        ) from error
    compose_folder(pair, vision, text, target)


def compose_folder(pair: PublishedPair, vision: Snapshot, text: Snapshot, target: Path) -> None:
    """Lay out the model folder ``target``; its ``model.json`` is written last and atomically.

    A folder without ``model.json`` is what an interrupted call leaves, and is completed by the
    next one. Raises ModelFolderError for a half that lacks something or contradicts itself.
    """
    for source, name in (
        (vision.model, VISION),
        (text.model, TEXT),
        (text.folder / TOKENIZER, TOKENIZER),
        (vision.folder / PREPROCESSOR, PREPROCESSOR),
    ):
        if not source.is_file():
            raise ModelFolderError(source.parent, f"lacks {source.name}, which {target} needs")
        _place(source, target / name)
    manifest = {
        "name": pair.name,
        "revision": f"{vision.folder.name[:12]}-{text.folder.name[:12]}",
        "dimension": _dimension(pair, target),
        "context_length": _context_length(text.folder),
        "image_size": list(read_image_recipe(target).crop),
        "pooling": pair.pooling,
        "licence": pair.licence,
        "sources": [pair.vision_source, pair.text_source],
        "files": {
            name: sha256_of(target / name) for name in (VISION, TEXT, TOKENIZER, PREPROCESSOR)
        },
    }
    partial = target / f".{MANIFEST}.{os.getpid()}"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(target / MANIFEST)


def _fetch(
    catalogue: type[ImageEmbedding] | type[TextEmbedding],
    model: str,
    companion: str,
    cache_dir: Path,
) -> Snapshot:
    """One half, from the hub or else from the cache; ``companion`` is what else must be there.

    fastembed's ``download_model`` would wait 3 s after a first failure and 9 s after the next;
    the step below it, which it tries each time, fails at once.
    """
    known = {entry["model"]: entry for entry in catalogue.list_supported_models()}[model]
    model_file = str(known["model_file"])

    def fetch(*, local_files_only: bool) -> Snapshot:
        folder = catalogue.download_files_from_huggingface(
            str(known["sources"]["hf"]),
            cache_dir=str(cache_dir),
            extra_patterns=[model_file],
            local_files_only=local_files_only,
        )
        return Snapshot(Path(folder), model_file)

    try:
        return fetch(local_files_only=False)
    except Exception as error:
        try:
            cached = fetch(local_files_only=True)
        except (OSError, ValueError):
            raise error from None
        if not (cached.model.is_file() and (cached.folder / companion).is_file()):
            raise
        return cached


def _place(source: Path, target: Path) -> None:
    """``target`` becomes the file ``source``: a hard link where that can be, else a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    try:
        # The hub's cache holds symbolic links to files that it may drop.
        os.link(source.resolve(), partial)
    except OSError:
        shutil.copyfile(source, partial)
    partial.replace(target)


def _dimension(pair: PublishedPair, folder: Path) -> int:
    """The width of the vision model's embeddings, where the model itself says it."""
    outputs = open_session(folder / VISION, device=Device.CPU, threads=1).outputs
    widths = [spec.shape[1] for spec in outputs if len(spec.shape) == 2]
    stated = widths[0] if len(widths) == 1 else None
    return pair.dimension if stated is None else stated


def _context_length(folder: Path) -> int:
    """The least of the limits that the text model's configuration files state."""
    limits: list[object] = []
    match read_json(folder, TOKENIZER):
        case {"truncation": {"max_length": limit}}:
            limits.append(limit)
    if (folder / "tokenizer_config.json").is_file():
        limits.append(read_json(folder, "tokenizer_config.json").get("model_max_length"))
    if (folder / "config.json").is_file():
        config = read_json(folder, "config.json")
        text_config = config.get("text_config")
        nested = text_config if isinstance(text_config, dict) else {}
        limits += [c.get("max_position_embeddings") for c in (config, nested)]
    counts = [limit for limit in limits if is_count(limit) and limit < _MOST_CONTEXT]
    if not counts:
        raise ModelFolderError(folder, "no configuration file states the longest text")
    return min(counts)
