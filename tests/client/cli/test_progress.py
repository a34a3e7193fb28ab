"""Progress of an ingest: lines in a log, a bar on a terminal."""

import io
import re
from collections.abc import Mapping, Sequence

import pytest
from rich.console import Console

from triptych.cli.progress import progress


def shown(steps: Sequence[Mapping[str, int]], total: int, console: Console) -> str:
    with progress(console, total) as show:
        for counts in steps:
            show(counts)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def counts(written: int = 0, unchanged: int = 0, failed: int = 0) -> Mapping[str, int]:
    return {"written": written, "unchanged": unchanged, "failed": failed}


def test_a_log_has_a_line_for_each_tenth_with_what_became_of_them() -> None:
    steps = [counts(), *(counts(written, written // 2, 3) for written in range(65))]
    lines = shown(steps, 99, Console(file=io.StringIO(), width=100)).splitlines()
    assert lines[:2] == [
        "ingesting: 10 of 99: 5 written, 2 unchanged, 3 failed",
        "ingesting: 21 of 99: 12 written, 6 unchanged, 3 failed",
    ]
    assert lines[-1] == "ingesting: 99 of 99: 64 written, 32 unchanged, 3 failed"
    assert len(lines) == 10


def test_what_stops_half_way_is_never_told_as_all() -> None:
    text = shown([counts(), counts(failed=2)], 4, Console(file=io.StringIO(), width=100))
    assert text == "ingesting: 2 of 4: 2 failed\n"


@pytest.mark.parametrize("width", [66, 80, 100])
def test_a_bar_fits_its_terminal_and_tells_them_apart(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    text = shown([counts(), counts(1200, 30, 4)], 1234, console)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    frames = [frame for frame in re.split(r"[\r\n]", plain) if frame.strip()]
    assert "1234/1234 1200 written, 30 unchanged, 4 failed" in frames[-1]
    assert all(len(frame) <= width for frame in frames)
