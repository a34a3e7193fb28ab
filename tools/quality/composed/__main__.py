"""The second part of ``make quality``: asks composed inputs and writes their report.

Exit status: 0 when the report is written, 1 when something on the way failed.
"""

import sys
from collections.abc import Callable

from tools.quality.composed.measure import measure
from tools.quality.composed.report import render
from tools.quality.program import REPORTS, run
from triptych import Client

REPORT = REPORTS / "composed.md"


def main(argv: list[str] | None = None) -> int:
    """Draws, serves, ingests, asks, prints and writes; returns the exit status."""
    return run(_report, REPORT, argv, name="tools.quality.composed", about=__doc__)


def _report(client: Client, tell: Callable[[str], None]) -> str:
    return render(measure(client, tell))


if __name__ == "__main__":
    sys.exit(main())
