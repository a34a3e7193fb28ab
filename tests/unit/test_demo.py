"""The demo's parts: what it asks, how it writes it, and what it says of an answer."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tools import demo_pictures
from tools.demo import gallery, screen
from tools.demo.answer import Answer, joined, ordinal
from tools.demo.by_examples import ComposedQuestion, Discovery, Recommendation
from tools.demo.places import Places
from tools.demo.question import FIRST, Condition, Contrast, Question
from tools.demo.questions import (
    CAPTION,
    COMPOSED,
    DISCOVERED,
    FILTERED,
    LOOKS,
    PRINTED,
    RECOMMENDED,
    SERIAL,
    STEPS,
    WEIGHTED,
    WORDS,
)
from tools.demo.signals import Interrupted, Interruption
from tools.demo_pictures.album import CAPTIONS_NAME, file_name
from tools.demo_pictures.scenes import Scene, load_scenes, scene_named
from tools.sprites.catalogue import load_things
from triptych import SearchResponse, VectorScore

ROOT = Path(__file__).parents[2]
SCENES = load_scenes()
BY_FILE = {file_name(scene): scene for scene in SCENES}
FEW = tuple(scene_named(SCENES, name) for name in ("thing-cat", "label-tea", "pair-dog-shoe"))
QUESTIONS = [
    question
    for step in STEPS
    for question in ((step.one, step.other) if isinstance(step, Contrast) else (step,))
]


def answer(*ids: str) -> Answer:
    """Hits of two legs; the first leg ranks them in their order, the second one backwards."""
    response = SearchResponse()
    for leg in ("image", "terms"):
        response.legs.add(vector_name=leg, weight=1, candidates_found=7)
    for place, name in enumerate(ids, start=1):
        hit = response.hits.add(rank=place, score=1 / place)
        hit.item.id = name
        hit.vector_scores.add(state=VectorScore.STATE_SCORED, rank=place, contribution=0.25)
        hit.vector_scores.add(state=VectorScore.STATE_SCORED, rank=len(ids) + 1 - place)
    return Answer(response)


def printed(scene: Scene) -> str:
    return f"{scene.headline} {scene.sub} {scene.foot} {scene.invented} {scene.serial}".lower()


def test_ordinals() -> None:
    told = [ordinal(n) for n in (1, 2, 3, 4, 10, 11, 12, 13, 14, 21, 22, 23, 101, 111, 112)]
    assert told == (
        "1st 2nd 3rd 4th 10th 11th 12th 13th 14th 21st 22nd 23rd 101st 111th 112th".split()
    )


def test_joined_words() -> None:
    assert [joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]


def test_where_the_legs_place_a_hit() -> None:
    three = answer("a", "b", "c")
    assert three.standing("a") == "1st by image, 3rd by terms"
    assert three.standing("b") == "2nd by image and terms"
    assert three.found("terms") == 7
    three.response.hits[0].vector_scores[0].ClearField("rank")
    assert three.standing("a") == "3rd by terms"


def test_the_places_of_an_answer() -> None:
    assert [answer("a", "b").place(name) for name in "abc"] == [1, 2, None]


@pytest.mark.parametrize(
    ("one", "other", "swapped"),
    [
        ("ab", "ba", True),
        ("ab", "ab", False),
        ("ba", "ab", False),
        ("xab", "bxa", True),
        ("a", "b", True),
        ("a", "x", False),
        ("x", "b", False),
        ("x", "x", False),
    ],
)
def test_a_contrast_fails_unless_the_order_changes(one: str, other: str, swapped: bool) -> None:
    contrast = Contrast(WEIGHTED.one, WEIGHTED.other, (("a", "b"),), WEIGHTED.why)
    assert contrast.unswapped(answer(*one), answer(*other)) == (() if swapped else (("a", "b"),))


def test_the_weights_of_the_contrast_differ_and_its_words_do_not() -> None:
    assert WEIGHTED.changed() == ("image", "ocr", "terms")
    assert WEIGHTED.one.text == WEIGHTED.other.text


def test_an_expected_picture_must_be_among_the_first() -> None:
    found = ["a", "b", "c", "thing-turtle.jpg"]
    assert LOOKS.missing(found) == ("thing-turtle.jpg",)
    assert LOOKS.missing(found[::-1]) == ()
    assert len(found) > FIRST


def test_every_question_is_about_pictures_that_there_are() -> None:
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS)
    for question in QUESTIONS:
        assert question.expected
        assert set(question.expected) <= set(BY_FILE), question.name
        match question:
            case Question():
                assert bool(question.text) != bool(question.image_of), question.name
                if question.image_of:
                    scene_named(SCENES, question.image_of)
            case ComposedQuestion():
                scene_named(SCENES, question.image_of)
            case Recommendation():
                likes = [one.removeprefix("id:") for one in question.like if one.startswith("id:")]
                assert set(likes) <= set(BY_FILE)
            case Discovery():
                assert question.target in BY_FILE


def test_the_readme_shows_the_demo_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"draws {len(SCENES)} pictures" in readme
    assert f"knows {len(load_things())} drawn things" in readme
    assert f"Step 1 of {len(STEPS)}:" in readme
    (block,) = re.findall(r"^```text\n(\$ .*?)^```$", readme, re.DOTALL | re.MULTILINE)
    shell, python, *table = block.splitlines()
    assert shell == f"$ .venv/bin/triptych {WORDS.command(Places(ROOT)).split('triptych ', 1)[1]}"
    assert (python,) == tuple(f">>> {line}" for line in WORDS.python(Places(ROOT)))
    shown = [line.split()[2] for line in table if re.match(r"\d  \d\.\d{4}  ", line)]
    assert WORDS.missing(shown) == ()
    asked = [one.text for one in QUESTIONS if isinstance(one, Question) and one.text]
    asked += [*COMPOSED.plus, *RECOMMENDED.like[1:], *RECOMMENDED.unlike, *DISCOVERED.pairs[0]]
    assert not [text for text in asked if text not in readme]


def test_what_the_demo_says_about_its_pictures_is_true() -> None:
    turtle = BY_FILE[LOOKS.expected[0]]
    assert not turtle.caption
    assert not printed(turtle).strip()
    (word,) = [name for name, scene in BY_FILE.items() if PRINTED.text in printed(scene)]
    assert (word,) == PRINTED.expected
    serial = SERIAL.text.removeprefix("lot ").lower()
    (number,) = [name for name, scene in BY_FILE.items() if serial in printed(scene)]
    assert (number,) == SERIAL.expected
    for text in (PRINTED.text, serial):
        assert not [scene for scene in SCENES if text in f"{scene.name} {scene.caption}".lower()]
    cup, poster = (BY_FILE[name] for name in WEIGHTED.swaps[0])
    assert cup.things == ("coffee",)
    assert not printed(cup).strip()
    assert poster.things == ("guitar",)
    assert poster.headline == "Blues and Coffee"


@pytest.mark.parametrize("name", FILTERED.expected)
def test_the_posters_that_the_filter_lets_pass(name: str) -> None:
    scene = BY_FILE[name]
    assert scene.price is not None
    assert (scene.category, scene.price < 20, scene.taken.year >= 2024) == ("poster", True, True)
    assert "concert" in scene.tags


def test_the_colours_of_the_composed_question_are_those_of_its_pictures() -> None:
    assert COMPOSED.plus == ("a purple background",)
    assert {BY_FILE[name].colour for name in COMPOSED.expected} == {"purple"}
    assert COMPOSED.minus == (f"a {gallery.QUESTION_COLOUR} background",)
    assert scene_named(SCENES, COMPOSED.image_of).colour != gallery.QUESTION_COLOUR


@pytest.mark.parametrize("name", RECOMMENDED.expected)
def test_the_posters_that_the_line_of_a_filter_lets_pass(name: str) -> None:
    scene = BY_FILE[name]
    assert scene.price is not None
    assert scene.town is not None
    assert ("music" in scene.tags, scene.price < 25) == (True, True)
    assert scene.town.name in ("Porto", "Lisbon", "Edinburgh")  # 0, 274 and 1,640 km


def test_commands_are_folded_before_options_and_stay_one_command(tmp_path: Path) -> None:
    places = Places(tmp_path)
    for question in QUESTIONS:
        lines = question.command(places).split(" \\\n    ")
        assert all(line.startswith("--") for line in lines[1:])
        words = shlex.split(" ".join(lines))
        assert words[1] in ("search", "recommend", "discover")
        assert words[2:4] == ["--collection", "demo"]
        assert words[-2:] == ["--limit", "5"]


def test_a_question_in_short() -> None:
    assert WORDS.in_short() == "a cup of coffee"
    assert CAPTION.in_short() == "From image to text · caption alone"
    assert PRINTED.in_short() == "krovandi · ocr ×1 · ocr and terms alone"
    assert WEIGHTED.one.in_short() == "a cup of coffee · image ×3"
    assert FILTERED.in_short().startswith('an evening concert · category = "poster" · ')


def test_a_question_by_examples_in_short() -> None:
    assert COMPOSED.in_short() == "+ a purple background, - a yellow background · image alone"
    assert RECOMMENDED.in_short().startswith("like id:poster-violin.jpg, a guitar, unlike a film ·")
    assert DISCOVERED.in_short().startswith("thing-cat.jpg, two cats over one cat, a cat over a ")


def test_a_filter_at_the_shell_and_in_python() -> None:
    tests = [
        Condition("category", "=", "poster"),
        Condition("price", "<", 20),
        Condition("in_stock", "=", True),
    ]
    assert [test.at_the_shell() for test in tests] == [
        'category = "poster"',
        "price < 20",
        "in_stock = true",
    ]
    assert [test.in_python() for test in tests] == [
        '(Field("category") == "poster")',
        '(Field("price") < 20)',
        '(Field("in_stock") == True)',
    ]


def test_lines_of_python_are_folded_and_stay_one_expression(tmp_path: Path) -> None:
    places = Places(tmp_path)
    for question in QUESTIONS:
        lines = question.python(places)
        compile("\n".join(lines), question.name, "eval")
        if not question.pictures(places) and not question.expression:
            assert max(map(len, lines)) <= 96, question.name


def test_pictures_are_drawn_once_and_again_when_they_are_others(tmp_path: Path) -> None:
    folder, heard = tmp_path / "pictures", list[int]()
    assert gallery.prepare(folder, FEW, heard.append)
    assert heard == [1, 2, 3]
    assert (folder / CAPTIONS_NAME).is_file()
    assert not gallery.prepare(folder, FEW, heard.append)
    assert gallery.prepare(folder, FEW[:2], heard.append)
    assert not (folder / file_name(FEW[2])).exists()
    (folder / ".drawn-by").unlink()  # as where drawing was interrupted
    assert gallery.prepare(folder, FEW[:2], heard.append)


def test_pictures_are_drawn_again_when_a_scene_is_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "demo_pictures"
    shutil.copytree(Path(demo_pictures.__file__).parent, code)
    monkeypatch.setattr(demo_pictures, "__file__", str(code / "__init__.py"))
    assert gallery.prepare(tmp_path / "pictures", FEW, lambda count: None)
    assert not gallery.prepare(tmp_path / "pictures", FEW, lambda count: None)
    table = next((code / "scenes").glob("*.toml"))
    table.write_text(table.read_text(encoding="utf-8") + "\n# one more\n", encoding="utf-8")
    assert gallery.prepare(tmp_path / "pictures", FEW, lambda count: None)


def test_the_picture_to_ask_with_is_none_of_those_that_are_stored(tmp_path: Path) -> None:
    scene = scene_named(SCENES, CAPTION.image_of)
    gallery.prepare(tmp_path / "pictures", [scene], lambda count: None)
    gallery.draw_question(scene.name, tmp_path / "answers" / "question.jpg")
    stored = (tmp_path / "pictures" / file_name(scene)).read_bytes()
    assert (tmp_path / "answers" / "question.jpg").read_bytes() != stored


def log(width: int = 40) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False, markup=False)


def written(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_paragraphs_keep_to_the_width_and_commands_are_whole() -> None:
    console = log()
    screen.say(console, "a word " * 20)
    screen.fact(console, "why", "a word " * 20)
    lines = written(console)
    assert len(lines) > 8
    assert all(line == line.rstrip() and len(line) <= 40 for line in lines)
    assert [line[:10].strip() for line in lines if line.startswith(("why", " "))][:2] == ["why", ""]
    console = log()
    screen.shell(console, "triptych " * 20)
    screen.python(console, ["client.search(", "1)"])
    assert written(console) == ["$ " + "triptych " * 20, ">>> client.search(", "... 1)"]


def test_a_log_hears_of_the_drawing_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 4.0, 5.5, 6.0])
    monkeypatch.setattr("tools.demo.screen.monotonic", lambda: next(clock))
    console = log()
    with screen.drawing(console, 5) as drawn:
        for count in range(1, 5):
            drawn(count)
    assert written(console) == ["drawing: 3 of 5"]


def test_who_moved_and_what_the_weights_changed() -> None:
    one, other = answer("a", "b", "c"), answer("b", "a", "c")
    console = log(100)
    contrast = Contrast(
        Question("x", "", "", (), str, weights=(("image", 3), ("terms", 1))),
        Question("y", "", "", (), str, weights=(("image", 1), ("terms", 1))),
        (("a", "b"),),
        WEIGHTED.why,
    )
    screen.moves(console, contrast, one, other)
    head, _, *rows = written(console)
    assert re.split(r" {2,}", head.strip()) == ["moved", "place", "image adds", "score"]
    assert [row.split()[:2] for row in rows] == [["a", "1→2"], ["b", "2→1"]]


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    """It listens to a signal that nobody else uses."""
    before = signal.getsignal(signal.SIGUSR1)
    yield Interruption([signal.SIGUSR1])
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_interrupts_once(interruption: Interruption) -> None:
    interruption.check()
    with pytest.raises(Interrupted) as first:
        signal.raise_signal(signal.SIGUSR1)
    assert first.value.number == signal.SIGUSR1
    signal.raise_signal(signal.SIGUSR1)


def test_an_interruption_that_got_lost_is_found_again(interruption: Interruption) -> None:
    with contextlib.suppress(Interrupted):
        signal.raise_signal(signal.SIGUSR1)
    with pytest.raises(Interrupted):
        interruption.check()


def test_a_signal_that_is_held_comes_afterwards(interruption: Interruption) -> None:
    reached = False

    def work() -> None:
        nonlocal reached
        with interruption.held():
            signal.raise_signal(signal.SIGUSR1)
            signal.raise_signal(signal.SIGUSR1)
            reached = True

    with pytest.raises(Interrupted):
        work()
    assert reached
    signal.raise_signal(signal.SIGUSR1)
