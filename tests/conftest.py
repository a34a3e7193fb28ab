"""What all tests share: hypothesis without a clock, files in memory, notes, skips counted.

The tests may run in several processes (`make test` runs two), a file in one of them.
"""

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
from tests.support.ocr_extra import NO_TESSEROCR
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
NOTE = "measured"
MEMORY = Path("/dev/shm")
# All tests together leave less than 1 GiB, and the server keeps a quarter free.
ROOM = 4 * 2**30
_NO_GPU = "needs a GPU: onnxruntime-gpu or an NVIDIA GPU is missing"
_notes = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Room for the notes, and for the files of the tests: in memory, where they are synced at once.

    A collection syncs 150 files as it is made, half a second on many a disk. What a killed process
    has written is there either way; only a loss of power would tell the two apart. A soak stays on
    the disk, and so does a run that is given `--basetemp`, or PYTEST_DEBUG_TEMPROOT as pytest knows
    it.
    """
    config.stash[_notes] = []
    config.pluginmanager.register(_Gathered(config.stash[_notes]))
    if not SOAK and _takes_files(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def _takes_files(place: Path) -> bool:
    """Whether there is room, and programs can be run from there: some tests write one."""
    if not (place.is_dir() and os.access(place, os.W_OK)):
        return False
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC


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

    def write(line: str) -> None:
        # With the report of the test, which comes out of whichever process it ran in.
        request.node.user_properties.append((NOTE, f"{request.node.name}: {line}"))

    return write


class _Gathered:
    """Takes the notes out of the reports."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Once for each test: its last report has all of them."""
        if report.when == "teardown":
            self._notes += [str(line) for name, line in report.user_properties if name == NOTE]


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
        (NO_TESSEROCR, "tesserocr, of the extra ocr"),
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
