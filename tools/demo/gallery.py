"""The demo's pictures: drawn when they are not there yet, or were drawn by other code."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tools import demo_pictures
from tools.demo_pictures.album import draw_album, draw_scene, save
from tools.demo_pictures.scenes import Scene, load_scenes, scene_named
from tools.sprites.catalogue import SPRITE_FOLDER

SEED = 1
# The pictures that the demo asks with are drawn by another seed than the stored ones.
QUESTION_SEED = 2024
QUESTION_COLOUR = "yellow"
OTHER_COLOUR = "white"
# Hidden, so that an ingest of the folder leaves it out.
_STAMP = ".drawn-by"


def prepare(folder: Path, scenes: Sequence[Scene], drawn: Callable[[int], None]) -> bool:
    """Draws the scenes into ``folder``, unless they are there; whether they had to be drawn."""
    stamp, wanted = folder / _STAMP, _fingerprint(scenes)
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return False
    if folder.exists():
        shutil.rmtree(folder)
    draw_album(tuple(scenes), folder, SEED, drawn)
    stamp.write_text(wanted, encoding="ascii")
    return True


def draw_question(name: str, path: Path) -> None:
    """Draws the scene ``name`` as no stored picture shows it: turned a little, on other ground."""
    scene = scene_named(load_scenes(), name)
    ground = QUESTION_COLOUR if scene.colour != QUESTION_COLOUR else OTHER_COLOUR
    path.parent.mkdir(parents=True, exist_ok=True)
    save(draw_scene(replace(scene, colour=ground), QUESTION_SEED), path)


def _fingerprint(scenes: Sequence[Scene]) -> str:
    """A hash of all that the pictures are drawn from."""
    code = Path(demo_pictures.__file__).parent
    sources = [*code.rglob("*.py"), *code.rglob("*.toml"), *SPRITE_FOLDER.glob("*.png")]
    digest = hashlib.sha256(repr((SEED, [scene.name for scene in scenes])).encode())
    for path in sorted(sources):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
