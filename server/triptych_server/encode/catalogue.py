"""The models that are known by name, and the folders that they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from triptych_server.encode.errors import ModelUnavailable
from triptych_server.encode.model_folder import MANIFEST
from triptych_server.encode.published import PublishedPair, fetch_pair


@dataclass(frozen=True, slots=True)
class BundledModel:
    """A model that comes with the package; ``folder`` is below the package's ``models``."""

    name: str
    folder: str
    licence: str
    dimension: int


CATALOGUE: tuple[BundledModel | PublishedPair, ...] = (
    BundledModel("tiny-clip", folder="tiny_clip", licence="Apache-2.0", dimension=256),
    PublishedPair(
        "clip-vit-b-32",
        vision_source="Qdrant/clip-ViT-B-32-vision",
        text_source="Qdrant/clip-ViT-B-32-text",
        licence="MIT",
        dimension=512,
        pooling="as in OpenAI's CLIP: class token, end token; projected inside the graph",
    ),
)

_MODELS = Path(__file__).resolve().parents[1] / "models"


def resolve_model(spec: str, cache_dir: Path) -> Path:
    """The model folder that ``spec`` means: a name of the catalogue, or else a folder's path.

    A published model that is not yet in ``cache_dir`` is fetched, which shows its progress on
    standard error and can take minutes. What a folder holds is checked when it is loaded.

    Raises ModelUnavailable for what is neither, and for a model that cannot be fetched.
    """
    entry = next((known for known in CATALOGUE if known.name == spec), None)
    if entry is None:
        folder = Path(spec).expanduser()
        if "/" in spec or (spec and folder.is_dir()):
            return folder
        names = ", ".join(known.name for known in CATALOGUE)
        raise ModelUnavailable(
            f"{spec!r} is neither a model's name (known are {names}) nor a folder; any other "
            "model is named by its folder: TRIPTYCH_ENCODERS=<id>=/path/to/model-folder"
        )
    if isinstance(entry, BundledModel):
        return _MODELS / entry.folder
    target = cache_dir / entry.name
    # Written last, so a folder that has it is whole.
    if not (target / MANIFEST).is_file():
        fetch_pair(entry, target, cache_dir)
    return target
