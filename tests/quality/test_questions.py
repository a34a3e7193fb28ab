"""The written questions: complete, apart from each other, and never what the model was taught."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import pytest

from tools.demo_pictures.scenes import Scene, load_scenes
from tools.quality.questions import (
    Question,
    Sort,
    development,
    judging,
    label_words,
    load_questions,
)
from tools.sprites.catalogue import load_things
from tools.tiny_clip import templates
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.kinds import KINDS
from tools.tiny_clip.phrases import PHRASES
from tools.tiny_clip.sentences import plural_of, with_article
from triptych.cli.where import parse_where

SCENES = load_scenes()
BY_NAME = {scene.name: scene for scene in SCENES}
WRITTEN = (*development(), *judging())
WORDS = label_words(SCENES)
LONGEST_SLOT = 14

Tokens = tuple[str, ...]


def tokens(text: str) -> Tokens:
    """Words and slots in lower case, without punctuation."""
    return tuple(re.findall(r"\{\w\}|[\w']+", text.lower()))


def printed_on(scene: Scene) -> str:
    """All that stands in the picture by the table."""
    return f"{scene.headline} {scene.sub} {scene.foot} {scene.invented} {scene.serial}"


@pytest.mark.parametrize("questions", [development(), judging()], ids=["development", "judging"])
def test_a_set_has_forty_questions_of_every_sort(questions: tuple[Question, ...]) -> None:
    assert len(questions) >= 40
    counted = Counter(question.sort for question in questions)
    assert set(counted) == set(Sort) - {Sort.LABEL_WORD}
    assert min(counted.values()) >= 4
    assert sum(bool(question.where) for question in questions) >= 2


def test_the_sets_share_no_question() -> None:
    texts = [tokens(question.text) for question in WRITTEN]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("question", WRITTEN, ids=lambda question: question.text)
def test_the_expected_pictures_exist(question: Question) -> None:
    assert 1 <= len(set(question.expected)) == len(question.expected) <= 6
    assert set(question.expected) <= set(BY_NAME)
    parse_where(question.where)


def test_no_question_is_copied_from_a_picture() -> None:
    said = {tokens(scene.caption) for scene in SCENES}
    written = {tokens(scene.headline) for scene in SCENES}
    asked = [question for question in WRITTEN if tokens(question.text) in said | written]
    assert not asked


def test_questions_of_looks_have_a_picture_that_no_word_gives_away() -> None:
    for question in WRITTEN:
        if question.sort is Sort.LOOKS:
            asked = {word for word in tokens(question.text) if len(word) > 3}
            silent = [
                name
                for name in question.expected
                if not asked & {*tokens(BY_NAME[name].caption), *tokens(printed_on(BY_NAME[name]))}
            ]
            assert silent, question.text


def test_label_words_stand_on_one_label_and_nowhere_else() -> None:
    assert len(WORDS) >= 15
    assert len({question.text for question in WORDS}) == len(WORDS)
    elsewhere = [question.text for question in WRITTEN]
    elsewhere += [f"{scene.name} {scene.caption}" for scene in SCENES]
    for question in WORDS:
        bearing = [s.name for s in SCENES if question.text in printed_on(s).lower()]
        assert tuple(bearing) == question.expected
        assert not [text for text in elsewhere if question.text in text.lower()]


@pytest.mark.parametrize(
    ("key", "error"), [("wher = []", TypeError), ("", KeyError)], ids=["unknown", "missing"]
)
def test_a_faulty_file_is_refused(tmp_path: Path, key: str, error: type[Exception]) -> None:
    file = tmp_path / "questions.toml"
    wanted = "" if error is KeyError else 'expected = ["thing-cat"]\n'
    file.write_text(f'[[question]]\ntext = "a"\nsort = "looks"\n{wanted}{key}\n', encoding="utf-8")
    with pytest.raises(error):
        load_questions(file)


def trained_templates() -> set[Tokens]:
    """Every template that training fills in."""

    def flat(value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            for part in value:
                yield from flat(part)

    named = [getattr(templates, name) for name in dir(templates) if name.endswith("_TRAINED")]
    assert len(named) > 8
    return {tokens(template) for template in flat(tuple(named))}


def slots() -> dict[Tokens, set[str]]:
    """What may stand in a slot, and in which slots."""
    found: dict[Tokens, set[str]] = {}

    def put(text: str, *names: str) -> None:
        found.setdefault(tokens(text), set()).update(f"{{{name}}}" for name in names)

    counts = [(word, place > 0) for place, ws in enumerate(templates.COUNT_WORDS) for word in ws]
    for word, _ in counts:
        put(word, "w")
    for colour in COLOURS:
        for name in colour.names:
            put(name, "c")
    for thing in load_things():
        pairs = [(thing.name, thing.plural), *((one, plural_of(one)) for one in thing.synonyms)]
        for name, plural in pairs:
            put(with_article(name), "a", "b")
            put(name, "n")
            put(plural, "s")
            for word, many in counts:
                put(f"{word} {plural if many else name}", "k")
    phrases = [*(one.trained for one in PHRASES.values()), *(kind.trained for kind in KINDS)]
    for phrase in (phrase for trained in phrases for phrase in trained):
        put(phrase, "p")
    return found


TEMPLATES, SLOTS = trained_templates(), slots()


def forms(text: Tokens) -> Iterator[Tokens]:
    """The text itself, and with up to two parts that fit a slot replaced by it."""
    spans = [
        (start, end, slot)
        for start in range(len(text))
        for end in range(start + 1, min(len(text), start + LONGEST_SLOT) + 1)
        for slot in SLOTS.get(text[start:end], ())
    ]
    yield text
    for start, end, slot in spans:
        yield (*text[:start], slot, *text[end:])
    for one, other in combinations(spans, 2):
        first, second = sorted((one, other))
        if first[1] <= second[0]:
            between = text[first[1] : second[0]]
            yield (*text[: first[0]], first[2], *between, second[2], *text[second[1] :])


def was_taught(text: str) -> bool:
    """Whether training could have written this very sentence."""
    found = tokens(text)
    return any(form in TEMPLATES for form in forms(found))


TAUGHT: Sequence[str] = (
    "Show me a cat!",
    "two cats on a blue background",
    "a dog and a football",
    "an animal in the desert",
    "is there a pet that purrs?",
)


@pytest.mark.parametrize("text", TAUGHT)
def test_a_training_sentence_would_be_noticed(text: str) -> None:
    assert was_taught(text)


@pytest.mark.parametrize("question", judging(), ids=lambda question: question.text)
def test_no_judging_question_was_taught(question: Question) -> None:
    assert not was_taught(question.text)
