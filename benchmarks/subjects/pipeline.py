"""Pictures through the whole service, against what its stages would do with nothing between."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from benchmarks.frame import Bench, Findings, Ratio, Rounds, Row, interleaved
from benchmarks.models import clip_folder
from benchmarks.photos import jpegs
from benchmarks.pictures import PictureService
from benchmarks.processes import cpu_seconds
from benchmarks.stages import Stages
from tests.support.server import RunningServer

TITLE = "Ingest pipeline"

_GOAL = 0.90
_COUNTS = {1: 96, 12: 64}


def run(bench: Bench) -> Findings:
    """Images a second over cores / (t_prepare + t_session), both of one core in the same round."""
    stages = Stages(clip_folder())
    rows, notes = [], []
    with RunningServer(
        bench.folder / "data", encoders=f"clip={clip_folder()}", log_level="WARNING"
    ) as server:
        for megapixels, count in _COUNTS.items():
            files = jpegs(megapixels, 8)
            files = (files * count)[: 16 if bench.quick else count]
            row, note = _measured(bench, megapixels, files, server, stages)
            rows.append(row)
            notes.append(note)
    return Findings(rows, notes)


def _measured(
    bench: Bench, megapixels: int, files: Sequence[bytes], server: RunningServer, stages: Stages
) -> tuple[Row, str]:
    cores = len(os.sched_getaffinity(0))
    service = PictureService(server, f"of-{megapixels}-mp")
    parts: list[tuple[float, float]] = []
    costs: list[dict[str, float]] = []

    def bound() -> float:
        parts.append((stages.prepare_seconds(files[:8]), stages.session_seconds()))
        return cores / sum(parts[-1])

    def whole() -> float:
        before = _cpu_seconds(server.process.pid)
        begin = time.perf_counter()
        service.send(files)
        taken = time.perf_counter() - begin
        after = _cpu_seconds(server.process.pid)
        costs.append({n: (after[n] - before.get(n, 0.0)) / len(files) for n in after})
        return len(files) / taken

    rounds = interleaved({"bound": bound, "service": whole}, rounds=bench.rounds())
    ratio = rounds.ratio("service", "bound")
    row = Row(
        f"{megapixels} MP: images/s over the bound of the stages",
        str(ratio),
        f"≥ {_GOAL:.2f}×",
        ratio.median >= _GOAL,
        f"{rounds.median('service'):.3g} images/s of {rounds.median('bound'):.3g}; random "
        f"ViT-B/32, batches of up to 8, embedded store, image vector alone, no OCR, no files kept; "
        f"bound: {cores} cores / (t_prepare + t_session), each on one core in the same round",
    )
    return row, _note(megapixels, rounds, ratio, parts[-len(costs) :], costs)


def _note(
    megapixels: int,
    rounds: Rounds,
    ratio: Ratio,
    parts: Sequence[tuple[float, float]],
    costs: Sequence[dict[str, float]],
) -> str:
    prepare = sorted(one for one, _ in parts)[len(parts) // 2]
    session = sorted(one for _, one in parts)[len(parts) // 2]
    names = sorted({name for cost in costs for name in cost})
    spent = {name: sorted(cost.get(name, 0.0) for cost in costs)[len(costs) // 2] for name in names}
    listed = ", ".join(f"{name} {1e3 * seconds:.1f}" for name, seconds in spent.items())
    return (
        f"{megapixels} MP, ms a picture: t_prepare {1e3 * prepare:.1f}, t_session "
        f"{1e3 * session:.1f}, together {1e3 * (prepare + session):.1f} of one core; processor "
        f"time that the service really took {1e3 * sum(spent.values()):.1f} ({listed}). Its share "
        f"that is neither stage: {1 - (prepare + session) / sum(spent.values()):.0%}."
    )


def _cpu_seconds(server: int) -> dict[str, float]:
    return {**cpu_seconds(server), "client": time.process_time()}
