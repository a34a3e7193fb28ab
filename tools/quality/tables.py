"""Markdown tables that are also readable as they stand."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table's lines; the first column stands left, the others right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        _line(head, widths),
        "|" + "|".join(_rule(column, width) for column, width in enumerate(widths)) + "|",
        *(_line(row, widths) for row in rows),
    ]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    pairs = enumerate(zip(cells, widths, strict=True))
    padded = (c.ljust(w) if column == 0 else c.rjust(w) for column, (c, w) in pairs)
    return "| " + " | ".join(padded) + " |"


def _rule(column: int, width: int) -> str:
    return "-" * (width + 2) if column == 0 else "-" * (width + 1) + ":"


def percent(share: float | None) -> str:
    """A share of 1 in percent, or a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f}"


def points(low: float, middle: float, high: float) -> str:
    """A difference of shares and its interval, in points of a hundred."""
    return f"{100 * middle:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
