"""What a shell completes, asked for as the shell does it."""

import os
import pty
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.client.cli.real import PROGRAM, program
from tests.support.server import RunningServer
from triptych.cli.completion import join_words

# A shell waits for a server less than a second, and a test may run on a busy machine.
PRESSES = 5
SUBCOMMANDS = [
    *("ingest", "search", "recommend", "discover", "context", "get", "list", "count", "delete"),
    *("status", "explain", "collections"),
]


def in_bash(
    server: RunningServer, *words: str, target: str = "", presses: int = PRESSES
) -> list[str]:
    """What bash is offered for the last word."""
    environment = {
        "_TRIPTYCH_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(["triptych", *words]),
        "COMP_CWORD": str(len(words)),
        **({"TRIPTYCH_SERVER": target} if target else {}),
    }
    return pressed(server, environment, presses).stdout.split()


def in_another(server: RunningServer, shell: str, line: str, action: str = "get-args") -> str:
    """What fish or zsh is answered."""
    environment = {
        "_TRIPTYCH_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": action,
    }
    return pressed(server, environment, PRESSES).stdout


def pressed(
    server: RunningServer, environment: Mapping[str, str], presses: int
) -> "subprocess.CompletedProcess[str]":
    """The command as a shell asks it: again, as a user would, where a busy server was too late."""
    done = program(server, environment=environment)
    for _ in range(presses - 1):
        if done.stdout.strip():
            break
        done = program(server, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done


def test_subcommands_options_and_their_words(server: RunningServer) -> None:
    assert in_bash(server, "") == SUBCOMMANDS
    assert in_bash(server, "explain", "mug", "re") == ["recommend"]
    assert in_bash(server, "co") == ["context", "count", "collections"]
    assert in_bash(server, "collections", "") == ["show", "create", "optimize", "delete"]
    assert in_bash(server, "search", "--f") == ["--fusion", "--fresh"]
    assert in_bash(server, "search", "--fusion", "") == [
        "reciprocal-rank",
        "weighted-sum",
        "max",
        "min",
    ]
    assert in_bash(server, "search", "--normalization", "m") == ["min-max"]
    assert in_bash(server, "collections", "create", "--keep", "t") == ["thumbnail"]
    assert in_bash(server, "ingest", "--ocr", "s") == ["skip"]
    # It is asked for what comes next, not for the version.
    assert in_bash(server, "--version", "st") == ["status"]


def test_collections_wherever_one_is_named(server: RunningServer, cups: str) -> None:
    for words in (
        ["get"],
        ["list"],
        ["count", "--where", "price", "=", "3"],
        ["delete"],
        ["collections", "show"],
        ["collections", "delete", "--yes"],
        ["search", '"a cup"', "--collection"],
        ["ingest", ".", "--collection"],
    ):
        assert in_bash(server, *words, cups[:-1]) == [cups], words
    assert cups in in_bash(server, "get", "")
    assert in_bash(server, "get", "no-such", presses=1) == []


def test_the_collections_of_the_server_that_the_line_names(
    server: RunningServer, cups: str
) -> None:
    host, port = server.address.split(":")
    for words in (
        ["--server", host, ":", port, "count", ""],
        ["count", "--server", host, ":", port, ""],
        ["collections", "--server", host, ":", port, "show", ""],
        ["count", "--server", "=", host, ":", port, ""],
    ):
        assert cups in in_bash(server, *words, target="127.0.0.1:1"), words
    assert in_bash(server, "search", "--collection", "=", cups[:-2]) == [cups]
    assert cups in in_bash(server, "search", "--collection", "=")


def test_the_other_shells_are_told_how_many_items_there_are(
    server: RunningServer, cups: str
) -> None:
    assert in_another(server, "fish", f"triptych count {cups[:-1]}") == f"{cups}\t3 items\n"
    zsh = in_another(server, "zsh", "triptych search --fusion m")
    assert zsh == '_arguments \'*: :(("max"\n"min"))\'\n'
    assert in_another(server, "zsh", "triptych ingest /") == "_files\n"


def test_fish_asks_first_whether_there_is_anything(server: RunningServer) -> None:
    for line, code in (("triptych collections ", 0), ("triptych ingest /", 1)):
        environment = {
            "_TRIPTYCH_COMPLETE": "complete_fish",
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "is-args",
        }
        done = program(server, environment=environment)
        assert (done.returncode, done.stdout) == (code, "")


@contextmanager
def silent() -> Iterator[str]:
    """An address where connections are taken, and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_where_no_server_answers_nothing_is_offered_and_nothing_said(
    server: RunningServer,
) -> None:
    with silent() as address:
        for target in (address, "127.0.0.1:1", "http://a:1", "127.0.0.1:99999"):
            assert in_bash(server, "count", "", target=target, presses=1) == []


def test_words_that_bash_took_apart() -> None:
    def joined(words: list[str], typed: int) -> tuple[list[str], int]:
        environment = {
            "_TRIPTYCH_COMPLETE": "complete_bash",
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(typed),
        }
        join_words(environment)
        return environment["COMP_WORDS"].split("\n"), int(environment["COMP_CWORD"])

    assert joined(["t", "a", ""], 2) == (["t", "a", ""], 2)
    assert joined(["t", "h", ":", "1", "a", ""], 5) == (["t", "h:1", "a", ""], 3)
    assert joined(["t", "h", ":", "1", "a"], 1) == (["t", "h:1", "a"], 1)
    assert joined(["t", "--x", "=", "a", "::", "b"], 5) == (["t", "--x=a::b"], 1)
    assert joined(["t", "--x", "="], 2) == (["t", "--x="], 1)
    assert joined(["t", "a"], 2) == (["t", "a"], 2)
    untouched = {"COMP_WORDS": "t\na\n=\nb", "COMP_CWORD": "3"}
    join_words(untouched)
    assert untouched == {"COMP_WORDS": "t\na\n=\nb", "COMP_CWORD": "3"}


def script_of(server: RunningServer, shell: str) -> str:
    done = program(server, environment={"_TRIPTYCH_COMPLETE": f"source_{shell}"})
    assert done.returncode == 0
    return done.stdout


def test_the_scripts(server: RunningServer, tmp_path: Path) -> None:
    assert "complete -o default -F _triptych_completion triptych" in script_of(server, "bash")
    assert script_of(server, "zsh").lstrip().startswith("#compdef triptych\n")
    assert "complete --command triptych " in script_of(server, "fish")
    # From a shell that a user has, without naming it.
    line = f"'{PROGRAM}' --show-completion; true"
    shown = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == script_of(server, "bash").strip()

    line = f"'{PROGRAM}' --install-completion; true"
    home = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run(["bash", "-c", line], env=home, capture_output=True, check=True)
    installed = tmp_path / ".bash_completions" / "triptych.sh"
    assert installed.read_text().strip() == shown.stdout.strip()
    assert f"source '{installed}'" in (tmp_path / ".bashrc").read_text()


@contextmanager
def terminal(*command: str, environment: dict[str, str]) -> Iterator[int]:
    """A program with a terminal to talk by."""
    screen, inner = pty.openpty()
    with subprocess.Popen(
        command, env=environment, stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    ) as process:
        os.close(inner)
        try:
            yield screen
        finally:
            process.kill()
            os.close(screen)


def read_until(screen: int, text: str, *, within_s: float = 30) -> str:
    """What the terminal shows, up to `text`, or without it where it does not come in time."""
    shown = ""
    end = time.monotonic() + within_s
    while text not in shown:
        ready, _, _ = select.select([screen], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            break
        shown += os.read(screen, 4096).decode(errors="replace")
    return shown


def test_a_user_of_bash_presses_tab(server: RunningServer, cups: str) -> None:
    environment = {
        **os.environ,
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "PS1": "ready> ",
        "TERM": "dumb",
        "COLUMNS": "250",
    }
    bash = shutil.which("bash")
    assert bash is not None
    with terminal(bash, "--norc", "--noprofile", "-i", environment=environment) as screen:
        assert "ready> " in read_until(screen, "ready> ")
        os.write(screen, b"source <(_TRIPTYCH_COMPLETE=source_bash triptych); echo so''urced\n")
        assert "sourced\r\nready> " in read_until(screen, "sourced\r\nready> ")
        os.write(screen, f"triptych --server {server.address} coun\t{cups[:-1]}".encode())
        shown = read_until(screen, f"triptych --server {server.address} count {cups[:-1]}")
        for _ in range(PRESSES):
            os.write(screen, b"\t")
            shown += read_until(screen, f"{cups[-1]} ", within_s=4)
            if shown.endswith(" "):
                break
        assert shown.endswith(f"triptych --server {server.address} count {cups} ")
        os.write(screen, b"\n")
        assert "\r\n3\r\n" in read_until(screen, "\r\n3\r\n")
