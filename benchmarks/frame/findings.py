"""What a benchmark found, and where it may work."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a benchmark works and how long it may take.

    ``folder`` is empty and removed afterwards; ``quick`` asks for few rounds and small sizes, to
    see that everything runs: its figures mean nothing.
    """

    folder: Path
    quick: bool = False

    def rounds(self, full: int = 7) -> int:
        """How many rounds: ``full``, or 2 of a quick run."""
        return 2 if self.quick else full


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``met`` is None where there is no goal or it could not be measured."""

    name: str
    figure: str
    goal: str = ""
    met: bool | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """The lines of one subject, and paragraphs or tables (Markdown) that explain them."""

    rows: list[Row]
    notes: list[str] = field(default_factory=list)


def skipped(name: str, why: str, *, goal: str = "") -> Row:
    """A line for what this machine can't measure."""
    return Row(name, "skipped", goal, None, why)
