"""Progress of an ingest: a bar on a terminal, a line now and then in a log."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_ROOM_FOR_TIME = 80


@contextmanager
def progress(console: "Console", total: int) -> Iterator[Callable[[Mapping[str, int]], None]]:
    """Shows how many of `total` are settled, and how: call what it gives with each new counts.

    The counts are of a kind each, such as `{"written": 3, "failed": 1}`, and add up to what is
    settled. Where `console` is no terminal, each tenth is a line of its own.
    """
    if console.is_terminal:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        columns: list[ProgressColumn] = [
            TextColumn("ingesting"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
        ]
        if console.width >= _ROOM_FOR_TIME:
            columns.append(TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, expand=True) as bar:
            task = bar.add_task("", total=total, told="")
            yield lambda counts: bar.update(
                task, completed=sum(counts.values()), told=_told(counts)
            )
    else:
        yield _lines(console, total)


def _lines(console: "Console", total: int) -> Callable[[Mapping[str, int]], None]:
    settled = 0

    def show(counts: Mapping[str, int]) -> None:
        nonlocal settled
        before, settled = settled, sum(counts.values())
        if settled * 10 // total > before * 10 // total:
            console.print(f"ingesting: {settled} of {total}: {_told(counts)}")

    return show


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
