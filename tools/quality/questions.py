"""What is asked: written questions with their expected pictures, and the words printed on labels.

A written question lives in ``development.toml``, from which k and the weights are chosen, or in
``judging.toml``, which is asked with the defaults and chooses nothing. The words on labels,
invented ones and serial numbers, are taken from the table of the scenes.
"""

import enum
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.demo_pictures.scenes import Scene

HERE = Path(__file__).resolve().parent
# A question is answered when an expected picture is among this many.
FIRST = 3


class Sort(enum.StrEnum):
    """What a question has to be answered from."""

    LOOKS = "looks"
    SAID = "said"
    PRINTED = "printed"
    MIXED = "mixed"
    SEVERAL = "several things"
    COUNT_COLOUR = "count or colour"
    LABEL_WORD = "label word"


@dataclass(frozen=True, slots=True)
class Question:
    """A text, and the names of the scenes that answer it.

    ``where`` holds filters as ``triptych search --where`` takes them.
    """

    text: str
    sort: Sort
    expected: tuple[str, ...]
    where: tuple[str, ...] = ()


def development() -> tuple[Question, ...]:
    """The questions from which k and the weights are chosen."""
    return load_questions(HERE / "development.toml")


def judging() -> tuple[Question, ...]:
    """The questions by which the defaults are judged."""
    return load_questions(HERE / "judging.toml")


def load_questions(path: Path) -> tuple[Question, ...]:
    """All questions in the file's order.

    Raises ``ValueError`` for an unknown sort, ``KeyError`` or ``TypeError`` for a key that is
    missing or unknown.
    """
    with path.open("rb") as file:
        tables: list[Mapping[str, object]] = tomllib.load(file)["question"]
    return tuple(_question(table) for table in tables)


def _question(table: Mapping[str, object]) -> Question:
    fields = dict(table)
    text, sort = str(fields.pop("text")), Sort(str(fields.pop("sort")))
    expected, where = _texts(fields.pop("expected")), _texts(fields.pop("where", []))
    if fields:
        raise TypeError(f"question {text!r} has unknown keys: {', '.join(fields)}")
    return Question(text, sort, expected, where)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return tuple(str(one) for one in value)


def label_words(scenes: tuple[Scene, ...]) -> tuple[Question, ...]:
    """Each label's invented word and serial number, asked for alone; only that label is right."""
    return tuple(
        Question(word.lower(), Sort.LABEL_WORD, (scene.name,))
        for scene in scenes
        for word in (scene.invented, scene.serial)
        if word
    )
