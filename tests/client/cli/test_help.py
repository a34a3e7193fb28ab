"""What the help costs, how wide it is, and whether its examples work."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.cli.real import SPRITES
from tests.client.cli.shell import Captured
from tests.support.server import RunningServer
from triptych import make_item
from triptych.cli.app import run

SUBCOMMANDS: tuple[list[str], ...] = (
    ["collections"],
    ["get"],
    ["list"],
    ["count"],
    ["delete"],
    ["collections", "show"],
    ["collections", "create"],
    ["collections", "delete"],
)


def examples(capsys: Captured, *words: str) -> list[str]:
    """The examples in a help, which fits a terminal of 80 columns."""
    assert run([*words, "--help"]) == 0
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines())
    return re.findall(r"^    triptych (.*)$", text.replace("\\\n", ""), re.M)


def test_the_examples_work_on_a_server(
    server: RunningServer, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPTYCH_SERVER", server.address)
    monkeypatch.chdir(tmp_path)
    count = 0
    for words in SUBCOMMANDS:
        for example in examples(capsys, *words):
            # There is no terminal to be asked at.
            arguments = shlex.split(example)
            sure = ["--yes"] if "delete" in arguments and "--yes" not in arguments else []
            assert run([*arguments, *sure]) == 0, f"{example}: {capsys.readouterr().err}"
            if arguments[1:3] == ["create", "pictures"]:
                mug = make_item("cups/mug.jpg", image=SPRITES / "coffee.png", payload={"price": 9})
                with server.client() as client:
                    client.upsert("pictures", [mug], ocr="skip")
            capsys.readouterr()
            count += 1
    assert count == 16
    assert (tmp_path / "mug.webp").read_bytes().startswith(b"RIFF")
    assert run(["collections", "delete", "shop", "--yes"]) == 0


def test_the_help_loads_no_library_that_it_does_not_need() -> None:
    code = (
        "import sys\n"
        "from triptych.cli.app import run\n"
        "assert run(['--help']) == 0\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    shown = subprocess.check_output([sys.executable, "-c", code], text=True)
    loaded = set(shown.splitlines()[-1].split())
    assert {"triptych", "typer"} <= loaded
    heavy = {"PIL", "rich", "numpy", "onnxruntime", "qdrant_client", "qdrant_edge"}
    assert not loaded & {*heavy, "triptych_server", "fastembed", "tokenizers"}
