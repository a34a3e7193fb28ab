"""The programs of examples/: copied, built, run, and held to what the Python client is told."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.support.server import RunningServer
from triptych import VectorScore, make_item
from triptych.v1.search_service_pb2 import QueryInput, SearchRequest
from triptych.v1.search_service_pb2_grpc import SearchServiceStub

ROOT = Path(__file__).parents[2]
BUF = ROOT / ".venv" / "bin" / "buf"
_FIGURE = re.compile(r"-?\d+\.\d{3}")
# Fetching packages may take this long before the tests do without.
FETCH_LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class Program:
    """A built program. All take ``--server``, ``--collection``, ``--limit`` and the words."""

    command: Sequence[Path | str]

    def __call__(
        self, server: RunningServer, collection: str, limit: int, words: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it against the server."""
        options = [f"--server={server.address}", f"--collection={collection}", f"--limit={limit}"]
        return subprocess.run(
            [*self.command, *options, words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def copied(name: str, folder: Path) -> Path:
    """A copy of examples/NAME without what was built in it."""
    built = shutil.ignore_patterns("gen", "dist", "node_modules")
    return Path(shutil.copytree(ROOT / "examples" / name, folder / name, ignore=built))


def fetch(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, defects: Sequence[str]
) -> None:
    """Fetch packages; where that can't be had the test is skipped.

    It fails where the tool says one of ``defects``: then the fault is in the example.
    """
    tool = command[0]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=FETCH_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"needs packages for {tool}: not fetched within {FETCH_LIMIT_S} s")
    if done.returncode:
        assert not any(defect in done.stderr for defect in defects), done.stderr
        pytest.skip(f"needs packages for {tool}: {' '.join(done.stderr.split())[-200:]}")


def run(command: Sequence[Path | str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a step of the build; it has to succeed."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def check_hits(program: Program, server: RunningServer, collection: str) -> None:
    """It prints the hits that Python gets: rank, id and score, and what each vector adds."""
    captions = {"mug": "a cup of coffee", "boat": "a sailing boat at sea", "tea": "a pot of tea"}
    words = "a cup of something to drink"
    with server.client() as client:
        client.create_collection(collection)
        client.upsert(collection, [make_item(id_, caption=text) for id_, text in captions.items()])
        answer = client.search(collection, text=words, limit=2)
    lines: list[str] = []
    for hit in answer.hits:
        lines.append(f"{hit.rank}. {hit.item.id}  {hit.score:.3f}")
        for leg, score in zip(answer.legs, hit.vector_scores, strict=True):
            if score.state == VectorScore.STATE_SCORED:
                added = f"{score.similarity:.3f} +{score.contribution:.3f}"
                lines.append(f"   {leg.vector_name}: {added}")
    assert len(lines) > 4
    done = program(server, collection, 2, words)
    assert (done.returncode, done.stderr) == (0, "")
    # Languages differ in how they round what lies just between two figures.
    printed = done.stdout.splitlines()
    assert [_FIGURE.sub("#", line) for line in printed] == [_FIGURE.sub("#", x) for x in lines]
    figures = [[float(x) for x in _FIGURE.findall("\n".join(text))] for text in (printed, lines)]
    assert figures[0] == pytest.approx(figures[1], abs=0.0011)


def check_refusals(program: Program, server: RunningServer, collection: str) -> None:
    """It reads the reason of an error, and every field that was wrong, as Python does."""
    done = program(server, collection, -1, "")
    request = SearchRequest(collection_id=collection, input=QueryInput(text=""), limit=-1)
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as refused:
        SearchServiceStub(channel).Search(request, timeout=20)
    status: Any = rpc_status.from_call(cast(grpc.Call, refused.value))
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert [d.Unpack(m) for d, m in zip(status.details, (info, bad), strict=False)] == [True, True]
    assert len(bad.field_violations) > 1
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"InvalidArgument: {status.message}",
        f"reason: {info.reason}",
        *(f"{v.field}: {v.description} ({v.reason})" for v in bad.field_violations),
    ]
    absent = program(server, "no-such", 5, "a cup")
    assert (absent.returncode, absent.stdout) == (1, "")
    first, *rest = absent.stderr.splitlines()
    assert first.startswith("NotFound: collection_id: ")
    assert rest == ["reason: COLLECTION_NOT_FOUND"]
