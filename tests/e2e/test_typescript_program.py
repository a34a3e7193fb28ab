"""The TypeScript program of examples/typescript, built from the contract as it is and run against
a real server."""

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

pytestmark = pytest.mark.timeout(300)
# There is no such version, or two that do not fit: what package.json asks for is wrong.
DEFECTS = ("ETARGET", "ERESOLVE", "EJSONPARSE")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program; without Node, or without its packages, there is none."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs Node: there is no {tool} on the PATH")
    folder = copied("typescript", tmp_path_factory.mktemp("typescript"))
    environment = dict(os.environ)
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--engine-strict", "--fetch-retries=1"]
    fetch(["npm", "install", *quiet], folder, environment, defects=DEFECTS)
    contract = [ROOT / "proto" / "triptych", ROOT / "third_party" / "google" / "rpc"]
    paths = [part for path in contract for part in ("--path", path)]
    run([BUF, "generate", ROOT, *paths], folder, environment)
    run([folder / "node_modules" / ".bin" / "tsc"], folder, environment)
    return Program(["node", folder / "dist" / "search.js"])


def test_it_prints_the_hits(
    program: Program, server: RunningServer, new_id: Callable[[], str]
) -> None:
    check_hits(program, server, new_id())


def test_it_reads_what_was_wrong(
    program: Program, server: RunningServer, new_id: Callable[[], str]
) -> None:
    check_refusals(program, server, new_id())
