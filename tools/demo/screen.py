"""How the demo writes to a terminal or a log."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from tools.demo.answer import Answer
from tools.demo.question import HITS, Contrast
from triptych.cli.output import plain_table

NAME = 10
"""Columns of the name in front of a fact."""

# So often does a log hear of what takes long.
_LOG_EVERY_S = 5.0


def prepare_streams() -> None:
    """Makes both streams fit for logs: nothing is held back, and no letter ends the demo."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace", line_buffering=True)


def heading(console: Console, text: str) -> None:
    """A line across the console with ``text`` at its beginning."""
    console.print()
    console.rule(Text(text, style="bold"), align="left")


def say(console: Console, text: str, style: str = "") -> None:
    """A paragraph."""
    for line in Text(text, style=style).wrap(console, console.width):
        line.rstrip()
        console.print(line)


def fact(console: Console, name: str, text: str) -> None:
    """A paragraph with its name in front."""
    for number, line in enumerate(Text(text).wrap(console, console.width - NAME)):
        line.rstrip()
        console.print(Text(f"{'' if number else name:<{NAME}}", style="bold") + line)


def shell(console: Console, line: str) -> None:
    """A command to copy: never wrapped by the console, since that break would come along."""
    console.print(Text(f"$ {line}", style="cyan"), soft_wrap=True)


def python(console: Console, lines: Sequence[str]) -> None:
    """Lines of Python, as its prompt shows them."""
    for number, line in enumerate(lines):
        prompt = "..." if number else ">>>"
        console.print(Text(f"{prompt} {line}", style="cyan"), soft_wrap=True)


@contextmanager
def drawing(console: Console, total: int) -> Iterator[Callable[[int], None]]:
    """Shows how many pictures are drawn: a bar on a terminal, a line now and then in a log."""
    if not console.is_terminal:
        yield _lines(console, total)
        return
    columns = (TextColumn("drawing"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.update(task, completed=count)


def moves(console: Console, contrast: Contrast, one: Answer, other: Answer) -> None:
    """The pictures that changed places, and what their vectors add by either weighting."""
    legs = contrast.changed()
    table = plain_table("moved")
    for head in ("place", *(f"{leg} adds" for leg in legs), "score"):
        table.add_column(head, no_wrap=True)
    for name in _moved(one, other):
        added = [[a.score(name, leg).contribution for a in (one, other)] for leg in legs]
        table.add_row(
            Text(name, style="cyan"),
            f"{one.place(name)}→{other.place(name)}",
            *(f"{before:.3f}→{after:.3f}" if before or after else "–" for before, after in added),
            f"{one.hit(name).score:.3f}→{other.hit(name).score:.3f}",
        )
    console.print(table)


def _moved(one: Answer, other: Answer) -> list[str]:
    """The hits shown of either answer that stand elsewhere in the other, and are in both."""
    shown = dict.fromkeys([*one.ids[:HITS], *other.ids[:HITS]])
    return [
        name
        for name in shown
        if name in one.ids and name in other.ids and one.place(name) != other.place(name)
    ]


def _lines(console: Console, total: int) -> Callable[[int], None]:
    told = monotonic()

    def show(count: int) -> None:
        nonlocal told
        now = monotonic()
        if now - told >= _LOG_EVERY_S:
            told = now
            console.print(f"drawing: {count} of {total}")

    return show
