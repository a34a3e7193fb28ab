"""What the README shows is true: its program runs, and its first call finds what it wrote."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from tests.support.server import RunningServer
from triptych import Where
from triptych_server.domain.limits import Limits
from triptych_server.wire.filters import parse_filter
from triptych_server.wire.violations import Violations

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def programs() -> list[str]:
    programs = blocks("python")
    assert len(programs) == 3
    return programs


def test_the_programs(tmp_path: Path, programs: list[str]) -> None:
    with RunningServer(tmp_path / "data") as server:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            for program in programs:
                exec(program.replace("127.0.0.1:50051", server.address), {})  # noqa: S102 - ours
        first, *legs = shown.getvalue().splitlines()
        assert first.startswith("1. mug ")
        assert any(line.strip().startswith("caption: ") for line in legs)
        assert server.stop() == 0


def test_the_filters_are_filters() -> None:
    [lines] = blocks("py")
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
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z]+)", "\n".join(blocks("sh")), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_link_leads_somewhere() -> None:
    root = Path(__file__).parents[2]
    links = re.findall(r"\]\(([^)#]+)", README)
    assert len(links) > 5
    for link in links:
        assert link.startswith("http") or (root / link).exists(), link
