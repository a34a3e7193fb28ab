"""A question of the demo: as a command, as a line of Python, and asked."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict

from tools.demo.answer import Answer
from tools.demo.gallery import draw_question
from tools.demo.places import COLLECTION, Places, command, shown
from triptych import Client, Filter
from triptych._example_formulas import RankedResponse
from triptych.cli.where import parse_where

HITS = 5
# An expected picture must be among this many.
FIRST = 3
# The vectors of the demo's collection, in its order, and their weights where a search gives none.
DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"image": 1, "caption": 0.25, "ocr": 0.25, "terms": 1}
)
LEGS = tuple(DEFAULT_WEIGHTS)

_PYTHON_WIDTH = 96


class Shared(TypedDict):
    """Arguments that all searches of the client take."""

    weights: Mapping[str, float] | None
    where: Filter | None
    limit: int


@dataclass(frozen=True, slots=True)
class Condition:
    """What a payload field has to be: its name, `=`, `<` or `>=`, and a value."""

    name: str
    operator: str
    value: str | float | bool

    def at_the_shell(self) -> str:
        """As an argument of ``--where``."""
        return f"{self.name} {self.operator} {json.dumps(self.value)}"

    def in_python(self) -> str:
        """As an expression of ``Field``."""
        operator = {"=": "=="}.get(self.operator, self.operator)
        value = repr(self.value) if isinstance(self.value, bool) else json.dumps(self.value)
        return f'(Field("{self.name}") {operator} {value})'


@dataclass(frozen=True, slots=True)
class Asking(ABC):
    """What every question of the demo has in common, and the pictures that it must find.

    ``about`` says what is asked; ``why`` says, from the answer alone, why it came out so.
    ``weights`` names the vectors that are asked; where it is empty all that can answer are, with
    their default weights. ``expression`` is a filter in one line.
    """

    name: str
    title: str
    about: str
    expected: tuple[str, ...]
    why: Callable[[Answer], str]
    weights: tuple[tuple[str, float], ...] = field(default=())
    expression: str = ""

    def draw(self, places: Places) -> None:  # noqa: B027 - most ask with words
        """Draws the picture that is asked with, where there is one."""

    def pictures(self, places: Places) -> list[Path]:
        """The files of the pictures that are asked with."""
        return []

    def names(self, places: Places) -> Sequence[str]:
        """What its parts or examples are called in the table."""
        return ()

    def sheet(self, places: Places) -> Path:
        """The file of the contact sheet."""
        return places.answers / f"{self.name}.png"

    def in_short(self) -> str:
        """What is asked, in one line."""
        told = [f"{name} ×{weight:g}" for name, weight in self.weights if self._is_told(name)]
        only = [name for name, _ in self.weights] if len(self.weights) < len(LEGS) else []
        told += [f"{' and '.join(only)} alone"] if only else []
        return " · ".join([self._asked() or self.title, *told, *self._expressions()])

    def command(self, places: Places) -> str:
        """The search as one types it at a shell."""
        subcommand, *words = self._words(places)
        weights = dict(self.weights)
        words = [subcommand, "--collection", COLLECTION, *words]
        if weights and set(weights) != set(LEGS):
            words += ["--only", ",".join(weights)]
        for name, weight in self.weights:
            words += ["--weight", f"{name}={weight:g}"] if self._is_told(name) else []
        for expression in self._expressions():
            words += ["--where", expression]
        return command([*words, "--limit", str(HITS)])

    def python(self, places: Places) -> tuple[str, ...]:
        """The search as lines of Python; it needs ``client`` and what `triptych` exports."""
        method, *arguments = self._python(places)
        indent = len(f"client.{method}(")
        arguments.insert(0, json.dumps(COLLECTION))
        if self.weights:
            pairs = ", ".join(f'"{name}": {weight:g}' for name, weight in self.weights)
            arguments.append(f"weights={{{pairs}}}")
        arguments += self._where_in_python(indent + len("where="))
        arguments.append(f"limit={HITS}")
        call = folded(arguments, ", ", _PYTHON_WIDTH - indent, " " * indent)
        return tuple(f"client.{method}({call})".splitlines())

    def ask(self, client: Client, places: Places, limit: int = HITS) -> Answer:
        """Asks the server."""
        shared = Shared(
            weights=dict(self.weights) or None,
            where=parse_where(self._expressions()),
            limit=limit,
        )
        return Answer(self._call(client, places, shared))

    def _is_told(self, name: str) -> bool:
        """Whether a weight has to be told: the only vector asked needs none, nor does a default."""
        return len(self.weights) > 1 and dict(self.weights)[name] != DEFAULT_WEIGHTS[name]

    def _expressions(self) -> list[str]:
        return [self.expression] if self.expression else []

    def _where_in_python(self, indent: int) -> list[str]:
        return [f"where={json.dumps(self.expression)}"] if self.expression else []

    @abstractmethod
    def _asked(self) -> str:
        """What is asked with, in short."""

    @abstractmethod
    def _words(self, places: Places) -> list[str]:
        """The subcommand, and what is asked with as its words."""

    @abstractmethod
    def _python(self, places: Places) -> list[str]:
        """The client's method, and what is asked with as its arguments."""

    @abstractmethod
    def _call(self, client: Client, places: Places, shared: Shared) -> RankedResponse:
        """The call itself."""

    def missing(self, found: Sequence[str]) -> tuple[str, ...]:
        """The expected ids that are not among the first of ``found``."""
        return tuple(name for name in self.expected if name not in found[:FIRST])


@dataclass(frozen=True, slots=True)
class Question(Asking):
    """A search by words, or by the scene ``image_of``, drawn anew on another ground."""

    text: str = ""
    image_of: str = ""
    where: tuple[Condition, ...] = field(default=())

    def draw(self, places: Places) -> None:
        """Draws the scene ``image_of``."""
        for file in self.pictures(places):
            draw_question(self.image_of, file)

    def pictures(self, places: Places) -> list[Path]:
        """The drawn one."""
        return [places.answers / f"{self.name}-question.jpg"] if self.image_of else []

    def _expressions(self) -> list[str]:
        return [test.at_the_shell() for test in self.where]

    def _where_in_python(self, indent: int) -> list[str]:
        if not self.where:
            return []
        tests = [test.in_python() for test in self.where]
        return ["where=" + folded(tests, " & ", _PYTHON_WIDTH - indent - 4, " " * indent)]

    def _asked(self) -> str:
        return self.text

    def _words(self, places: Places) -> list[str]:
        words = [self.text] if self.text else []
        return [
            "search",
            *words,
            *(w for p in self.pictures(places) for w in ("--image", shown(p))),
        ]

    def _python(self, places: Places) -> list[str]:
        arguments = [f"text={json.dumps(self.text)}"] if self.text else []
        images = [f"image=Path({json.dumps(shown(file))})" for file in self.pictures(places)]
        return ["search", *arguments, *images]

    def _call(self, client: Client, places: Places, shared: Shared) -> RankedResponse:
        image = next(iter(self.pictures(places)), None)
        return client.search(COLLECTION, text=self.text or None, image=image, **shared)


@dataclass(frozen=True, slots=True)
class Contrast:
    """One question with two weightings, and pictures that must change places.

    Of each pair in ``swaps`` the first stands before the second by the weights of ``one``, and
    behind it by those of ``other``. ``why`` says from both answers why.
    """

    one: Question
    other: Question
    swaps: tuple[tuple[str, str], ...]
    why: Callable[[Answer, Answer], str]

    def unswapped(self, one: Answer, other: Answer) -> tuple[tuple[str, str], ...]:
        """The pairs that do not change places as claimed."""
        return tuple(
            (first, second)
            for first, second in self.swaps
            if not (one.before(first, second) and other.before(second, first))
        )

    def changed(self) -> tuple[str, ...]:
        """The vectors whose weight is not the same in both, in the order of the legs."""
        weights: tuple[Mapping[str, float], ...] = (
            dict(self.one.weights),
            dict(self.other.weights),
        )
        return tuple(leg for leg in LEGS if weights[0].get(leg) != weights[1].get(leg))


def folded(parts: Sequence[str], separator: str, width: int, indent: str) -> str:
    """The parts joined; a new line begins, indented, where one would be wider than ``width``."""
    lines = [parts[0]]
    for part in parts[1:]:
        last = lines[-1].rsplit("\n", 1)[-1]
        if len(last) + len(separator) + len(part.split("\n", 1)[0]) > width:
            lines.append(part)
        else:
            lines[-1] += separator + part
    return f"{separator.rstrip()}\n{indent}".join(lines)
