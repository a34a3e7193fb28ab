"""The last part of ``make quality``: asks discoveries and writes their report.

Exit status: 0 when the report is written, 1 when something on the way failed.
"""

import sys
from collections.abc import Callable

from tools.quality.discovery.measure import measure
from tools.quality.discovery.report import render
from tools.quality.program import REPORTS, run
from triptych import Client

REPORT = REPORTS / "discovery.md"


def main(argv: list[str] | None = None) -> int:
    """Draws, serves, ingests, asks, prints and writes; returns the exit status."""
    return run(_report, REPORT, argv, name="tools.quality.discovery", about=__doc__)


def _report(client: Client, tell: Callable[[str], None]) -> str:
    return render(measure(client, tell))


if __name__ == "__main__":
    sys.exit(main())
