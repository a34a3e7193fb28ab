"""Progress: a bar on a terminal, a line now and then in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[int], None]]:
    """Shows how many of `total` pictures are done; call what it gives with each further count.

    Where `console` is no terminal, each tenth is a line of its own.
    """
    if console.is_terminal:
        columns = (
            TextColumn("ingesting"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda count: bar.advance(task, count)
    else:
        yield _lines(console, total)


def _lines(console: Console, total: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        if done * 10 // total > before * 10 // total:
            console.print(f"ingesting: {done} of {total}")

    return advance
