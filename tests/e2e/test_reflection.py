"""A caller without our files: lists, describes and calls through reflection."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo

from tests.support.server import RunningServer
from triptych import Client, make_item

BUF = Path(sys.executable).with_name("buf")
SERVICES = {
    "grpc.health.v1.Health",
    "triptych.v1.CollectionService",
    "triptych.v1.EncodeService",
    "triptych.v1.ItemService",
    "triptych.v1.SearchService",
    "triptych.v1.StatusService",
}


def buf_curl(server: RunningServer, protocol: str, *rest: str) -> subprocess.CompletedProcess[str]:
    """``buf curl`` over plaintext gRPC, with reflection of the given version."""
    head = [str(BUF), "curl", "--protocol", "grpc", "--http2-prior-knowledge"]
    return subprocess.run(
        [*head, "--reflect-protocol", protocol, *rest],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def collection(client: Client, new_id: Callable[[], str]) -> str:
    made = client.create_collection(new_id()).id
    captions = {"coffee": "a cup of coffee", "boat": "a sailing boat"}
    client.upsert(made, [make_item(name, caption=text) for name, text in captions.items()])
    return made


@pytest.mark.parametrize("protocol", ["grpc-v1", "grpc-v1alpha"])
def test_the_minimal_search_with_buf_curl(
    server: RunningServer, collection: str, protocol: str
) -> None:
    url = f"http://{server.address}/triptych.v1.SearchService/Search"
    request = {"collection_id": collection, "input": {"text": "a cup of coffee"}}
    done = buf_curl(server, protocol, "-d", json.dumps(request), url)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["hits"][0]["item"]["id"] == "coffee"
    legs = [leg["vectorName"] for leg in answer["legs"]]
    assert legs == ["image", "caption", "ocr", "terms"]


@pytest.mark.parametrize("protocol", ["grpc-v1", "grpc-v1alpha"])
def test_services_are_listed(server: RunningServer, protocol: str) -> None:
    done = buf_curl(server, protocol, "--list-services", f"http://{server.address}")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) >= SERVICES


def test_rich_errors_reach_a_shell(server: RunningServer) -> None:
    url = f"http://{server.address}/triptych.v1.SearchService/Search"
    done = buf_curl(server, "grpc-v1", "-d", '{"collection_id": "pictures"}', url)
    # buf's exit code is 8 × the code of gRPC: INVALID_ARGUMENT is 3.
    assert done.returncode == 24
    info, bad = ErrorInfo(), BadRequest()
    for detail in json.loads(done.stderr)["details"]:
        kind = {"google.rpc.ErrorInfo": info, "google.rpc.BadRequest": bad}[detail["type"]]
        kind.ParseFromString(base64.b64decode(detail["value"] + "=="))
    assert info.reason == "QUERY_EMPTY"
    assert [violation.field for violation in bad.field_violations] == ["input"]


def test_the_minimal_search_with_grpcurl(server: RunningServer, collection: str) -> None:
    grpcurl = shutil.which("grpcurl") or shutil.which("grpcurl", path=Path.home() / "go" / "bin")
    if grpcurl is None:
        pytest.skip("grpcurl is not on the PATH")
    request = {"collection_id": collection, "input": {"text": "a cup of coffee"}}
    done = subprocess.run(
        [
            grpcurl,
            "-plaintext",
            "-d",
            json.dumps(request),
            server.address,
            "triptych.v1.SearchService/Search",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hits"][0]["item"]["id"] == "coffee"


def test_reflection_can_be_switched_off(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", reflection="false") as server:
        done = buf_curl(server, "grpc-v1", "--list-services", f"http://{server.address}")
        assert done.returncode != 0
        with server.client() as client:
            assert client.status().version
        assert server.stop() == 0
