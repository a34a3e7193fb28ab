"""The command and a server that asks for a key, for TLS, or for a certificate."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.client.cli.real import program
from tests.client.cli.shell import Captured, one_line
from tests.support.certificates import Authority, Pair
from tests.support.server import RunningServer
from triptych.cli.app import run
from triptych_server.variables import OF_THE_COMMAND

KEY, WRONG = "the-key-of-the-shop-012345", "another-key-0123456789"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A server with a key and mTLS, and what gets one in."""

    server: RunningServer
    ca: Path
    client: Pair
    stranger: Pair
    keys: Path

    def options(self, *without: str) -> list[str]:
        """The options that are needed, but for some."""
        given = {
            "--server": self.server.address,
            "--server-name": "search.example.org",
            "--ca-file": str(self.ca),
            "--cert": str(self.client.certificate),
            "--key": str(self.client.key),
            "--api-key-file": str(self.keys),
            "--timeout": "20",
        }
        return [word for pair in given.items() if pair[0] not in without for word in pair]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    ours, others = Authority(folder / "ours"), Authority(folder / "others", "another authority")
    pair = ours.issue("server", "DNS:search.example.org")
    keys = folder / "keys"
    keys.write_text(f"# of the shop\n\n{KEY}\n{WRONG}-2\n")
    settings = {
        "tls_certificate": str(pair.certificate),
        "tls_key": str(pair.key),
        "tls_client_ca": str(ours.pair.certificate),
        "api_keys": KEY,
    }
    with RunningServer(folder / "data", **settings) as server:
        client, stranger = ours.issue("client", use="clientAuth"), others.issue("stranger")
        yield Guarded(server, ours.pair.certificate, client, stranger, keys)
        assert server.stop() == 0, server.log
        assert KEY not in server.log


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that asks for a key, in plaintext."""
    with RunningServer(tmp_path_factory.mktemp("keyed") / "data", api_keys=KEY) as server:
        yield server
        assert server.stop() == 0, server.log


@pytest.fixture(autouse=True)
def no_connection_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OF_THE_COMMAND:
        monkeypatch.delenv(f"TRIPTYCH_{name}", raising=False)


def test_tls_certificate_and_key_before_and_behind_the_subcommand(
    guarded: Guarded, capsys: Captured
) -> None:
    for arguments in (
        [*guarded.options(), "status"],
        ["status", *guarded.options()],
        ["--tls", *guarded.options(), "collections"],
        ["collections", *guarded.options()],
        # What is behind is stronger.
        ["--no-tls", "--server", "127.0.0.1:1", "status", "--tls", *guarded.options()],
    ):
        assert run(arguments) == 0, capsys.readouterr().err
        shown = capsys.readouterr().out
        assert "tiny-clip" in shown or "no collections" in shown


def test_everything_in_the_environment(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    given = {
        "SERVER": guarded.server.address,
        "TLS": "1",
        "CA_FILE": str(guarded.ca),
        "CERT": str(guarded.client.certificate),
        "CERT_KEY": str(guarded.client.key),
        "API_KEY": KEY,
    }
    assert set(given) == OF_THE_COMMAND
    for name, value in given.items():
        monkeypatch.setenv(f"TRIPTYCH_{name}", value)
    named = ["--server-name", "search.example.org"]
    assert run(["status", *named]) == 0, capsys.readouterr().err
    # A key in a file is stronger.
    wrong = guarded.keys.with_name("wrong")
    wrong.write_text(WRONG)
    assert run(["status", *named, "--api-key-file", str(wrong)]) == 2
    assert f"--api-key-file {wrong}: this server does not take" in one_line(capsys)


def test_a_certificate_of_another_name(guarded: Guarded, capsys: Captured) -> None:
    assert run([*guarded.options("--server-name"), "status"]) == 3
    told = one_line(capsys)
    assert "its certificate is for another name: is the target right, or does it take" in told
    assert "--server-name?" in told


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--ca-file"], 3, "is it from the CA of --ca-file, or of this machine without one"),
        (["--cert", "--key"], 3, "(--cert and --key)"),
        (["--cert"], 2, "needs --cert and --key together"),
        (["--api-key-file"], 2, "this server asks for an API key: set TRIPTYCH_API_KEY, or give"),
    ],
)
def test_what_is_missing(
    guarded: Guarded, capsys: Captured, arguments: list[str], code: int, line: str
) -> None:
    assert run(["--tls", *guarded.options(*arguments), "status"]) == code
    assert line in one_line(capsys)


def test_plaintext_to_a_server_with_tls(guarded: Guarded, capsys: Captured) -> None:
    given = ["--server", guarded.server.address, "--timeout", "10"]
    assert run([*given, "status"]) == 3
    assert "with plaintext and not TLS (--tls)?" in one_line(capsys)
    assert run([*given, "--no-tls", "--ca-file", str(guarded.ca), "status"]) == 3
    assert "with plaintext and not TLS (--tls)?" in one_line(capsys)


def test_the_wrong_files(guarded: Guarded, capsys: Captured, tmp_path: Path) -> None:
    stranger = ["--cert", str(guarded.stranger.certificate), "--key", str(guarded.stranger.key)]
    assert run([*guarded.options("--cert", "--key"), *stranger, "status"]) == 3
    one_line(capsys)
    assert run([*guarded.options("--key"), "--key", str(guarded.ca), "status"]) == 2
    assert "--key: is no PEM of that kind" in one_line(capsys)
    empty = tmp_path / "keys"
    empty.write_text("# none yet\n\n")
    given = [*guarded.options("--api-key-file"), "--api-key-file", str(empty)]
    assert run([*given, "status"]) == 2
    assert one_line(capsys) == f"triptych: --api-key-file {empty}: holds no key"
    given = [*guarded.options("--ca-file"), "--ca-file", str(tmp_path / "none.pem")]
    assert run([*given, "status"]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_a_key_in_plaintext(
    keyed: RunningServer, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    at = ["--server", keyed.address]
    for arguments in (["status"], ["search", "a cup", "--collection", "x"], ["list", "x"]):
        assert run([*at, *arguments]) == 2
        assert one_line(capsys) == (
            "triptych: this server asks for an API key: set TRIPTYCH_API_KEY, or give "
            "--api-key-file [API_KEY_INVALID]"
        )
    monkeypatch.setenv("TRIPTYCH_API_KEY", WRONG)
    for arguments in (["status"], ["search", "a cup", "--collection", "x"]):
        assert run([*at, *arguments]) == 2
        line = "TRIPTYCH_API_KEY: this server does not take this API key [API_KEY_INVALID]"
        assert one_line(capsys) == f"triptych: {line}"
    monkeypatch.setenv("TRIPTYCH_API_KEY", f" {KEY}\n")
    assert run([*at, "status"]) == 0
    monkeypatch.setenv("TRIPTYCH_API_KEY", "a key with spaces")
    assert run([*at, "status"]) == 2
    told = one_line(capsys)
    assert told.startswith("triptych: TRIPTYCH_API_KEY: is none that a header can carry")
    assert "spaces" not in told


def test_a_key_is_sent_in_plaintext_to_another_machine_only_when_told(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("TRIPTYCH_API_KEY", KEY)
    given = ["--server", "192.0.2.1:50051", "--timeout", "0.5", "status"]
    assert run(given) == 2
    told = one_line(capsys)
    assert "would be readable on its way: give --tls, or allow it with --plaintext-api-key" in told
    assert KEY not in told
    assert run([*given, "--plaintext-api-key"]) == 3
    one_line(capsys)


def test_no_process_shows_the_key_and_completion_uses_it(keyed: RunningServer) -> None:
    with keyed.client() as client:
        assert "key" not in repr(client)
    environment = {
        "_TRIPTYCH_COMPLETE": "complete_bash",
        "COMP_WORDS": "triptych\ncount\n",
        "COMP_CWORD": "2",
    }
    made = program(keyed, "collections", "create", "cups", environment={"TRIPTYCH_API_KEY": KEY})
    assert made.returncode == 0, made.stderr
    presses = (
        program(keyed, environment={**environment, "TRIPTYCH_API_KEY": KEY}) for _ in "12345"
    )
    # A busy machine may be too late for a shell.
    done = next(done for done in presses if done.stdout.strip())
    assert (done.stdout.split(), done.stderr) == (["cups"], "")
    assert not program(keyed, environment=environment).stdout.strip()
    assert "TRIPTYCH_API_KEY" not in os.environ
