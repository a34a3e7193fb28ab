"""The demo's pictures: the same for a seed, complete, large enough, and readable."""

import csv
import os
import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tools.demo_pictures.__main__ import main
from tools.demo_pictures.album import CAPTIONS_NAME, draw_scene, file_name
from tools.demo_pictures.palette import BACKGROUNDS
from tools.demo_pictures.scenes import Kind, Scene, load_scenes, scene_named
from tools.sprites.catalogue import load_things

SCENES = load_scenes()
LABELS = [scene for scene in SCENES if scene.kind is Kind.LABEL]
ONE_OF_EACH = [next(scene for scene in SCENES if scene.kind is kind) for kind in Kind]
SEED = 7


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command draws."""
    folder = tmp_path_factory.mktemp("pictures")
    assert main([str(folder), "--seed", str(SEED)]) == 0
    return folder


def rows(album: Path) -> list[dict[str, str]]:
    with (album / CAPTIONS_NAME).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_words(path: Path) -> list[str]:
    text = subprocess.check_output(
        ["tesseract", str(path), "stdout"],
        env=os.environ | {"OMP_THREAD_LIMIT": "1"},
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return re.findall(r"[A-Za-z0-9]+", text)


@pytest.mark.parametrize("scene", ONE_OF_EACH, ids=lambda scene: scene.kind)
def test_the_same_seed_draws_the_same_pixels(scene: Scene) -> None:
    first = draw_scene(scene, SEED)
    assert ImageChops.difference(first, draw_scene(scene, SEED)).getbbox() is None
    assert ImageChops.difference(first, draw_scene(scene, SEED + 1)).getbbox() is not None


def test_every_row_has_its_picture_and_every_picture_its_row(album: Path) -> None:
    named = [row["file"] for row in rows(album)]
    assert len(named) == len(set(named)) == len(SCENES) >= 55
    assert sorted([*named, CAPTIONS_NAME]) == sorted(path.name for path in album.iterdir())


def test_pictures_are_large_and_files_small(album: Path) -> None:
    for row in rows(album):
        path = album / row["file"]
        with Image.open(path) as picture:
            assert min(picture.size) >= 512, row["file"]
            assert picture.format == {".jpg": "JPEG", ".webp": "WEBP"}[path.suffix]
        assert path.stat().st_size < 200_000, row["file"]


def test_the_rows_hold_what_the_payload_needs(album: Path) -> None:
    for row in rows(album):
        assert row["category"] in {"thing", "product", "poster", "sign", "label"}
        assert row["colour"] in BACKGROUNDS
        assert date.fromisoformat(row["taken"]).year == int(row["year"])
        assert row["in_stock"] in {"", "true", "false"}
        priced = row["category"] in {"product", "poster", "label"}
        assert (float(row["price"]) > 0) if priced else row["price"] == ""


def test_every_category_has_pictures_with_and_without_a_caption(album: Path) -> None:
    for category in ("thing", "product", "poster", "sign", "label"):
        captions = [row["caption"] for row in rows(album) if row["category"] == category]
        assert any(captions)
        assert not all(captions)


def test_invented_words_stand_in_one_picture_only() -> None:
    words = [scene.invented.lower() for scene in LABELS]
    assert len(set(words)) == len(LABELS)
    for scene in SCENES:
        said = " ".join([scene.caption, scene.headline, scene.sub, scene.foot, scene.name]).lower()
        assert not [word for word in words if word in said]


@pytest.mark.parametrize("scene", LABELS[:4], ids=lambda scene: scene.invented)
def test_the_words_of_a_label_can_be_read(album: Path, scene: Scene) -> None:
    seen = read_words(album / file_name(scene))
    assert scene.invented in seen
    assert set(re.findall(r"\w+", scene.sub)) <= set(seen)
    assert [word for word in seen if re.fullmatch(r"[0-9]{6}", word)]


@pytest.mark.parametrize("name", ["poster-guitar", "sign-duck", "product-dress"])
def test_the_headline_of_a_picture_can_be_read(album: Path, name: str) -> None:
    scene = scene_named(SCENES, name)
    assert set(re.findall(r"\w+", scene.headline)) <= set(read_words(album / file_name(scene)))


def test_every_thing_has_a_sprite() -> None:
    known = {thing.slug for thing in load_things()}
    assert {slug for scene in SCENES for slug in scene.things} <= known


def test_an_unknown_scene_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        scene_named(SCENES, "thing-unicorn")


def test_a_misspelt_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scenes.toml"
    path.write_text(
        '[[scene]]\nname = "x"\nkind = "thing"\nthings = ["cat"]\ncolour = "blue"\n'
        'taken = 2024-01-01\ncapton = "A cat."\n',
        encoding="utf-8",
    )
    with pytest.raises(TypeError):
        load_scenes(path)
