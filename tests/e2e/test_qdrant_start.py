"""How a server on a Qdrant server starts, refuses to start, and follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.e2e.test_start_and_stop import EX_CONFIG, start_and_fail
from tests.support.faulty_qdrant import Fault, FaultyQdrant
from tests.support.server import RunningServer
from tests.support.waiting import wait_for
from triptych import Client, FailedPrecondition, HnswConfig, StorageSettings, Unavailable

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def test_too_old_a_server_is_no_start(tmp_path: Path) -> None:
    with FaultyQdrant(version="1.15.4") as qdrant:
        place = f"127.0.0.1:{qdrant.port}"
        code, said = start_and_fail(
            tmp_path, store=f"qdrant://{place}", encoders="tiny-clip", pictures=f"folder:{tmp_path}"
        )
    assert code == EX_CONFIG
    assert (
        f"the store in qdrant://{place}: Qdrant is too old (got 1.15.4, allowed 1.16 or newer)"
        in said
    )


def test_a_key_that_is_refused_is_no_start_and_not_shown(tmp_path: Path) -> None:
    with FaultyQdrant() as qdrant:
        qdrant.faults = {"Collections/List": Fault(grpc.StatusCode.UNAUTHENTICATED)}
        code, said = start_and_fail(
            tmp_path,
            store=f"qdrant://127.0.0.1:{qdrant.port}",
            pictures=f"folder:{tmp_path}",
            encoders="tiny-clip",
            qdrant_api_key="sesame",
        )
    assert code == EX_CONFIG
    assert "API key" in said
    assert "sesame" not in said


@pytest.mark.parametrize("store", ["qdrant://sesame@host:6334", "qdrant://host?api-key=sesame"])
def test_a_key_in_the_address_is_not_shown(tmp_path: Path, store: str) -> None:
    code, said = start_and_fail(tmp_path, store=store, encoders="tiny-clip")
    assert code == EX_CONFIG
    assert "TRIPTYCH_STORE" in said
    assert "sesame" not in said


def test_it_starts_without_its_qdrant_and_serves_once_that_is_there(tmp_path: Path) -> None:
    with FaultyQdrant() as found:
        port = found.port
    with (
        RunningServer(tmp_path / "data", store=f"qdrant://127.0.0.1:{port}") as server,
        server.client() as client,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)

        def health() -> int:
            status: int = stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status
            return status

        assert health() == NOT_SERVING
        store = client.status().store
        assert (store.kind, store.engine_version, store.ready) == ("qdrant", "", False)
        with Client(server.address, timeout=1) as hurried, pytest.raises(Unavailable) as caught:
            hurried.get_collection("pictures")
        assert caught.value.reason == "STORE_UNAVAILABLE"
        with FaultyQdrant(port, version="1.18.3"):
            wait_for(lambda: health() == SERVING)
            store = client.status().store
            assert (store.engine_version, store.ready) == ("1.18.3", True)
        wait_for(lambda: health() == NOT_SERVING)
        assert server.stop() == 0
        assert "Traceback" not in server.log


def test_the_embedded_engine_refuses_what_it_cannot_do(client: Client) -> None:
    storage = StorageSettings(shard_number=2, hnsw_config=HnswConfig(m=0))
    with pytest.raises(FailedPrecondition) as caught:
        client.create_collection("sharded", storage=storage)
    assert caught.value.reason == "STORAGE_UNSUPPORTED"
    assert "storage.shard_number, storage.hnsw_config.m" in str(caught.value)
    assert "sharded" not in {found.id for found in client.list_collections()}
