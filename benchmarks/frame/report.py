"""The table on the screen and ``benchmarks/REPORT.md``."""

from __future__ import annotations

import os
import pickle
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.frame.findings import Findings, Row

REPORT = Path(__file__).resolve().parents[1] / "REPORT.md"
_KEPT = Path(__file__).resolve().parents[2] / ".bench" / "findings"
_LIBRARIES = (
    "triptych onnxruntime numpy pillow grpcio protobuf qdrant-client qdrant-edge-py fastembed "
    "pytesseract tesserocr tokenizers"
).split()


def plain(rows: list[Row]) -> str:
    """Lines for a terminal."""
    widths = [max(len(_cells(row)[n]) for row in rows) for n in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(_cells(row), widths, strict=True))
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """The findings of one subject, and the run that they are of."""

    title: str
    findings: Findings
    when: str
    seconds: float
    load_before: float


def keep(name: str, measured: Measured) -> None:
    """Keeps a subject's findings for the report, in place of those of an earlier run."""
    _KEPT.mkdir(parents=True, exist_ok=True)
    (_KEPT / name).write_bytes(pickle.dumps(measured))


def write(names: Sequence[str]) -> list[str]:
    """Writes the report of the findings that are kept; the names of those that are not."""
    lines = [
        "# How fast it is",
        "",
        "Ratios of arms that took turns in one run: the median of the rounds, the smallest and the "
        "largest in brackets. Absolute times are this machine's on that day.",
        "",
        "- Command: `make bench`, or `python -m benchmarks NAME` for one subject; each subject is "
        "one run, in a process of its own.",
        "- What bounds the goals that are not met: [BOUNDS.md](BOUNDS.md).",
        f"- Machine: {machine()}",
        f"- Versions: {versions()}",
        "",
    ]
    missing = [name for name in names if not (_KEPT / name).is_file()]
    for name in names:
        if name not in missing:
            # Written by `keep`.
            measured: Measured = pickle.loads((_KEPT / name).read_bytes())  # noqa: S301
            lines += _section(name, measured)
    REPORT.write_text(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)), encoding="utf-8")
    return missing


def _section(name: str, measured: Measured) -> list[str]:
    findings = measured.findings
    lines = [f"## {measured.title}", "", "| | measured | goal | |", "|---|---|---|---|"]
    for row in findings.rows:
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in _cells(row))} |")
    lines += ["", *(f"- {row.name}: {row.detail}" for row in findings.rows if row.detail)]
    for note in findings.notes:
        lines += ["", note]
    lines += [
        "",
        f"`{name}`: {measured.when}, {measured.seconds:.0f} s, load before it "
        f"{measured.load_before:.1f}.",
        "",
    ]
    return lines


def machine() -> str:
    """The processor, its cores and the memory."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = re.search(r"model name\s*:\s*(.+)", info.read_text())
        model = found[1] if found else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, {platform.system()}"


def versions() -> str:
    """Python and the libraries that matter."""
    parts = [f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(parts)


def _cells(row: Row) -> list[str]:
    verdict = {True: "met", False: "NOT MET", None: ""}[row.met]
    return [row.name, row.figure, row.goal, verdict]
