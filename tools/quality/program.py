"""The programs that ask a server of their own, with nothing in it yet, and write a report."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tools.demo.places import Places
from tools.demo.problems import Problem
from tools.demo.server import DemoServer
from tools.quality.asking import Mismatch
from tools.quality.collection import NotIngested
from triptych import Client, ScoreMismatch, TriptychError

REPORTS = Path(__file__).resolve().parents[2] / "docs" / "reports"

Report = Callable[[Client, Callable[[str], None]], str]


def run(report: Report, path: Path, argv: list[str] | None, *, name: str, about: str | None) -> int:
    """Serves, asks, prints and writes; returns the exit status.

    ``report`` is given the client and something to tell its steps to, and returns the report.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=about)
    parser.add_argument("--out", type=Path, default=path, help="the report's file")
    arguments = parser.parse_args(argv)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="triptych-quality-") as folder,
            DemoServer(Places(Path(folder))) as server,
            Client(server.address, timeout=120) as client,
        ):
            text = report(client, _tell)
    except (Problem, NotIngested, Mismatch, ScoreMismatch, TriptychError) as error:
        print(f"quality: {error}", file=sys.stderr)
        return 1
    print(text)
    arguments.out.write_text(text, encoding="utf-8")
    _tell(f"written to {arguments.out}")
    return 0


def _tell(what: str) -> None:
    print(f"quality: {what}", file=sys.stderr, flush=True)
