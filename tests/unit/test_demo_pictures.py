"""The demo's pictures: the same for a seed, complete, large enough, and readable."""

import csv
import dataclasses
import os
import random
import re
import subprocess
from collections import Counter
from datetime import date
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from tools.demo_pictures.__main__ import main
from tools.demo_pictures.album import CAPTIONS_NAME, draw_scene, file_name
from tools.demo_pictures.composed import EDGE, SCENE_SIZE, arranged, draw_composed
from tools.demo_pictures.grounds import GROUNDS
from tools.demo_pictures.paint import (
    MIN_CAPITAL_HEIGHT,
    MIN_FONT_SIZE,
    Words,
    fitted,
    wrapped,
    write,
)
from tools.demo_pictures.palette import BACKGROUNDS
from tools.demo_pictures.scenes import Kind, Scene, load_scenes, scene_named
from tools.demo_pictures.towns import load_towns
from tools.sprites.catalogue import load_things
from triptych.cli.captions import read_captions

# The first test that asks for the album waits until all pictures are drawn.
pytestmark = pytest.mark.timeout(180)

SCENES = load_scenes()
LABELS = [scene for scene in SCENES if scene.kind is Kind.LABEL]
COMPOSED = [scene for scene in SCENES if scene.kind is Kind.SCENE]
ONE_OF_EACH = [next(scene for scene in SCENES if scene.kind is kind) for kind in Kind]
ONE_ON_EACH_GROUND = list({scene.ground: scene for scene in COMPOSED}.values())
CATEGORIES = {"thing", "scene", "product", "poster", "sign", "label"}
LEAST = {
    Kind.THING: 75,
    Kind.SEVERAL: 20,
    Kind.PAIR: 20,
    Kind.SCENE: 25,
    Kind.PRODUCT: 35,
    Kind.POSTER: 22,
    Kind.SIGN: 16,
    Kind.LABEL: 20,
}
SEED = 1


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command draws."""
    folder = tmp_path_factory.mktemp("pictures")
    assert main([str(folder), "--seed", str(SEED)]) == 0
    return folder


def rows(album: Path) -> list[dict[str, str]]:
    with (album / CAPTIONS_NAME).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_words(path: Path) -> dict[str, int]:
    """The words that Tesseract finds, each with the height of its box in pixels."""
    table = subprocess.check_output(
        ["tesseract", str(path), "stdout", "--psm", "3", "tsv"],
        env=os.environ | {"OMP_THREAD_LIMIT": "1"},
        stderr=subprocess.DEVNULL,
        text=True,
    )
    found = csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {row["text"].strip(",.:"): int(row["height"]) for row in found if row["text"]}


def printed(scene: Scene) -> str:
    return " ".join([scene.headline, scene.sub, scene.foot])


def said(scene: Scene) -> str:
    """All that is known of a picture besides its invented word and its serial number."""
    town = scene.town.name if scene.town else ""
    return " ".join([scene.name, scene.caption, printed(scene), town, *scene.tags]).lower()


def distance(left: str, right: str) -> int:
    """How many letters must be put in, taken out or changed to make one word of the other."""
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, start=1):
        corner, row[0] = row[0], i
        for j, other in enumerate(right, start=1):
            here = min(row[j] + 1, row[j - 1] + 1, corner + (letter != other))
            corner, row[j] = row[j], here
    return row[-1]


@pytest.mark.parametrize(
    "scene", [*ONE_OF_EACH, *ONE_ON_EACH_GROUND], ids=lambda scene: f"{scene.kind}{scene.ground}"
)
def test_the_same_seed_draws_the_same_pixels(scene: Scene) -> None:
    first = draw_scene(scene, SEED)
    assert ImageChops.difference(first, draw_scene(scene, SEED)).getbbox() is None
    assert ImageChops.difference(first, draw_scene(scene, SEED + 1)).getbbox() is not None


def test_there_are_enough_pictures_of_every_kind() -> None:
    counted = Counter(scene.kind for scene in SCENES)
    assert {kind: counted[kind] for kind in Kind if counted[kind] < LEAST[kind]} == {}


def test_every_row_has_its_picture_and_every_picture_its_row(album: Path) -> None:
    named = [row["file"] for row in rows(album)]
    assert len(named) == len(set(named)) == len(SCENES) >= 240
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
        assert row["category"] in CATEGORIES
        assert row["colour"] in BACKGROUNDS
        assert date.fromisoformat(row["taken"]).year == int(row["year"])
        assert row["in_stock"] in {"", "true", "false"}
        priced = row["category"] in {"product", "poster", "label"}
        assert (float(row["price"]) > 0) if priced else row["price"] == ""


def test_the_captions_file_is_read_as_it_is_meant(album: Path) -> None:
    towns = load_towns()
    found = read_captions(album / CAPTIONS_NAME, {})
    assert not found.failures
    for scene in SCENES:
        words = found.words[file_name(scene)]
        assert words.caption == scene.caption
        assert words.payload["tags"] == list(scene.tags)
        assert words.payload["taken"] == scene.taken.isoformat()
        assert words.payload.get("price") == scene.price
        assert words.payload.get("in_stock") == scene.in_stock
        if scene.town is None:
            assert {"place", "location"}.isdisjoint(words.payload)
        else:
            town = towns[words.payload["place"]]
            assert words.payload["location"] == {"lat": town.lat, "lon": town.lon}


def test_the_towns_are_spread_over_the_world() -> None:
    towns = load_towns()
    used = Counter(scene.town.name for scene in SCENES if scene.town)
    assert 8 <= len(towns) <= 12
    assert set(used) == set(towns)
    assert used.total() < len(SCENES)
    assert min(used.values()) >= 5
    for town in towns.values():
        assert -90 < town.lat < 90
        assert -180 < town.lon < 180
    assert max(town.lat for town in towns.values()) > 50 > -30 > min(t.lat for t in towns.values())
    assert len({(town.lat, town.lon) for town in towns.values()}) == len(towns)


def test_tags_are_a_few_short_words() -> None:
    for scene in SCENES:
        assert 1 <= len(scene.tags) <= 4, scene.name
        assert len(set(scene.tags)) == len(scene.tags), scene.name
        assert all(re.fullmatch(r"[a-z]{2,12}", tag) for tag in scene.tags), scene.name
    assert Counter(tag for scene in SCENES for tag in scene.tags).most_common(5)[-1][1] >= 15


def test_every_category_has_pictures_with_and_without_a_caption() -> None:
    for category in CATEGORIES:
        captions = [scene.caption for scene in SCENES if scene.category == category]
        assert any(captions)
        assert not all(captions)


def test_about_four_fifths_have_a_caption_and_no_two_are_alike() -> None:
    captions = [set(re.findall(r"\w+", s.caption.lower())) for s in SCENES if s.caption]
    assert 0.75 <= len(captions) / len(SCENES) <= 0.85
    for left, right in combinations(captions, 2):
        assert len(left & right) / len(left | right) < 0.5, (left, right)


def test_invented_words_stand_in_one_picture_only() -> None:
    words = [scene.invented for scene in LABELS]
    assert all(re.fullmatch(r"[A-Z]{6,10}", word) for word in words)
    for left, right in combinations(words, 2):
        assert distance(left, right) >= 5, (left, right)
    assert not [scene.name for scene in SCENES if scene.invented and scene.kind is not Kind.LABEL]
    for scene in SCENES:
        assert not [word for word in words if word.lower() in said(scene)]


def test_serial_numbers_stand_in_one_picture_only() -> None:
    serials = [scene.serial for scene in LABELS]
    assert all(re.fullmatch(r"[AC-FHJ-NPRT-Y]{2}-[2346789]{5}", serial) for serial in serials)
    for left, right in combinations(serials, 2):
        assert sum(a != b for a, b in zip(left, right, strict=True)) >= 4, (left, right)
    assert not [scene.name for scene in SCENES if scene.serial and scene.kind is not Kind.LABEL]
    for scene in SCENES:
        assert not [part for s in serials for part in [s, s[3:]] if part.lower() in said(scene)]


@pytest.mark.parametrize("scene", LABELS, ids=lambda scene: scene.name)
def test_the_words_of_a_label_can_be_read(album: Path, scene: Scene) -> None:
    seen = read_words(album / file_name(scene))
    assert seen[scene.invented] >= MIN_CAPITAL_HEIGHT
    assert seen[scene.serial] >= MIN_CAPITAL_HEIGHT
    assert set(re.findall(r"[A-Za-z]{3,}", scene.sub)) <= set(seen)


@pytest.mark.parametrize(
    "name", ["poster-guitar", "poster-cat", "sign-duck", "sign-bell", "product-dress"]
)
def test_the_headline_of_a_picture_can_be_read(album: Path, name: str) -> None:
    scene = scene_named(SCENES, name)
    assert set(re.findall(r"\w+", scene.headline)) <= set(read_words(album / file_name(scene)))


def test_the_least_capital_is_as_high_as_it_says() -> None:
    picture = Image.new("RGB", (400, 100), (255, 255, 255))
    write(picture, Words("HEN", MIN_FONT_SIZE), (200, 50), (0, 0, 0))
    inked = np.flatnonzero((np.asarray(picture.convert("L")) < 128).any(axis=1))
    assert inked[-1] - inked[0] + 1 >= MIN_CAPITAL_HEIGHT


def test_words_too_small_to_be_read_are_refused() -> None:
    assert fitted("Harbour Hall", 600, 60).size == 60
    with pytest.raises(ValueError, match="does not fit"):
        fitted("Harbour Hall", 60, 60)
    with pytest.raises(ValueError, match="too small"):
        wrapped("Harbour Hall", 600, MIN_FONT_SIZE - 1)


@pytest.mark.parametrize("scene", COMPOSED, ids=lambda scene: scene.name)
def test_every_thing_of_a_scene_can_be_seen(scene: Scene) -> None:
    placed = arranged(scene, random.Random(SEED))
    assert 2 <= len({*scene.things}) == len(placed) <= 4
    covers = np.zeros(SCENE_SIZE[::-1], dtype=bool)
    for one in reversed(placed):  # the last one is in front of all others
        left, top, right, bottom = one.box
        assert EDGE <= left < right <= SCENE_SIZE[0] - EDGE
        assert EDGE <= top < bottom <= SCENE_SIZE[1] - EDGE
        assert max(one.thing.size) >= 0.13 * SCENE_SIZE[1]
        inked = np.asarray(one.thing.getchannel("A")) > 127
        behind = covers[top:bottom, left:right]
        assert (inked & behind).sum() < 0.2 * inked.sum()
        behind |= inked


def test_every_ground_has_a_scene() -> None:
    assert {scene.ground for scene in COMPOSED} == set(GROUNDS)
    assert not [scene.name for scene in SCENES if scene.ground and scene.kind is not Kind.SCENE]


def test_a_scene_on_an_unknown_ground_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        draw_composed(dataclasses.replace(COMPOSED[0], ground="moon"), random.Random(SEED))


def test_a_scene_with_too_few_spots_is_a_value_error() -> None:
    scene = dataclasses.replace(COMPOSED[0], spots=COMPOSED[0].spots[1:])
    with pytest.raises(ValueError, match="zip"):
        draw_composed(scene, random.Random(SEED))


def test_pictures_compete_with_each_other() -> None:
    """Weights and filters must decide, so some things come more than once, and words stand on
    pictures of other things."""
    strings = [s for s in SCENES if s.kind is Kind.POSTER and {*s.things} & {"guitar", "violin"}]
    assert len({scene.price for scene in strings}) == len(strings) >= 5
    assert len({scene.town for scene in strings}) >= 4
    assert len({scene.kind for scene in SCENES if "cat" in scene.things}) >= 7
    coffees = [scene for scene in SCENES if "coffee" in printed(scene).lower()]
    assert [scene.name for scene in coffees if "coffee" not in scene.things]
    assert [scene.name for scene in coffees if "coffee" in scene.things]
    assert [s for s in SCENES if "coffee" in s.things and "coffee" not in said(s)]


def test_every_thing_has_a_sprite() -> None:
    known = {thing.slug for thing in load_things()}
    assert {slug for scene in SCENES for slug in scene.things} <= known


def test_an_unknown_scene_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        scene_named(SCENES, "thing-unicorn")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('capton = "A cat."', TypeError),
        ('kind = "portrait"', ValueError),
        ('place = "Atlantis"', KeyError),
        ('things = "cat"', TypeError),
        ("spots = [[0.5, 0.5]]", TypeError),
    ],
)
def test_a_scene_at_fault_is_refused(tmp_path: Path, line: str, error: type[Exception]) -> None:
    fields = {
        "name": '"x"',
        "kind": '"thing"',
        "things": '["cat"]',
        "colour": '"blue"',
        "taken": "2024-01-01",
        "tags": '["pet"]',
    }
    path = tmp_path / "things.toml"
    path.write_text(table(fields), encoding="utf-8")
    assert [scene.name for scene in load_scenes(tmp_path)] == ["x"]
    key, _, value = line.partition(" = ")
    path.write_text(table(fields | {key: value}), encoding="utf-8")
    with pytest.raises(error):
        load_scenes(tmp_path)


def table(fields: dict[str, str]) -> str:
    return "[[scene]]\n" + "".join(f"{key} = {value}\n" for key, value in fields.items())
