"""The demo, on as many pictures as its questions need: what it prints, and how it ends."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

import triptych
from tests.support.server import RunningServer
from tools.demo.places import Places
from tools.demo.problems import Problem, Unreadable
from tools.demo.question import Contrast
from tools.demo.questions import LOOKS, STEPS
from tools.demo.server import DemoServer
from tools.demo.store import PAYLOAD_FIELDS, put_aside, tidy
from tools.demo_pictures.album import file_name
from tools.demo_pictures.scenes import Scene, load_scenes
from triptych import (
    Client,
    DiscoverResponse,
    NotFound,
    RecommendResponse,
    SearchResponse,
    make_item,
)
from triptych.cli.app import run as run_command

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT, ROOT / "client", ROOT / "server")
QUESTIONS = [
    question
    for step in STEPS
    for question in ((step.one, step.other) if isinstance(step, Contrast) else (step,))
]
SWAPPED = {
    name for step in STEPS if isinstance(step, Contrast) for pair in step.swaps for name in pair
}
WANTED = {name for question in QUESTIONS for name in question.expected} | SWAPPED
# They come near, and are told from the expected ones.
OTHERS = (
    *("label-lemon", "poster-guitar-blues", "poster-rocket", "scene-harbour", "sign-shark"),
    *("poster-violin-fest", "poster-trumpet", "several-rabbits", "several-bees", "thing-rose"),
)
SCENES = [scene for scene in load_scenes() if file_name(scene) in WANTED or scene.name in OTHERS]
TURTLE = LOOKS.expected[0]
SECTION = re.compile(r"^(?=\d+\. .* ─+$)", re.MULTILINE)

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
    pytest.mark.timeout(240),
]


def started(folder: Path, scenes: Sequence[Scene]) -> subprocess.Popen[str]:
    """The demo as a process of its own, with fewer pictures, its log in a pipe."""
    program = (
        "import sys\n"
        "from tools.demo.run import run\n"
        "from tools.demo_pictures.scenes import load_scenes\n"
        "sys.exit(run([scene for scene in load_scenes() if scene.name in sys.argv[1:]]))\n"
    )
    kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.Popen(
        [sys.executable, "-c", program, *(scene.name for scene in scenes)],
        cwd=folder,
        env=kept | {"PYTHONPATH": os.pathsep.join(map(str, SOURCES))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(folder: Path, scenes: Sequence[Scene]) -> tuple[int, str]:
    """The exit status and the log."""
    with started(folder, scenes) as process:
        text, _ = process.communicate()
    return process.returncode, text


@dataclass(frozen=True, slots=True)
class Shown:
    """A question as the log shows it: its command, its Python, and the ids of its table."""

    command: str
    python: str
    ids: list[str]


def shown(log: str) -> list[Shown]:
    """All questions of a log."""
    found = []
    for part in re.split(
        r"^\$ (?=\S+triptych (?:search|recommend|discover) --collection)", log, flags=re.MULTILINE
    )[1:]:
        shell, rest = part.split("\n>>> ", 1)
        python, table = rest.split("\n\n", 1)
        ids = re.findall(r"^\d +\d\.\d{4} +(\S+)", table.split("\n\n", 1)[0], re.MULTILINE)
        found.append(Shown(shell.replace("\\\n", ""), python.replace("\n... ", "\n"), ids))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo is run."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def log(folder: Path) -> str:
    """What the first run says; all comes out as expected."""
    code, text = run(folder, SCENES)
    assert code == 0, text
    return text


@pytest.fixture
def serving(folder: Path, log: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of a server on what the demo has left, in the demo's folder."""
    monkeypatch.chdir(folder)
    with RunningServer(folder / "demo" / "data") as server, server.client() as client:
        monkeypatch.setenv("TRIPTYCH_SERVER", server.address)
        yield client
        assert server.stop() == 0


def test_every_step_comes_out_as_expected(log: str) -> None:
    sections = SECTION.split(log)[1:]
    assert len(sections) == len(STEPS)
    for step, section in zip(STEPS, sections, strict=True):
        assert "✓ as expected" in section
        assert section.count("\nwhy  ") == (3 if isinstance(step, Contrast) else 1)
    assert not re.search("^✗", log, re.MULTILINE)


def test_a_log_is_100_columns_wide_and_has_no_control_codes(log: str) -> None:
    assert not re.search(r"[^\n\x20-\x7e\xa0-\uffff]", log)
    assert "\r" not in log
    wide = [line for line in log.splitlines() if cell_len(line) > 100]
    # Nothing but what is to be copied is ever wider: the folder's name is long here.
    assert all(line.startswith(("$ ", ">>> ")) or "PYTHON" in line for line in wide), wide


def test_the_contact_sheets_are_there(folder: Path, log: str) -> None:
    sheets = re.findall(r"^sheet +(\S+)$", log, re.MULTILINE)
    assert len(sheets) == len(QUESTIONS)
    assert all((folder / sheet).stat().st_size > 10_000 for sheet in sheets)


def test_every_command_and_every_line_of_python_finds_what_the_demo_shows(
    serving: Client, log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {**vars(triptych), "client": serving, "Path": Path}
    questions = shown(log)
    assert len(questions) == len(QUESTIONS)
    for question in questions:
        assert 1 <= len(question.ids) <= 5
        response = eval(question.python, names)  # noqa: S307 - the demo's own lines
        assert isinstance(response, SearchResponse | RecommendResponse | DiscoverResponse)
        assert [hit.item.id for hit in response.hits] == question.ids, question.python
        assert run_command(shlex.split(question.command)[1:]) == 0
        told = re.findall(r"^\d +\d\.\d{4} +(\S+)", capsys.readouterr().out, re.MULTILINE)
        assert told == question.ids, question.command


def test_a_second_run_changes_nothing(folder: Path, log: str) -> None:
    code, text = run(folder, SCENES)
    assert code == 0, text
    assert "drawn by an earlier run" in text
    assert re.search(rf"^ +0 +0 +{len(SCENES)} +0$", text, re.MULTILINE)


def test_an_answer_that_is_missed_fails_the_demo(folder: Path, log: str) -> None:
    code, text = run(folder, [scene for scene in SCENES if file_name(scene) != TURTLE])
    assert code == 1
    assert f"removed what an earlier version had: {TURTLE}" in text
    assert f"✗ expected among the first 3, and not there: {TURTLE}" in text
    assert "The demo failed" in text


@pytest.mark.parametrize(
    "after", ["Triptych: ", "pictures ", "$ ", "1. A few words"], ids=lambda line: line.strip()
)
def test_ctrl_c_leaves_nothing_running(folder: Path, tmp_path: Path, log: str, after: str) -> None:
    """While it draws, starts the server, reads pictures, and asks."""
    # Only where nothing is left to draw and to read does it ask soon.
    where = folder if after.startswith("1.") else tmp_path
    with started(where, SCENES) as process:
        assert process.stdout is not None
        assert any(line.startswith(after) for line in iter(process.stdout.readline, ""))
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130, rest
    assert "demo: ended by SIGINT; the server is stopped" in rest
    assert "Traceback" not in rest
    assert not processes_of(where)


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes whose store is in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if any(one.startswith(f"TRIPTYCH_STORE=embedded:{folder}/".encode()) for one in variables):
            found.append(line.decode(errors="replace"))
    return found


def test_a_store_that_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    places = Places(tmp_path / "demo")
    (places.data / "collections" / "demo").mkdir(parents=True)
    (places.data / "collections" / "demo" / "collection.json").write_text("{}")
    with pytest.raises(Unreadable), DemoServer(places):
        pass
    out = console()
    put_aside(out, places)
    with DemoServer(places) as server, Client(server.address) as client:
        assert list(client.list_collections()) == []
    put_aside(out, places)
    kept = sorted(path.name for path in places.root.iterdir() if path.is_dir())
    assert kept == ["data.old-1", "data.old-2"]
    assert (places.root / "data.old-1" / "collections" / "demo" / "collection.json").is_file()


def test_another_problem_of_the_server_leaves_the_store_where_it_is(tmp_path: Path) -> None:
    places = Places(tmp_path / "demo")
    with DemoServer(places):
        with pytest.raises(Problem) as refused, DemoServer(places):
            pass
        assert not isinstance(refused.value, Unreadable)
        assert "in use by another process" in str(refused.value)


def console() -> Console:
    return Console(file=StringIO(), width=100)


def fields(*, without: str = "") -> dict[str, str]:
    pairs = (field.split("=") for field in PAYLOAD_FIELDS)
    return {name: kind for name, kind in pairs if name != without}


def test_a_collection_with_other_fields_is_made_anew(client: Client) -> None:
    client.create_collection("demo", payload_fields=fields(without="tags"))
    client.upsert("demo", [make_item("old.jpg", caption="a cat")])
    tidy(console(), client, SCENES)
    with pytest.raises(NotFound):
        client.get_collection("demo")


def test_a_collection_as_it_is_now_keeps_what_is_still_shown(client: Client) -> None:
    client.create_collection("demo", payload_fields=fields())
    client.upsert("demo", [make_item(name, caption="a cat") for name in ("old.jpg", TURTLE)])
    tidy(console(), client, SCENES)
    assert [item.id for item in client.list_items("demo")] == [TURTLE]
    client.delete_collection("demo")
