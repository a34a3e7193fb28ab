"""The demo's pictures: drawn when they are not there yet, or were drawn by other code."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from tools import demo_pictures
from tools.demo_pictures.album import draw_album, draw_scene, save
from tools.demo_pictures.scenes import Scene, load_scenes, scene_named
from tools.sprites.catalogue import SPRITE_FOLDER

SEED = 1
# The picture that the demo asks with is drawn by another seed than the stored ones.
QUESTION_SEED = 2024
# Hidden, so that an ingest of the folder leaves it out.
_STAMP = ".drawn-by"


def prepare(folder: Path, drawn: Callable[[int], None]) -> tuple[tuple[Scene, ...], bool]:
    """The scenes, and whether their pictures had to be drawn into ``folder``."""
    scenes = load_scenes()
    stamp, wanted = folder / _STAMP, _fingerprint()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return scenes, False
    if folder.exists():
        shutil.rmtree(folder)
    draw_album(scenes, folder, SEED, drawn)
    stamp.write_text(wanted, encoding="ascii")
    return scenes, True


def draw_question(name: str, path: Path) -> None:
    """Draws the scene ``name`` as no stored picture shows it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save(draw_scene(scene_named(load_scenes(), name), QUESTION_SEED), path)


def _fingerprint() -> str:
    """A hash of all that the pictures are drawn from."""
    code = Path(demo_pictures.__file__).parent
    sources = [*code.glob("*.py"), *code.glob("*.toml"), *SPRITE_FOLDER.glob("*.png")]
    digest = hashlib.sha256(str(SEED).encode())
    for path in sorted(sources):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
