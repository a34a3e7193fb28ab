"""A Qdrant server of the test's own: killed while pictures come in, with a key, and with TLS."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.test_kill import ROUNDS, SEED, SOAK, START_LIMIT_S, Writer, check
from tests.e2e.test_start_and_stop import EX_CONFIG, start_and_fail
from tests.support.panels import draw_words
from tests.support.qdrant_server import RunningQdrant
from tests.support.server import RunningServer
from tests.support.waiting import wait_for
from triptych import Client, Unavailable

pytestmark = [pytest.mark.own_qdrant, pytest.mark.timeout(1800 if SOAK else 300)]


@pytest.mark.soak
def test_kill_qdrant_during_upserts(tmp_path: Path, note: Callable[[str], None]) -> None:
    """Every acknowledged item is there, and every refused batch was told to be sent again."""
    chance = random.Random(SEED + 2)
    picture = draw_words(["KILL"], width=128, height=128)
    with (
        RunningQdrant(tmp_path / "qdrant") as qdrant,
        RunningServer(tmp_path / "data", store=f"qdrant://127.0.0.1:{qdrant.port}") as server,
    ):
        with server.client() as client:
            client.create_collection("kill")
        writer = Writer(server.address, 0, picture)
        writer.start()
        assert writer.first_answer.wait(START_LIMIT_S)
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.05, 0.4))
            qdrant.kill()
            before = len(writer.acknowledged)
            qdrant.start()
            wait_for(lambda before=before: len(writer.acknowledged) > before)  # type: ignore[misc]
        writer.stopping.set()
        writer.join(20)
        assert not writer.is_alive()
        assert writer.errors
        assert all(isinstance(error, Unavailable) for error in writer.errors), writer.errors
        assert {error.reason for error in writer.errors} == {"STORE_UNAVAILABLE"}
        check(server, writer.acknowledged)
        with server.client() as client:
            some = sorted(writer.acknowledged)[:: max(1, len(writer.acknowledged) // 20)]
            for item_id in some:
                assert client.get_item_image("kill", item_id).data
        assert server.stop() == 0
        assert "Traceback" not in server.log
    note(f"{ROUNDS} kills, {len(writer.acknowledged)} items kept, {len(writer.errors)} refused")


def test_another_service_on_the_same_places_serves_the_same(tmp_path: Path) -> None:
    picture = draw_words(["SAME"], width=128, height=128)
    with RunningQdrant(tmp_path / "qdrant") as qdrant:
        store = f"qdrant://127.0.0.1:{qdrant.port}"
        pictures = f"folder:{tmp_path / 'pictures'}"
        with RunningServer(tmp_path / "one", store=store, pictures=pictures) as one:
            writer = Writer(one.address, 0, picture)
            with one.client() as client:
                client.create_collection("kill")
            writer.start()
            assert writer.first_answer.wait(START_LIMIT_S)
            one.kill()
            writer.stopping.set()
            writer.join(20)
        with RunningServer(tmp_path / "other", store=store, pictures=pictures) as other:
            check(other, writer.acknowledged)
            with other.client() as client:
                for item_id in writer.acknowledged:
                    assert client.get_item_image("kill", item_id).data


def test_the_key_has_to_be_the_servers(tmp_path: Path) -> None:
    with RunningQdrant(tmp_path / "qdrant", SERVICE__API_KEY="sesame") as qdrant:
        store = f"qdrant://127.0.0.1:{qdrant.port}"
        asked = {"store": store, "encoders": "tiny-clip", "pictures": f"folder:{tmp_path}"}
        for given in ({}, {"qdrant_api_key": "barley"}):
            code, said = start_and_fail(tmp_path, **asked, **given)
            assert code == EX_CONFIG
            assert f"{store}: Qdrant does not accept the API key, or wants one" in said
            assert "barley" not in said
        with RunningServer(tmp_path / "data", store=store, qdrant_api_key="sesame") as server:
            with server.client() as client:
                assert client.status().store.ready
                client.create_collection("locked")
            assert "unencrypted" in server.log
            assert "sesame" not in server.log


def test_tls_to_a_port_without_it_and_the_other_way_round(tmp_path: Path) -> None:
    """Neither ends the start, since both may be a server that is not up yet; the log says what."""
    certificate, key = _certificate(tmp_path)
    tls = {
        "SERVICE__ENABLE_TLS": "true",
        "TLS__CERT": str(certificate),
        "TLS__KEY": str(key),
        # Qdrant reads it where TLS is on, though nothing is asked of a client.
        "TLS__CA_CERT": str(certificate),
    }
    with (
        RunningQdrant(tmp_path / "plain") as plain,
        RunningQdrant(tmp_path / "tls", **tls) as secret,
    ):
        for scheme, port in (("qdrants", plain.port), ("qdrant", secret.port)):
            place = f"{scheme}://127.0.0.1:{port}"
            with RunningServer(tmp_path / scheme, store=place) as server:
                with server.client() as client:
                    assert not client.status().store.ready
                with Client(server.address, timeout=1) as hurried:
                    with pytest.raises(Unavailable) as caught:
                        hurried.get_collection("pictures")
                    assert caught.value.reason == "STORE_UNAVAILABLE"
                assert f"the store at {place} does not answer" in server.log
                assert "with TLS (qdrants://) where the server has it" in server.log
                assert server.stop() == 0
                assert "Traceback" not in server.log


def test_tls_with_a_certificate_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = _certificate(tmp_path)
    tls = {
        "SERVICE__ENABLE_TLS": "true",
        "TLS__CERT": str(certificate),
        "TLS__KEY": str(key),
        "TLS__CA_CERT": str(certificate),
        "SERVICE__API_KEY": "sesame",
    }
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", os.fspath(certificate))
    with RunningQdrant(tmp_path / "qdrant", **tls) as qdrant:
        store = f"qdrants://localhost:{qdrant.port}"
        with RunningServer(tmp_path / "data", store=store, qdrant_api_key="sesame") as server:
            with server.client() as client:
                assert client.status().store.ready
                client.create_collection("secret")
            assert "unencrypted" not in server.log


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that vouches for itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(
        [*command.split(), *names, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate, key
