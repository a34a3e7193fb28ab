"""The second half of ``make quality``: asks composed inputs and writes their report.

Exit status: 0 when the report is written, 1 when something on the way failed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tools.demo.places import Places
from tools.demo.problems import Problem
from tools.demo.server import DemoServer
from tools.quality.asking import Mismatch
from tools.quality.collection import NotIngested
from tools.quality.composed.measure import measure
from tools.quality.composed.report import render
from triptych import Client, TriptychError

REPORT = Path(__file__).resolve().parents[3] / "docs" / "reports" / "composed.md"


def main(argv: list[str] | None = None) -> int:
    """Draws, serves, ingests, asks, prints and writes; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.quality.composed", description=__doc__)
    parser.add_argument("--out", type=Path, default=REPORT, help="the report's file")
    arguments = parser.parse_args(argv)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="triptych-quality-") as folder,
            DemoServer(Places(Path(folder))) as server,
            Client(server.address, timeout=120) as client,
        ):
            report = render(measure(client, _tell))
    except (Problem, NotIngested, Mismatch, TriptychError) as error:
        print(f"quality: {error}", file=sys.stderr)
        return 1
    print(report)
    arguments.out.write_text(report, encoding="utf-8")
    _tell(f"written to {arguments.out}")
    return 0


def _tell(what: str) -> None:
    print(f"quality: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
