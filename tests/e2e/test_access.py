"""API keys and TLS on a real port, with real PEM files, for every shape of call there is."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from tests.e2e.test_reflection import buf_curl
from tests.e2e.test_start_and_stop import EX_CONFIG, start_and_fail
from tests.support.certificates import Authority
from tests.support.children import DECODER, children, engine_pid
from tests.support.pictures import encoded, textless
from tests.support.server import RunningServer
from triptych import Client, TriptychError, Unavailable, make_item
from triptych.v1.item_service_pb2 import GetItemImageRequest
from triptych.v1.item_service_pb2_grpc import ItemServiceStub
from triptych.v1.status_service_pb2 import GetStatusRequest
from triptych.v1.status_service_pb2_grpc import StatusServiceStub

OLD, NEW, OF_FILE = "the-old-key-0123456789", "the-new-key-0123456789", "a-key-of-the-file-0123"
TEXT = "a valid API key is needed, in the header authorization: Bearer KEY"
Headers = tuple[tuple[str, str], ...]
WRONG: dict[str, Headers] = {
    "missing": (),
    "malformed": (("authorization", OLD),),
    "another scheme": (("authorization", f"Basic {OLD}"),),
    "wrong": (("authorization", "Bearer another-key-0123456789"),),
    "doubled": (("authorization", f"Bearer {OLD}"), ("authorization", f"Bearer {OLD}")),
}


def bearer(key: str) -> Headers:
    return (("authorization", f"Bearer {key}"),)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that wants a key, with three of them."""
    folder = tmp_path_factory.mktemp("keyed")
    (folder / "keys").write_text(f"# of the shop\n{OF_FILE}\n")
    settings = {"api_keys": f"{OLD}, {NEW}", "api_keys_file": str(folder / "keys")}
    with RunningServer(folder / "data", **settings) as server:
        yield server
        assert server.stop() == 0, server.log
        for key in (OLD, NEW, OF_FILE, "another-key"):
            assert key not in server.log


@pytest.fixture
def channel(keyed: RunningServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(keyed.address) as made:
        yield made


def unary(channel: grpc.Channel, headers: Headers) -> object:
    return StatusServiceStub(channel).GetStatus(GetStatusRequest(), metadata=headers, timeout=10)


def answers_stream(channel: grpc.Channel, headers: Headers) -> object:
    request = GetItemImageRequest(collection_id="kept", id="mug")
    return list(ItemServiceStub(channel).GetItemImage(request, metadata=headers, timeout=10))


def both_stream(channel: grpc.Channel, headers: Headers) -> object:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
    return list(stub.ServerReflectionInfo(iter(asked), metadata=headers, timeout=10))


def requests_stream(channel: grpc.Channel, headers: Headers) -> object:
    """A stream of requests that does not begin before the answer: the refusal waits for none."""
    answered = threading.Event()

    def later() -> Iterator[bytes]:
        answered.wait(30)
        yield b""

    method: Any = channel.stream_unary("/triptych.v1.ItemService/NoSuchMethod")
    try:
        return method(later(), metadata=headers, timeout=10)
    finally:
        answered.set()


def malformed(channel: grpc.Channel, headers: Headers) -> object:
    method: Any = channel.unary_unary("/triptych.v1.SearchService/Search")
    return method(b"\xff\xff\xff", metadata=headers, timeout=10)


def unknown(channel: grpc.Channel, headers: Headers) -> object:
    method: Any = channel.unary_unary("/triptych.v1.Nothing/Here")
    return method(b"", metadata=headers, timeout=10)


Call = Callable[[grpc.Channel, Headers], object]
CALLS: list[Call] = [unary, answers_stream, both_stream, requests_stream, malformed, unknown]


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("call", CALLS)
def test_without_a_key_nothing_is_answered(
    channel: grpc.Channel, call: Call, headers: Headers
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, headers)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert error.details() == TEXT
    status = rpc_status.from_call(error)
    assert status is not None
    [detail] = status.details
    info = error_details_pb2.ErrorInfo()
    assert detail.Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == ("API_KEY_INVALID", "triptych", {})


@pytest.mark.parametrize("key", [OLD, NEW, OF_FILE])
def test_every_key_opens_every_call(keyed: RunningServer, key: str) -> None:
    with Client(keyed.address, metadata=bearer(key)) as client:
        if "kept" not in [collection.id for collection in client.list_collections()]:
            client.create_collection("kept")
        picture = encoded(textless(1), "PNG")
        [outcome] = client.upsert("kept", [make_item("mug", image=picture)], ocr="skip")
        assert outcome.id == "mug"
        assert client.get_item_image("kept", "mug").data
    with grpc.insecure_channel(keyed.address) as channel:
        assert answers_stream(channel, bearer(key))
        assert both_stream(channel, bearer(key))
        for call, code in (
            (unknown, grpc.StatusCode.UNIMPLEMENTED),
            (malformed, grpc.StatusCode.INVALID_ARGUMENT),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                call(channel, bearer(key))
            error: Any = caught.value
            assert error.code() is code


def test_health_needs_no_key(channel: grpc.Channel) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status == serving
    watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=10)
    assert next(watch).status == serving
    watch.cancel()


def test_reflection_opens_with_the_key_in_a_header(keyed: RunningServer) -> None:
    url = f"http://{keyed.address}/triptych.v1.StatusService/GetStatus"
    shut = buf_curl(keyed, "grpc-v1", "-d", "{}", url)
    assert shut.returncode != 0
    header = f"authorization: Bearer {NEW}"
    done = buf_curl(keyed, "grpc-v1", "-H", header, "--reflect-header", header, "-d", "{}", url)
    assert done.returncode == 0, done.stderr


def test_a_refusal_is_logged_with_its_method(keyed: RunningServer) -> None:
    with grpc.insecure_channel(keyed.address) as channel, pytest.raises(grpc.RpcError):
        unknown(channel, WRONG["wrong"])
    assert "/triptych.v1.Nothing/Here UNAUTHENTICATED" in keyed.log
    assert "callers need an API key; keys known: 3" in keyed.log
    assert "unencrypted" not in keyed.log  # 127.0.0.1


@pytest.mark.parametrize("name", ["/a\nforged line/b", "/a/\x1b[31mred", "/" + "x" * 4000])
def test_a_name_that_is_no_methods_does_not_get_into_the_log(
    keyed: RunningServer, channel: grpc.Channel, name: str
) -> None:
    before = len(keyed.log)
    method: Any = channel.unary_unary(name)
    with pytest.raises(grpc.RpcError):
        method(b"", timeout=10)
    [line] = keyed.log[before:].splitlines()
    assert " (no method) UNAUTHENTICATED " in line


def test_processes_of_the_server_do_not_get_its_keys(keyed: RunningServer) -> None:
    for child in (engine_pid(keyed), *children(DECODER, keyed.process.pid)):
        assert b"TRIPTYCH_" not in Path(f"/proc/{child}/environ").read_bytes()


def health(address: str, **settings: str | Path) -> subprocess.CompletedProcess[str]:
    """The health command, told where the server listens and what it was started with."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    return subprocess.run(
        [sys.executable, "-m", "triptych_server.health", f"--listen={address}", *flags],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_health_command_needs_no_key(keyed: RunningServer) -> None:
    done = health(keyed.address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "SERVING\n", "")
    port = keyed.address.rpartition(":")[2]
    assert health(f"0.0.0.0:{port}").returncode == 0


def test_the_health_command_uses_no_proxy(
    keyed: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert health(keyed.address).stdout == "SERVING\n"


def test_the_health_command_where_nobody_listens() -> None:
    done = health("127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("no answer from 127.0.0.1:1: UNAVAILABLE")
    assert health("nowhere").returncode == EX_CONFIG


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "authority")


def test_tls_with_keys(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("tls", "DNS:search.example.org,DNS:localhost")
    settings = {"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)}
    with RunningServer(tmp_path / "data", listen="0.0.0.0:0", api_keys=NEW, **settings) as server:
        port = server.address.rpartition(":")[2]
        trusted = grpc.ssl_channel_credentials(authority.pair.certificate.read_bytes())
        with Client(f"localhost:{port}", credentials=trusted, metadata=bearer(NEW)) as client:
            assert client.status().version
        with (
            Client(f"localhost:{port}", credentials=trusted) as client,
            pytest.raises(TriptychError) as caught,
        ):
            client.status()
        assert caught.value.reason == "API_KEY_INVALID"
        for credentials in (None, grpc.ssl_channel_credentials()):
            with (
                Client(f"localhost:{port}", credentials=credentials) as client,
                pytest.raises(Unavailable),
            ):
                client.status()
        done = health(server.address, **settings)
        assert (done.returncode, done.stdout, done.stderr) == (0, "SERVING\n", "")
        assert server.stop() == 0
        assert "TLS for search.example.org, localhost, until 2099-01-01" in server.log
        assert "unencrypted" not in server.log
        assert NEW not in server.log


def test_clients_with_certificates(authority: Authority, tmp_path: Path) -> None:
    pair, mine = authority.issue("mtls", "DNS:localhost"), authority.issue("client")
    stranger = Authority(tmp_path / "stranger").issue("client")
    settings = {
        "tls_certificate": str(pair.certificate),
        "tls_key": str(pair.key),
        "tls_client_ca": str(authority.pair.certificate),
    }
    root = authority.pair.certificate.read_bytes()
    with RunningServer(tmp_path / "data", **settings) as server:
        target = f"localhost:{server.address.rpartition(':')[2]}"
        shown = grpc.ssl_channel_credentials(
            root, mine.key.read_bytes(), mine.certificate.read_bytes()
        )
        with Client(target, credentials=shown) as client:
            assert client.status().version
        for credentials in (
            grpc.ssl_channel_credentials(root),
            grpc.ssl_channel_credentials(
                root, stranger.key.read_bytes(), stranger.certificate.read_bytes()
            ),
        ):
            with Client(target, credentials=credentials) as client, pytest.raises(Unavailable):
                client.status()
        done = health(server.address, **settings)
        assert (done.returncode, done.stdout, done.stderr) == (0, "SERVING\n", "")
        assert server.stop() == 0


def test_files_that_are_no_start(authority: Authority, tmp_path: Path) -> None:
    expired = authority.issue("late", expired=True)
    code, said = start_and_fail(
        tmp_path, tls_certificate=str(expired.certificate), tls_key=str(expired.key)
    )
    assert code == EX_CONFIG
    assert said.startswith("triptych-server: TRIPTYCH_TLS_CERTIFICATE: clients refuse ")
    assert said.endswith("late.pem: certificate has expired\n")
    keys = tmp_path / "keys"
    keys.write_text("too-short")
    code, said = start_and_fail(tmp_path, api_keys_file=str(keys))
    assert code == EX_CONFIG
    assert f"TRIPTYCH_API_KEYS_FILE: line 1 of {keys} is no key" in said
    assert "too-short" not in said


def test_keys_without_tls_on_an_open_address_are_warned_of(tmp_path: Path) -> None:
    # The model that is not there ends the start, after the warning.
    code, said = start_and_fail(tmp_path, listen="0.0.0.0:0", api_keys=NEW)
    assert code == EX_CONFIG
    assert "API keys cross the network unencrypted: 0.0.0.0:0 is no loopback address" in said
    assert NEW not in said
