"""The server from its exec to the first answer, and where that time goes."""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path

from benchmarks.frame import Bench, Findings, Row, interleaved
from benchmarks.started import StartedServer, output_of, timed_start
from triptych import make_item

TITLE = "Start of the server"
GOAL_S = 3.0
ITEMS = 3000
COLLECTION = "things"
_IMPORT = re.compile(r"^import time: +(\d+) \| +\d+ \| +([\w.]+)$", re.MULTILINE)
_SHOWN = 10


def starts(bench: Bench, folders: dict[str, Path]) -> dict[str, tuple[list[float], ...]]:
    """Seconds to listening and to the first answer, by arm, starts taking turns."""
    listening: dict[str, list[float]] = {name: [] for name in folders}

    def arm(name: str) -> float:
        start = timed_start(folders[name], COLLECTION)
        listening[name].append(start.listening_s)
        return start.answered_s

    rounds = bench.rounds()
    arms = {name: partial(arm, name) for name in folders}
    figures = interleaved(arms, rounds=rounds).figures
    return {name: (listening[name][-rounds:], list(figures[name])) for name in folders}


def fill(folder: Path, count: int) -> None:
    """A collection of ``count`` items with captions; the server has flushed it and is gone."""
    with StartedServer(folder) as server, server.client() as client:
        client.create_collection(COLLECTION)
        colours = "red blue green yellow black white".split()
        items = [
            make_item(f"item-{n}", caption=f"a {colours[n % 6]} bicycle, number {n}")
            for n in range(count)
        ]
        client.upsert(COLLECTION, items)


def import_times(folder: Path) -> dict[str, float]:
    """Seconds that the server itself, without its children, spends in each library's modules."""
    with StartedServer(folder, "-X", "importtime") as server:
        pass
    spent: dict[str, float] = defaultdict(float)
    for microseconds, module in _IMPORT.findall(server.log.read_text()):
        library = module.partition(".")[0].lstrip("_")
        known = library if library not in sys.stdlib_module_names else "the standard library"
        spent[known] += int(microseconds) / 1e6
    return spent


def parts(folder: Path, rounds: int) -> dict[str, float]:
    """The median seconds of each part."""
    command = (sys.executable, "-m", "benchmarks.start_parts", str(folder))
    found = [json.loads(output_of(*command)) for _ in range(rounds)]
    return {part: statistics.median(one[part] for one in found) for part in found[0]}


def table(head: str, figures: dict[str, float]) -> str:
    """Markdown, milliseconds."""
    lines = [f"| {head} | ms |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {1000 * s:.0f} |" for name, s in figures.items())])


def run(bench: Bench) -> Findings:
    """Starts on a store with one item and on one with thousands."""
    many = 60 if bench.quick else ITEMS
    folders = {"1 item": bench.folder / "small", f"{many:,} items": bench.folder / "large"}
    for folder, count in zip(folders.values(), (1, many), strict=True):
        fill(folder, count)
    rows = []
    for name, (listening, answered) in starts(bench, folders).items():
        median = statistics.median(answered)
        rows.append(
            Row(
                f"exec to the first answered Search, {name}",
                f"{median:.2f} s ({min(answered):.2f} to {max(answered):.2f})",
                f"≤ {GOAL_S:g} s",
                median <= GOAL_S,
                f"`listening on` after {statistics.median(listening):.2f} s",
            )
        )
    spent = sorted(import_times(folders["1 item"]).items(), key=lambda one: -one[1])
    return Findings(
        rows,
        [
            "Parts of a start, each measured for itself; the last three go on at the same time.",
            table("part", parts(folders["1 item"], bench.rounds(5))),
            "Time in the modules of each library, by `-X importtime` (which slows them down).",
            table("library", dict(spent[:_SHOWN])),
        ],
    )
