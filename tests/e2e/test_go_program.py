"""The Go program of examples/go, built from the contract as it is and run against a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

from tests.support.other_languages import (
    BUF,
    ROOT,
    Program,
    check_hits,
    check_refusals,
    copied,
    fetch,
    run,
)
from tests.support.server import RunningServer

pytestmark = pytest.mark.timeout(300)  # the first build compiles gRPC and protobuf


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program; without Go, or without its modules, there is none."""
    if shutil.which("go") is None:
        pytest.skip("needs Go: there is no go on the PATH")
    folder = copied("go", tmp_path_factory.mktemp("go"))
    # An older Go would fetch a newer one; a go.sum that lacks a line would be mended.
    own = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}
    environment = {**os.environ, **own}
    fetch(["go", "mod", "download"], folder, environment, defects=["checksum mismatch"])
    run([BUF, "generate", ROOT, "--path", ROOT / "proto" / "triptych"], folder, environment)
    run(["go", "vet", "."], folder, environment)
    run(["go", "build", "-o", "search", "."], folder, environment)
    return Program([folder / "search"])


def test_it_prints_the_hits(
    program: Program, server: RunningServer, new_id: Callable[[], str]
) -> None:
    check_hits(program, server, new_id())


def test_it_reads_what_was_wrong(
    program: Program, server: RunningServer, new_id: Callable[[], str]
) -> None:
    check_refusals(program, server, new_id())
