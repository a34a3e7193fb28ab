"""A question of the demo: as a command, as a line of Python, and asked."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tools.demo.answer import Answer
from tools.demo.places import COLLECTION, Places, command, shown
from triptych import Client
from triptych.cli.where import parse_where

HITS = 5
# An expected picture must be among this many.
FIRST = 3
# The vectors of the demo's collection, in its order.
# The vectors of the collection and what they weigh unless a search says otherwise.
DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"image": 1, "caption": 0.25, "ocr": 0.25, "terms": 1}
)
LEGS = tuple(DEFAULT_WEIGHTS)

_PYTHON_WIDTH = 96


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
class Question:
    """A search and the pictures it must find.

    ``about`` says what is asked; ``why`` says, from the answer alone, why it came out so.
    ``weights`` names the vectors that are asked; where it is empty all that can answer are, with
    their default weights. ``image_of`` is the scene that is drawn anew, on another ground, and
    asked with.
    """

    name: str
    title: str
    about: str
    expected: tuple[str, ...]
    why: Callable[[Answer], str]
    text: str = ""
    image_of: str = ""
    weights: tuple[tuple[str, float], ...] = field(default=())
    where: tuple[Condition, ...] = field(default=())

    def image(self, places: Places) -> Path | None:
        """The file of the picture to ask with."""
        return places.answers / f"{self.name}-question.jpg" if self.image_of else None

    def sheet(self, places: Places) -> Path:
        """The file of the contact sheet."""
        return places.answers / f"{self.name}.png"

    def in_short(self) -> str:
        """What is asked, in one line."""
        told = [f"{name} ×{weight:g}" for name, weight in self.weights if self._is_told(name)]
        only = [name for name, _ in self.weights] if len(self.weights) < len(LEGS) else []
        told += [f"{' and '.join(only)} alone"] if only else []
        told += [test.at_the_shell() for test in self.where]
        return " · ".join([self.text or self.title, *told])

    def _is_told(self, name: str) -> bool:
        """Whether a weight has to be told: the only vector asked needs none, nor does a default."""
        return len(self.weights) > 1 and dict(self.weights)[name] != DEFAULT_WEIGHTS[name]

    def command(self, places: Places) -> str:
        """The search as one types it at a shell."""
        image, weights = self.image(places), dict(self.weights)
        words = ["search", "--collection", COLLECTION]
        words += [self.text] if self.text else []
        words += ["--image", shown(image)] if image else []
        if weights and set(weights) != set(LEGS):
            words += ["--only", ",".join(weights)]
        for name, weight in self.weights:
            words += ["--weight", f"{name}={weight:g}"] if self._is_told(name) else []
        for test in self.where:
            words += ["--where", test.at_the_shell()]
        return command([*words, "--limit", str(HITS)])

    def python(self, places: Places) -> tuple[str, ...]:
        """The search as lines of Python; it needs ``Client``, ``Field`` and ``Path``."""
        image = self.image(places)
        arguments = [json.dumps(COLLECTION)]
        arguments += [f"text={json.dumps(self.text)}"] if self.text else []
        arguments += [f"image=Path({json.dumps(shown(image))})"] if image else []
        if self.weights:
            pairs = ", ".join(f'"{name}": {weight:g}' for name, weight in self.weights)
            arguments.append(f"weights={{{pairs}}}")
        if self.where:
            tests = [test.in_python() for test in self.where]
            arguments.append("where=" + _folded(tests, " & ", _PYTHON_WIDTH - 24, " " * 20))
        arguments.append(f"limit={HITS}")
        call = _folded(arguments, ", ", _PYTHON_WIDTH - 14, " " * 14)
        return tuple(f"client.search({call})".splitlines())

    def ask(self, client: Client, places: Places, limit: int = HITS) -> Answer:
        """Asks the server."""
        return Answer(
            client.search(
                COLLECTION,
                text=self.text or None,
                image=self.image(places),
                weights=dict(self.weights) or None,
                where=parse_where([test.at_the_shell() for test in self.where]),
                limit=limit,
            )
        )

    def missing(self, found: Sequence[str]) -> tuple[str, ...]:
        """The expected ids that are not among the first of ``found``."""
        return tuple(name for name in self.expected if name not in found[:FIRST])


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


def _folded(parts: Sequence[str], separator: str, width: int, indent: str) -> str:
    """The parts joined; a new line begins, indented, where one would be wider than ``width``."""
    lines = [parts[0]]
    for part in parts[1:]:
        last = lines[-1].rsplit("\n", 1)[-1]
        if len(last) + len(separator) + len(part.split("\n", 1)[0]) > width:
            lines.append(part)
        else:
            lines[-1] += separator + part
    return f"{separator.rstrip()}\n{indent}".join(lines)
