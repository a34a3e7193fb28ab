"""``python -m benchmarks.gpu``: how fast it is on a GPU, in one run of under nine minutes.

Measured on the card: pictures and texts a second of the models alone, of the encoder around them
and of the whole service; half precision against single; how near the vectors are to the CPU's; the
shapes of all batches; and whether memory stays as it is. Writes ``GPU_REPORT.md`` after each part,
so that a run that is cut short leaves what it has. Without a GPU it says so and ends well.

It needs Linux, Python 3.11 or newer, a driver of 580 or newer, the project and these packages:

    pip install -r requirements/gpu.txt onnx==1.23.1      # or newer
    pip install "nvidia-cudnn-cu13>=9" nvidia-cublas nvidia-cuda-runtime nvidia-curand nvidia-cufft
    pip install --no-deps .

The second line is for a machine without CUDA 13 and cuDNN 9 of its own; where those lie elsewhere,
LD_LIBRARY_PATH says where. Nothing is fetched: the model has random weights and is made on the
spot, and needs 1 GB of disk under ``.bench/``. ``--device cpu --quick`` runs every part on a CPU in
two minutes or so, to see that it runs; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.device import gpu_name, no_gpu
from benchmarks.frame import Row
from benchmarks.frame.report import machine, plain, versions
from benchmarks.gpu_ground import FULL, QUICK, Ground
from benchmarks.gpu_parts import PARTS

REPORT = "GPU_REPORT.md"
# The whole run ends before this many seconds; the watch over memory, which comes last, gets what
# is left.
LIMIT_S = 530.0

log = logging.getLogger("benchmarks.gpu")


def main() -> int:
    """Measures, prints the table, writes the report. Exit code 1 where a part could not run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--device-id", type=int, default=0, help="the GPU, as CUDA counts them")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    parser.add_argument("--out", type=Path, help="the report's folder (default: benchmarks)")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    if given.device == "cuda" and (reason := no_gpu()) is not None:
        print(f"skipped: {reason}")
        return 0
    folder = given.out or Path(__file__).resolve().parent
    if given.out is None and (given.quick or given.device == "cpu"):
        parser.error("--quick and --device cpu measure nothing worth keeping; give --out")
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    rows: list[Row] = []
    notes: list[str] = []
    failed: list[str] = []
    size = QUICK if given.quick else FULL
    with Ground(given.device, given.device_id, size, begin + LIMIT_S) as ground:
        for name, part in PARTS.items():
            _run(name, part, ground, rows, notes, failed)
            head = _head(sys.argv[1:], time.monotonic() - begin, failed)
            (folder / REPORT).write_text(_report(head, rows, notes), encoding="utf-8")
    print(plain(rows))
    print(f"written: {folder / REPORT}, {time.monotonic() - begin:.0f} s")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _run(
    name: str,
    part: Callable[[Ground], tuple[list[Row], list[str]]],
    ground: Ground,
    rows: list[Row],
    notes: list[str],
    failed: list[str],
) -> None:
    begin = time.monotonic()
    print(f"{name} ...", flush=True)
    try:
        found, told = part(ground)
    # A card may be at hand only once: what one part does not stand, the others still measure.
    except Exception as error:
        log.exception("%s failed", name)
        failed.append(name)
        rows.append(Row(name, "failed", detail=" ".join(str(error).split())[:300]))
        return
    rows += found
    notes += told
    print(f"{plain(found)}\n({time.monotonic() - begin:.0f} s)" if found else "", flush=True)


def _head(arguments: list[str], seconds: float, failed: list[str]) -> list[str]:
    command = " ".join(["python -m benchmarks.gpu", *arguments])
    lines = [
        f"- Command: `{command}`, {seconds:.0f} s",
        f"- GPU: {gpu_name() or 'none'}",
        f"- Machine: {machine()}",
        f"- Versions: {versions()}",
    ]
    return [*lines, f"- Failed: {', '.join(failed)}"] if failed else lines


def _report(head: list[str], rows: list[Row], notes: list[str]) -> str:
    verdict = {True: "met", False: "NOT MET", None: ""}
    lines = [
        "# How fast it is on a GPU",
        "",
        "CLIP ViT-B/32 with random weights, as fast as the real one. Ratios are of arms that took "
        "turns in one run: the median of the rounds, the smallest and the largest in brackets.",
        "",
        *head,
        "",
        "| | measured | goal | |",
        "|---|---|---|---|",
        *(f"| {row.name} | {row.figure} | {row.goal} | {verdict[row.met]} |" for row in rows),
        "",
        *(f"- {row.name}: {row.detail}" for row in rows if row.detail),
    ]
    for note in notes:
        lines += ["", note]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
