"""What the processes of a server have cost so far."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> dict[str, float]:
    """Processor time of a process and all below it, added up by the module that each runs."""
    spent: dict[str, float] = {}
    for process in (pid, *_below(pid)):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        name = _module(process)
        spent[name] = spent.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / _TICKS
    return spent


def _module(process: int) -> str:
    words = Path(f"/proc/{process}/cmdline").read_text().split("\0")
    named = [word for before, word in itertools.pairwise(words) if before == "-m"]
    return (named or words)[0].rpartition(".")[2]


def _below(process: int) -> list[int]:
    found = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *_below(child)]
    return found
