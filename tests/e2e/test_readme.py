"""What the README and the pages beside it show is true: programs run, calls find, links lead."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.panels import draw_words
from tests.support.server import RunningServer
from triptych import Where
from triptych_server.domain.limits import Limits
from triptych_server.wire.filters import parse_filter
from triptych_server.wire.violations import Violations

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def blocks(language: str, page: Path = README) -> list[str]:
    """The fenced blocks of one language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def programs() -> list[str]:
    programs = blocks("python")
    assert len(programs) == 4
    return programs


def test_the_programs(tmp_path: Path, programs: list[str]) -> None:
    with RunningServer(tmp_path / "data") as server:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            for program in programs:
                exec(program.replace("127.0.0.1:50051", server.address), {})  # noqa: S102 - ours
        first, *legs = shown.getvalue().splitlines()
        explained = next(b for b in blocks("text") if b.startswith("'boat' is not")).splitlines()
        # Not the figures: the last digit may be the machine's.
        words = [re.sub(r"\d\.\d+", "", line) for line in explained]
        assert [re.sub(r"\d\.\d+", "", line) for line in legs[-len(words) :]] == words
        assert first.startswith("1. mug ")
        assert any(line.strip().startswith("caption: ") for line in legs)
        assert server.stop() == 0


def test_the_calls_of_grpcurl(tmp_path: Path, programs: list[str]) -> None:
    """Each block of them runs as it stands, on what the first program has written."""
    if shutil.which("grpcurl") is None:
        pytest.skip("needs grpcurl: there is none on the PATH")
    calls = [block for block in blocks("sh") if block.startswith("grpcurl ")]
    assert len(calls) == 2
    (tmp_path / "cup.jpg").write_bytes(draw_words(["CUP"], width=64, height=64))
    with RunningServer(tmp_path / "data") as server:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(programs[0].replace("127.0.0.1:50051", server.address), {})  # noqa: S102 - ours
        shown = []
        for call in calls:
            script = call.replace("127.0.0.1:50051", server.address)
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            shown.append(done.stdout)
    first, more = shown
    assert [hit["item"]["id"] for hit in json.loads(first)["hits"]] == ["mug", "boat"]
    assert "triptych.v1.SearchService\n" in more
    assert "message SearchRequest {" in more
    _, below_20, alike = re.split(r"^(?=\{\n)", more, flags=re.MULTILINE)
    assert [hit["item"]["id"] for hit in json.loads(below_20)["hits"]] == ["mug"]
    assert len(json.loads(alike)["hits"]) == 2


def test_the_filters_are_filters() -> None:
    [lines] = blocks("py", ROOT / "docs" / "filters.md")
    names: dict[str, object] = {}
    expressions = []
    for line in filter(None, lines.splitlines()):
        if line.startswith("from "):
            exec(line, names)  # noqa: S102 - ours
        else:
            expressions.append(eval(line, names))  # noqa: S307 - ours
    assert len(expressions) == 6
    for expression in expressions:
        assert isinstance(expression, Where)
        tree = parse_filter(expression.to_filter(), Limits(), violations := Violations())
        violations.raise_if_any()
        assert not tree.is_empty


def test_the_commands_are_those_there_are() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z]+)", "\n".join(blocks("sh")), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", [README, *sorted((ROOT / "docs").rglob("*.md"))], ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert page != README or len(links) > 5
    for link in links:
        assert link.startswith("http") or (page.parent / link).exists(), link
