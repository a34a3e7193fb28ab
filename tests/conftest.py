"""What all tests share: hypothesis without a clock, notes of what was measured, skips counted."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

from tests.support.gpu import gpu_memory
from tests.support.live import VARIABLE, live_url
from tests.support.qdrant_server import BINARY, qdrant_binary

# Some tests import onnxruntime themselves, and before our own package has switched this off.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Deadlines of hypothesis measure the machine, not the code; the examples are the same each run.
hypothesis.settings.register_profile("triptych", deadline=None, derandomize=True)
hypothesis.settings.load_profile("triptych")

SOAK = os.environ.get("TRIPTYCH_SOAK") == "1"
REPORT = Path(__file__).parents[1] / "docs" / "reports" / "soak.md"
_NOT_LIVE = f"needs a Qdrant server: {VARIABLE} is not set"
_NO_BINARY = f"needs a Qdrant program: {BINARY} is not set"
_NO_GPU = "needs a GPU: onnxruntime-gpu or an NVIDIA GPU is missing"
_notes = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Room for the notes."""
    config.stash[_notes] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a test needs and is not there skips it; what is there or named has to pass it."""
    missing = {
        marker: reason
        for marker, found, reason in (
            ("live", live_url(), _NOT_LIVE),
            ("own_qdrant", qdrant_binary(), _NO_BINARY),
            ("gpu", gpu_memory(), _NO_GPU),
        )
        if found is None
    }
    for item in items:
        for marker, reason in missing.items():
            if item.get_closest_marker(marker) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Notes a figure, to be shown at the end and, of a soak, to be kept in its report."""
    name = request.node.name

    def write(line: str) -> None:
        request.config.stash[_notes].append(f"{name}: {line}")

    return write


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Shows the notes and how many tests were skipped; a soak writes them down."""
    notes = config.stash[_notes]
    for line in notes:
        terminalreporter.write_line(f"measured: {line}")
    reports = terminalreporter.stats.get("skipped", ())
    skipped = len(reports)
    terminalreporter.write_line(f"skipped tests: {skipped}")
    for reason, what in (
        (_NOT_LIVE, f"a Qdrant server at {VARIABLE}"),
        (_NO_BINARY, f"a Qdrant program at {BINARY}"),
        (_NO_GPU, "an NVIDIA GPU and onnxruntime-gpu"),
    ):
        count = sum(reason in str(report.longrepr) for report in reports)
        if count:
            terminalreporter.write_line(f"of these, {count} need {what}")
    if SOAK and notes:
        _write_report(notes, exitstatus, skipped)


def _write_report(notes: list[str], exitstatus: int, skipped: int) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    today = datetime.now(UTC).date().isoformat()
    head = [
        "# Soak",
        "",
        f"`make soak` on {today}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}: "
        f"{'passed' if exitstatus == 0 else 'FAILED'}, {skipped} skipped.",
        "",
    ]
    REPORT.write_text("\n".join([*head, *(f"- {line}" for line in notes), ""]), encoding="utf-8")
