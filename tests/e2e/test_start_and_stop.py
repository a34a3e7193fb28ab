"""How the server starts, refuses to start, and stops."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.random_model import make_random_model
from tests.support.server import RunningServer, ServerDied
from triptych import Client, FailedPrecondition, VectorSpace, make_item

EX_CANTCREAT = 73
EX_CONFIG = 78


def start_and_fail(folder: Path, **settings: str) -> tuple[int, str]:
    """A start that is refused: its exit code and what it said."""
    code = os.environ.get("PYTHONPATH", "")  # of this checkout, where it is not the installed one
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": code}
    own = {"listen": "127.0.0.1:0", "store": f"embedded:{folder / 'data'}", "device": "cpu"}
    environment |= {f"TRIPTYCH_{k.upper()}": v for k, v in {**own, **settings}.items()}
    done = subprocess.run(
        [sys.executable, "-m", "triptych_server"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


def test_without_the_default_model_it_names_the_two_ways_out(tmp_path: Path) -> None:
    code, said = start_and_fail(tmp_path)
    assert code == EX_CONFIG
    assert "TRIPTYCH_ENCODERS=clip-vit-b-32=" in said
    assert "TRIPTYCH_ENCODERS=tiny-clip" in said


def test_cuda_that_is_not_there_is_no_start(tmp_path: Path) -> None:
    code, said = start_and_fail(tmp_path, encoders="tiny-clip", device="cuda")
    assert code == EX_CONFIG
    assert "CUDA" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", "nowhere"),
        ("store", "redis:x"),
        ("encoders", ""),
        ("device", "tpu"),
        ("threads", "many"),
        ("log_level", "LOUD"),
        ("max_queue", "0"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    settings = {"encoders": "tiny-clip"} | {name: value}
    code, said = start_and_fail(tmp_path, **settings)
    assert code == EX_CONFIG
    assert value in said or name in said.lower()


def test_a_folder_that_is_in_use(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as first:
        code, said = start_and_fail(
            tmp_path, store=f"embedded:{tmp_path / 'data'}", encoders="tiny-clip"
        )
        assert code == EX_CANTCREAT
        assert "in use" in said
        with first.client() as client:
            assert client.status().store.ready


def test_a_port_that_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, said = start_and_fail(tmp_path, listen=address, encoders="tiny-clip")
    assert code == EX_CANTCREAT
    assert f"can't listen on {address}: the address is in use\n" in said


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("192.0.2.1:50051", "this machine has no such address"),
        ("[2001:db8::1]:50051", "this machine has no such address"),
        ("no-such-host.invalid:50051", "no such host is known"),
    ],
)
def test_an_address_of_another_machine(tmp_path: Path, address: str, why: str) -> None:
    code, said = start_and_fail(tmp_path, listen=address, encoders="tiny-clip")
    assert code == EX_CANTCREAT
    assert f"can't listen on {address}: {why}\n" in said


@pytest.mark.parametrize("language", ["tlh", "eng+tlh"])
def test_an_ocr_language_that_is_not_installed(tmp_path: Path, language: str) -> None:
    """Asked for and not there: nothing would read pictures, and nobody would know."""
    code, said = start_and_fail(tmp_path, ocr_language=language, encoders="tiny-clip")
    assert code == EX_CONFIG
    assert f"TRIPTYCH_OCR_LANGUAGE={language}: language not installed (got tlh, allowed " in said


def test_an_ocr_engine_that_can_not_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tesserocr.py").write_text("raise ImportError('made for another system')")
    code = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{code}")
    status, said = start_and_fail(tmp_path, ocr_engine="tesserocr", encoders="tiny-clip")
    assert status == EX_CONFIG
    assert "TRIPTYCH_OCR_ENGINE=tesserocr: " in said
    assert ": tesserocr can't be loaded: made for another system; or let it be auto\n" in said


def test_too_little_memory_for_a_decoder(tmp_path: Path) -> None:
    code, said = start_and_fail(tmp_path, decode_memory_bytes="9000000", encoders="tiny-clip")
    assert code == EX_CONFIG
    assert "9000000 bytes" in said


def test_a_model_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ServerDied, match="model"):
        RunningServer(tmp_path / "data", encoders=f"broken={tmp_path}")


def test_sigterm_with_a_watch_open(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", grace_seconds="1") as server:
        with grpc.insecure_channel(server.address) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=30)
            states = health_pb2.HealthCheckResponse
            assert next(watch).status == states.SERVING
            assert server.stop() == 0
            assert next(watch).status == states.NOT_SERVING
        assert "Traceback" not in server.log


def test_another_model_goes_through_the_same_road(
    tmp_path: Path, new_id: Callable[[], str]
) -> None:
    """Other dimension, image size, context length and tokenizer; the default is the first."""
    folder = make_random_model(tmp_path / "model", dimension=24, image_size=48, context_length=9)
    with (
        RunningServer(tmp_path / "data", encoders=f"other={folder}, tiny-clip") as server,
        server.client() as client,
    ):
        encoders = client.status().encoders
        assert [e.id for e in encoders] == ["other", "tiny-clip"]
        assert encoders[0].dimension == 24
        assert {e.execution_provider for e in encoders} == {"CPUExecutionProvider"}
        assert _space(client, new_id(), "").encoder_id == "other"
        assert _space(client, new_id(), "tiny-clip").dimension == encoders[1].dimension
        made = client.encode(texts=["word " * 40], encoder_id="other").embeddings[0]
        assert len(made.vector.values) == 24
        assert made.tokens.tokens_used == 9
        assert made.tokens.truncated
        assert server.stop() == 0


def test_a_collection_of_another_model_is_refused(tmp_path: Path) -> None:
    """Vectors of one model are never asked with those of another."""
    one = make_random_model(tmp_path / "one", seed=1)
    two = make_random_model(tmp_path / "two", seed=2)
    with RunningServer(tmp_path / "data", encoders=f"mine={one}") as server:
        with server.client() as client:
            client.create_collection("kept")
            client.upsert("kept", [make_item("a", caption="some words")])
        assert server.stop() == 0
    with RunningServer(tmp_path / "data", encoders=f"mine={two}") as server:
        with server.client() as client:
            for call in (
                lambda: client.search("kept", text="words"),
                lambda: client.upsert("kept", [make_item("b", caption="words")]),
            ):
                with pytest.raises(FailedPrecondition) as caught:
                    call()
                assert caught.value.reason == "MODEL_MISMATCH"
            assert client.get_item("kept", "a").caption == "some words"
        assert server.stop() == 0
    with (
        RunningServer(tmp_path / "data", encoders="tiny-clip") as server,
        server.client() as client,
    ):
        with pytest.raises(FailedPrecondition) as caught:
            client.search("kept", text="words", weights={"caption": 1})
        assert caught.value.reason == "ENCODER_UNKNOWN"


def _space(client: Client, collection: str, encoder: str) -> VectorSpace:
    made = client.create_collection(collection, default_encoder_id=encoder)
    return made.vector_spaces[0]
