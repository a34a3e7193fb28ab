"""The bundled model folder is whole, small, and finds what it was trained to find."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tools.sprites.catalogue import load_things
from tools.tiny_clip import seeds, templates
from tools.tiny_clip.card import GATES, fallen_short
from tools.tiny_clip.compose import Plan, compose
from tools.tiny_clip.folder import ModelFolder
from tools.tiny_clip.kinds import KINDS
from tools.tiny_clip.labels import Truth
from tools.tiny_clip.phrases import PHRASES
from tools.tiny_clip.preprocess import to_pixels
from tools.tiny_clip.reference import LEAST_COSINE, least_cosines
from tools.tiny_clip.sentences import Writer

FOLDER = Path(__file__).resolve().parents[2] / "server" / "triptych_server" / "models" / "tiny_clip"
MOST_BYTES = 4 * 2**20
CLEAR = ("cat", "coffee", "car", "tree", "guitar", "umbrella", "pizza", "key", "whale", "rocket")
RED, YELLOW, BLUE, WHITE = 0, 2, 5, 10
CONTEXT_LENGTH = 32
MARGIN = 0.05


@pytest.fixture(scope="module")
def model() -> ModelFolder:
    return ModelFolder(FOLDER, CONTEXT_LENGTH)


def drawn(slugs: tuple[str, ...], colour: int, seed: int) -> NDArray[np.uint8]:
    """``slugs`` (one thing once or more) on a plain ground, as the model sees it."""
    things = {thing.slug: thing for thing in load_things()}
    sprites = tuple(Image.open(things[slug].sprite_path).convert("RGBA") for slug in slugs)
    rng = np.random.default_rng(seeds.EVALUATION_SEEDS[seed])
    plan = Plan(tuple(range(len(slugs))), colour, words=False, style=0, fancy=False)
    return to_pixels(compose(plan, (sprites,), rng)[0])


def test_the_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= MOST_BYTES


def test_hashes_and_revision_are_those_of_the_files() -> None:
    about = json.loads((FOLDER / "model.json").read_text(encoding="utf-8"))
    assert sorted(about["files"]) == [
        "preprocessor_config.json",
        "text/model.onnx",
        "tokenizer.json",
        "vision/model.onnx",
    ]
    for name, digest in about["files"].items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(about["files"].items()))
    assert about["revision"] == hashlib.sha256(lines.encode()).hexdigest()[:12]
    assert about["context_length"] == CONTEXT_LENGTH


def test_the_figures_belong_to_this_revision() -> None:
    about = json.loads((FOLDER / "model.json").read_text(encoding="utf-8"))
    measured = json.loads((FOLDER / "evaluation.json").read_text(encoding="utf-8"))
    assert measured["revision"] == about["revision"]
    assert about["revision"] in (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_every_gate_was_measured_and_is_reached() -> None:
    measured = json.loads((FOLDER / "evaluation.json").read_text(encoding="utf-8"))
    assert {gate.section for gate in GATES} <= set(measured["sections"])
    assert measured["classes"] == len(load_things())
    assert not fallen_short(measured["sections"])


def test_the_folder_gives_what_torch_gave(model: ModelFolder, note: Callable[[str], None]) -> None:
    cosines = least_cosines(model)
    note(f"least cosine to torch: pictures {cosines.pictures:.6f}, texts {cosines.texts:.6f}")
    assert cosines.pictures >= LEAST_COSINE
    assert cosines.texts >= LEAST_COSINE


def test_it_knows_enough_to_be_asked_about() -> None:
    assert 150 <= len(load_things()) <= 300
    assert len(set(templates.THING_TRAINED)) >= 150
    assert sum(form.endswith("?") for form in templates.THING_TRAINED) >= 25


@pytest.mark.parametrize("name", [name for name in vars(templates) if name.endswith("_HELD_OUT")])
def test_evaluation_sentences_were_not_trained(name: str) -> None:
    trained = getattr(templates, name.removesuffix("_HELD_OUT") + "_TRAINED")
    held_out = getattr(templates, name)
    assert trained
    assert held_out
    assert not set(trained) & set(held_out)


def test_evaluation_phrases_were_not_trained() -> None:
    trained = {phrase for of_one in PHRASES.values() for phrase in of_one.trained}
    trained |= {phrase for kind in KINDS for phrase in kind.trained}
    held_out = [of_one.held_out for of_one in PHRASES.values()] + [k.held_out for k in KINDS]
    assert set(PHRASES) == {thing.slug for thing in load_things()}
    assert all(len(of_one.trained) >= 5 for of_one in PHRASES.values())
    assert not trained & set(held_out)


def test_no_evaluation_sentence_is_ever_written_in_training() -> None:
    things = load_things()
    writer = Writer(things)
    rng = np.random.default_rng(seeds.TRAINING_SEEDS.start)
    trained = {
        writer.training(Truth((thing,), count, colour, words, 0), rng, easy=False).text
        for thing in range(len(things))
        for count in (1, 2, 3)
        for colour in (RED, BLUE)
        for words in (False, True)
        for _ in range(8)
    }
    asked = {
        writer.fill(form, thing, rng, synonyms=False)
        for form in (*templates.THING_HELD_OUT, *templates.THING_AFTERWARDS)
        for thing in range(len(things))
    }
    asked |= {of_one.held_out for of_one in PHRASES.values()} | {k.held_out for k in KINDS}
    assert len(trained) > 10_000
    assert len(asked) > 2_000
    assert not trained & asked


def test_seeds_are_apart() -> None:
    assert seeds.EVALUATION_SEEDS.stop <= seeds.REFERENCE_SEED
    assert seeds.TRAINING_SEEDS.stop <= seeds.MONITOR_SEED < seeds.EVALUATION_SEEDS.start
    assert seeds.TRAINING_SEEDS.start > seeds.TOKENIZER_SEED


def test_padding_changes_nothing(model: ModelFolder) -> None:
    texts = ["a cup of coffee", "two cats on a red background", "dog"]
    plain = np.concatenate([model.texts([text]) for text in texts])
    assert np.abs(model.texts(texts, pad_to=CONTEXT_LENGTH) - plain).max() < 1e-5


def test_neighbours_in_the_batch_change_nothing(model: ModelFolder) -> None:
    pictures = np.stack([drawn((slug,), YELLOW, 90) for slug in CLEAR])
    alone = np.concatenate([model.pictures(pictures[i : i + 1]) for i in range(len(CLEAR))])
    assert np.abs(model.pictures(pictures) - alone).max() < 1e-5


@pytest.mark.parametrize("colour", [YELLOW, BLUE, WHITE])
def test_clear_pictures_are_found_by_their_names(model: ModelFolder, colour: int) -> None:
    names = {thing.slug: thing.name for thing in load_things()}
    pictures = model.pictures(np.stack([drawn((slug,), colour, 91) for slug in CLEAR]))
    scores = model.texts([f"a picture of a {names[slug]}" for slug in CLEAR]) @ pictures.T
    right = np.diag(scores)
    others = np.where(np.eye(len(CLEAR), dtype=bool), -1.0, scores).max(axis=1)
    assert (right > others + MARGIN).sum() >= len(CLEAR) - 1


def test_the_colour_of_the_ground_is_told(model: ModelFolder) -> None:
    pictures = model.pictures(np.stack([drawn(("dog",), c, 92) for c in (RED, YELLOW, BLUE)]))
    texts = model.texts([f"a dog on a {name} background" for name in ("red", "yellow", "blue")])
    assert (pictures @ texts.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_one_two_and_three_are_told(model: ModelFolder) -> None:
    pictures = model.pictures(np.stack([drawn(("apple",) * n, WHITE, 93) for n in (1, 2, 3)]))
    texts = model.texts(["one apple", "two apples", "three apples"])
    assert (pictures @ texts.T).argmax(axis=1).tolist() == [0, 1, 2]
