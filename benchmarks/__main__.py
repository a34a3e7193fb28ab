"""``python -m benchmarks [NAME ...] [--quick]``: runs the subjects and writes the report.

Each subject runs in a process of its own, so that none inherits another's memory or threads. With
names, only those are measured anew; the report keeps what is known of the others.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pickle
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.frame import Bench, Findings
from benchmarks.frame.report import REPORT, Measured, keep, plain, write

SUBJECTS = (
    "pipeline",
    "ingest",
    "decode",
    "texts",
    "callers",
    "search_rpc",
    "fused",
    "query_cache",
    "ocr",
    "int8",
    "health",
    "overload",
    "memory",
    "start",
    "imports",
    "scale",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SUBJECTS))
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        return _run_one(given.names[0], Path(given.one), quick=given.quick)
    unknown = [name for name in given.names if name not in SUBJECTS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    failed = [name for name in given.names or SUBJECTS if not _measure(name, quick=given.quick)]
    if not given.quick:
        missing = write(SUBJECTS)
        print(f"\nwritten: {REPORT}" + (f", without {', '.join(missing)}" if missing else ""))
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _measure(name: str, *, quick: bool) -> bool:
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    print(f"\n{name}", flush=True)
    if load > cores:
        print(f"the machine is busy (load {load:.1f} on {cores} cores): poor figures", flush=True)
    begin = time.monotonic()
    result = _in_a_process(name, quick=quick)
    if result is None:
        return False
    title, findings = result
    print(plain(findings.rows), flush=True)
    if not quick:
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
        keep(name, Measured(title, findings, when, time.monotonic() - begin, load))
    return True


def _in_a_process(name: str, *, quick: bool) -> tuple[str, Findings] | None:
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as folder:
        answer = Path(folder) / "answer"
        command = [sys.executable, "-m", "benchmarks", name, "--one", str(answer)]
        # Everything but the models and the decoders under test keeps to one thread.
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
        done = subprocess.run(
            command + ["--quick"] * quick, env={**os.environ, **threads}, check=False
        )
        if done.returncode:
            return None
        found: tuple[str, Findings] = pickle.loads(answer.read_bytes())  # noqa: S301 - our own
        return found


def _run_one(name: str, answer: Path, *, quick: bool) -> int:
    subject = importlib.import_module(f"benchmarks.subjects.{name}")
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as folder:
        findings: Findings = subject.run(Bench(Path(folder), quick))
    answer.write_bytes(pickle.dumps((subject.TITLE, findings)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
