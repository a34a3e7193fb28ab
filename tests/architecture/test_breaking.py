"""The check for breaking changes, on small repositories with a history of their own."""

import subprocess
from pathlib import Path

import pytest

from tools.proto import breaking

BUF = "version: v2\nmodules: [{path: proto}]\nbreaking: {use: [WIRE_JSON]}\n"
PROTO = 'syntax = "proto3";\npackage a.v1;\nmessage A {\n  string id = 1;\n}\n'
WIDER = PROTO.replace("= 1;", "= 1;\n  string name = 2;")
BROKEN = PROTO.replace("id = 1", "key = 1")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--initial-branch=main")
    (tmp_path / "buf.yaml").write_text(BUF)
    (tmp_path / "proto" / "a" / "v1").mkdir(parents=True)
    return tmp_path


def git(root: Path, *arguments: str) -> str:
    author = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false"]
    return subprocess.check_output(["git", *author, *arguments], cwd=root, text=True).strip()


def write(root: Path, proto: str) -> None:
    (root / "proto" / "a" / "v1" / "a.proto").write_text(proto)


def commit(root: Path, message: str) -> str:
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--allow-empty", f"--message={message}")
    return git(root, "rev-parse", "HEAD")


def test_nothing_is_compared_before_the_first_commit_of_the_contract(root: Path) -> None:
    write(root, PROTO)
    assert breaking.baseline(root) is None
    commit(root, "contract")
    assert breaking.baseline(root) is None


def test_a_break_is_found_before_and_after_it_is_committed(root: Path) -> None:
    write(root, PROTO)
    first = commit(root, "contract")
    write(root, BROKEN)
    assert breaking.baseline(root) == first
    assert 'name from "id" to "key"' in breaking.breaks(root, first)
    commit(root, "break")
    commit(root, "something else")
    assert breaking.baseline(root) == first


def test_an_addition_breaks_nothing(root: Path) -> None:
    write(root, PROTO)
    first = commit(root, "contract")
    write(root, WIDER)
    assert breaking.baseline(root) == first
    assert breaking.breaks(root, first) == ""


def test_a_branch_is_compared_with_what_it_shares_with_main(root: Path) -> None:
    write(root, PROTO)
    first = commit(root, "contract")
    git(root, "switch", "--quiet", "--create", "feature")
    write(root, WIDER)
    commit(root, "wider")
    write(root, BROKEN)
    assert breaking.baseline(root) == first


def test_a_break_that_is_owned_up_to_starts_anew(root: Path) -> None:
    write(root, PROTO)
    commit(root, "contract")
    write(root, BROKEN)
    second = commit(root, "break\n\nBreaks-Contract: never released")
    assert breaking.baseline(root) is None
    write(root, PROTO)
    assert breaking.baseline(root) == second
