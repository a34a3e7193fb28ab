"""`triptych explain` on a real server: the words, the JSON, and what is wrong by the options."""

import re
import shlex

import pytest
from google.protobuf.json_format import Parse

from tests.client.cli.real import SPRITES, command, program
from tests.client.cli.shell import Captured, one_line
from tests.support.server import RunningServer
from triptych import ExplainResponse
from triptych.cli.app import run

COFFEE = str(SPRITES / "coffee.png")
SEARCHES = {
    "search": ["search", "a", "cup"],
    "both": ["search", "a cup", "--image", COFFEE],
    "parts": ["search", "a cup", "--plus", "tea=2"],
    "recommend": ["recommend", "--like", "a cup", "--unlike", "milk"],
    "discover": ["discover", "a cup", "--pair", "tea", "milk"],
    "context": ["context", "--pair", "tea", "milk"],
}


def explained(
    server: RunningServer, capsys: Captured, name: str, item: str, *arguments: str
) -> ExplainResponse:
    given = ["explain", item, *arguments, "--collection", name, "--json"]
    assert command(server, *given) == 0
    return Parse(capsys.readouterr().out, ExplainResponse())


@pytest.mark.parametrize("search", SEARCHES)
def test_every_search_is_explained_as_it_is_carried_out(
    server: RunningServer, cups: str, capsys: Captured, search: str
) -> None:
    found = explained(server, capsys, cups, "cups/cup", *SEARCHES[search])
    assert found.outcome == ExplainResponse.OUTCOME_IN_ANSWER
    answer = program(server, *SEARCHES[search], "--collection", cups)
    assert re.search(rf"^{found.hit.rank} +{found.hit.score:.4f} +cups/cup", answer.stdout, re.M)
    out = explained(server, capsys, cups, "cups/cup", *SEARCHES[search], "--where", "price > 50")
    assert out.outcome == ExplainResponse.OUTCOME_FILTERED_OUT


def test_the_words(server: RunningServer, cups: str) -> None:
    given = ["explain", "cups/jug", "search", "a cup of tea", "--only", "caption,terms"]
    done = program(server, *given, "--collection", cups, "--where", "price < 50")
    assert (done.returncode, done.stderr) == (0, "")
    first, second, *legs, clause = done.stdout.splitlines()
    assert first == "'cups/jug' is not in the answer."
    assert second == "It does not pass the filter: price < 50."
    assert [line.split()[0] for line in legs] == ["caption", "terms"]
    assert clause == "filter: fails price < 50"
    done = program(server, "explain", "cups/cup", *SEARCHES["search"], "--collection", cups)
    assert done.stdout.startswith("'cups/cup' is in the answer: rank ")


def test_the_server_before_and_behind(server: RunningServer, cups: str, capsys: Captured) -> None:
    search = [*SEARCHES["search"], "--collection", cups, "--server", server.address]
    assert run(["--server", "127.0.0.1:1", "explain", "cups/cup", *search]) == 0
    assert "is in the answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["none", *SEARCHES["search"]], "ID: there is no item 'none'"),
        (["cups/cup", *SEARCHES["search"], "--weight", "image=-1"], "--weight image: is negative"),
        (["cups/cup", *SEARCHES["search"], "--where", "price <"], "--where: "),
        (["cups/cup", "recommend", "--like", "id:none"], "--like id:none: "),
        (["cups/cup", "search", "a", "--plus", "b=2000"], "--plus b=2000: is too large"),
        (["cups/cup", "context", "--pair", "a", "a"], "--pair 'a' over 'a': "),
        (["cups/cup", *SEARCHES["search"], "--sheet", "x.png"], "--sheet: an explanation is of"),
        (["cups/cup", "search"], "search needs TEXT"),
    ],
)
def test_what_is_wrong_is_told_by_the_options(
    server: RunningServer, cups: str, capsys: Captured, arguments: list[str], line: str
) -> None:
    assert command(server, "explain", *arguments, "--collection", cups) == 2
    assert line in one_line(capsys)


def test_the_examples_of_the_help_work(server: RunningServer, cups: str, capsys: Captured) -> None:
    assert run(["explain", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines())
    examples = re.findall(r"^    triptych (.*)$", text, re.M)
    assert len(examples) == 2
    for example in examples:
        given = [{"mug.jpg": "cups/mug"}.get(word, word) for word in shlex.split(example)]
        assert command(server, *given, "--collection", cups) == 0, capsys.readouterr().err
        assert "'cups/mug' is " in capsys.readouterr().out
