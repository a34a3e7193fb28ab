"""The pictures of the cookbook: some of the demo's, and three that are asked with."""

from pathlib import Path

from tools.demo.gallery import SEED, draw_question
from tools.demo_pictures.album import Album, draw_album
from tools.demo_pictures.scenes import load_scenes

NAMES = frozenset(
    """
    label-cat label-chocolate label-coffee label-lemon label-tea label-wine
    pair-cat-fish pair-dog-football pair-guitar-microphone
    poster-balloon poster-cat poster-drum poster-guitar poster-guitar-blues poster-guitar-fado
    poster-piano poster-saxophone poster-violin
    product-bicycle product-coffee product-guitar product-plush-cat product-umbrella product-violin
    several-cats several-penguins
    sign-bear sign-bell sign-cat
    thing-bicycle thing-bus thing-cat thing-cat-window thing-coffee thing-coffee-station
    thing-fox thing-owl thing-penguin thing-sailboat thing-train thing-turtle
    """.split()
)
# Scenes drawn anew, by the names of their files.
ASKED = {"bicycle.jpg": "thing-bicycle", "cat.jpg": "thing-cat", "penguin.jpg": "thing-penguin"}


def draw(folder: Path) -> Album:
    """Draws ``pictures``, with their captions, and ``asked`` into the folder."""
    scenes = tuple(scene for scene in load_scenes() if scene.name in NAMES)
    for file, name in ASKED.items():
        draw_question(name, folder / "asked" / file)
    return draw_album(scenes, folder / "pictures", SEED)
