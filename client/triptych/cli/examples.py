"""Examples at the command line: words, @FILE for a picture, id:ITEM for a stored item."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from triptych.cli.output import CommandError, printable
from triptych.exploring import pair
from triptych.queries import part, query_input
from triptych.v1.search_service_pb2 import ComposedPart, ContextPair, QueryInput

FORM = "TEXT|@FILE|id:ITEM"
HELP = "words, @FILE for a picture, id:ITEM for a stored item (text:… for words that begin so)"

TEXT, IMAGE, ITEM = "text", "image", "item"
"""The kinds of examples."""

MAX_SHOWN = 40

_WEIGHTED = re.compile(r"(.+)=([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """One example: its kind, what it is by that, and the option that it was given with.

    `value` holds words, the path of a file, or an item's id.
    """

    kind: str
    value: str
    option: str

    @property
    def shown(self) -> str:
        """What it is, short enough for a line of several."""
        if self.kind == TEXT:
            return f"'{_clipped(self.value)}'"
        if self.kind == IMAGE:
            return f"@{_clipped(Path(self.value).name)}"
        return f"id:{_clipped(self.value)}"

    @property
    def file(self) -> Path | None:
        """The picture's file."""
        return Path(self.value) if self.kind == IMAGE else None

    def as_input(self) -> QueryInput:
        """The message; raises OSError where the picture can't be read."""
        return query_input(
            text=self.value if self.kind == TEXT else None,
            image=self.file,
            item_id=self.value if self.kind == ITEM else None,
        )


@dataclass(frozen=True, slots=True)
class Part:
    """An example with a weight, below 0 where it leads away."""

    example: Example
    weight: float

    @property
    def shown(self) -> str:
        """The example with its weight."""
        return f"{self.example.shown} ×{self.weight:g}"

    def as_part(self) -> ComposedPart:
        """The message; raises OSError where the picture can't be read."""
        one = self.example
        return part(
            weight=self.weight,
            text=one.value if one.kind == TEXT else None,
            image=one.file,
            item_id=one.value if one.kind == ITEM else None,
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """Two examples: what hits should be nearer to, and what farther from."""

    positive: Example
    negative: Example

    def as_pair(self) -> ContextPair:
        """The message; raises OSError where a picture can't be read."""
        return pair(self.positive.as_input(), self.negative.as_input())


def parse_example(option: str, written: str) -> Example:
    """What the user wrote behind `option` as an example.

    Raises:
        CommandError: nothing is written, or there is no such file.
    """
    marks = {"@": IMAGE, "id:": ITEM, "text:": TEXT}
    mark = next((mark for mark in marks if written.startswith(mark)), "")
    kind, value = marks.get(mark, TEXT), written.removeprefix(mark)
    if not value.strip():
        raise CommandError(f"{option} {written!r}: needs {HELP}")
    if kind == IMAGE:
        file = Path(value).expanduser()
        if not file.is_file():
            raise CommandError(f"{option} {printable(written)}: there is no such file")
        value = str(file)
    return Example(kind, value, f"{option} {printable(written)}")


def parse_examples(option: str, written: Sequence[str]) -> list[Example]:
    """The examples of an option that may be given more than once; raises as `parse_example`."""
    return [parse_example(option, one) for one in written]


def parse_parts(plus: Sequence[str], minus: Sequence[str]) -> list[Part]:
    """The parts of a composed question, each written as an example or as `EXAMPLE=WEIGHT`.

    A number behind the last `=` is the weight, 1 where there is none: of `E=2` that is meant as
    words the weight is written too, as `E=2=1`.

    Raises:
        CommandError: a weight that is not above 0, or what `parse_example` refuses.
    """
    parts = []
    for option, sign, written in (("--plus", 1, plus), ("--minus", -1, minus)):
        for one in written:
            weighted = _WEIGHTED.fullmatch(one)
            example, weight = (weighted[1], float(weighted[2])) if weighted else (one, 1.0)
            if weight <= 0:
                raise CommandError(
                    f"{option} {printable(one)}: needs a weight above 0; --plus leads to it, "
                    "--minus away from it"
                )
            found = parse_example(option, example)
            parts.append(Part(Example(found.kind, found.value, f"{option} {one}"), sign * weight))
    return parts


def parse_pairs(written: Iterable[tuple[str, str]]) -> list[Pair]:
    """The pairs of `--pair`, positive and negative; raises as `parse_example`."""
    return [Pair(*(parse_example("--pair", one) for one in both)) for both in written]


def _clipped(text: str) -> str:
    line = printable(text)
    return line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1].rstrip()}…"
