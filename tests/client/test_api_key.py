"""The API key: sent with every call, shown nowhere, and not sent where others could read it."""

import logging
import socket
import threading
import traceback

import grpc
import pytest

from tests.client.both import EITHER, Kind, outcome
from tests.client.service import Service, aborts
from triptych import ArgumentError, AsyncClient, Client, TriptychError, Unauthenticated
from triptych._api_key import is_loopback

KEY = "s3cret-s3cret-s3cret=="


@EITHER
async def test_the_key_is_sent_with_every_call(kind: Kind, service: Service) -> None:
    options = {"api_key": KEY, "metadata": [("x-team", "search")]}
    await outcome(kind, service.address, lambda client: client.status(), **options)
    await outcome(kind, service.address, lambda client: client.count_items("p"), **options)
    assert len(service.calls) == 2
    for call in service.calls:
        assert call.metadata["authorization"] == f"Bearer {KEY}"
        assert call.metadata["x-team"] == "search"


@EITHER
async def test_a_refused_key(kind: Kind, service: Service) -> None:
    service.on("GetStatus", aborts(grpc.StatusCode.UNAUTHENTICATED, "no key"))
    with pytest.raises(Unauthenticated, match="no key"):
        await outcome(kind, service.address, lambda client: client.status())
    assert len(service.calls) == 1


@EITHER
async def test_nothing_shows_the_key(
    kind: Kind, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.on("GetStatus", aborts(grpc.StatusCode.INTERNAL, "boom"))
    with pytest.raises(TriptychError) as caught:
        await outcome(kind, service.address, lambda client: client.status(), api_key=KEY)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(told.format())
    assert "metadata" in text
    # What the test itself holds is its own affair.
    of_client = [frame for frame in told.stack if "client/triptych" in frame.filename]
    assert of_client
    for frame in of_client:
        assert KEY not in str(frame.locals)
    made = Client(service.address, api_key=KEY)
    for shown in (repr(made), repr(vars(made)), repr(vars(made._connection)), caplog.text):
        assert KEY not in shown
    made.close()


@pytest.mark.parametrize("key", ["", "two words", "new\nline", "schlüssel", "===", 7])
def test_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(ArgumentError, match="api_key: is none that a header can carry") as caught:
        Client(api_key=key)
    assert not key or str(key) not in caught.value.message


def test_a_second_authorization() -> None:
    with pytest.raises(ArgumentError, match="metadata has an authorization already"):
        Client(api_key=KEY, metadata=[("Authorization", "Bearer other")])


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_key_does_not_go_to_others_in_plaintext(kind: type[Client | AsyncClient]) -> None:
    with pytest.raises(
        ArgumentError, match="use tls, or allow it with plaintext_api_key"
    ) as caught:
        kind("search.example.org:50051", api_key=KEY)
    assert KEY not in caught.value.message
    for allowed in (
        kind("search.example.org:50051", api_key=KEY, tls=True),
        kind("search.example.org:50051", api_key=KEY, plaintext_api_key=True),
        kind("localhost:50051", api_key=KEY),
    ):
        assert repr(allowed) in (
            f"{kind.__name__}('search.example.org:50051', tls)",
            f"{kind.__name__}('search.example.org:50051', plaintext)",
            f"{kind.__name__}('localhost:50051', plaintext)",
        )


@pytest.mark.parametrize(
    ("target", "here"),
    [
        ("localhost", True),
        ("localhost:50051", True),
        ("127.0.0.1:1", True),
        ("127.8.7.6:1", True),
        ("[::1]:50051", True),
        ("dns:localhost:1", True),
        ("dns:///127.0.0.1:1", True),
        ("ipv4:127.0.0.1:1,127.0.0.2:1", True),
        ("ipv6:[::1]:1", True),
        ("unix:/run/triptych.sock", True),
        ("unix-abstract:triptych", True),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False),
        ("0.0.0.0:1", False),
        ("localhost.example.org:1", False),
        ("127.0.0.1.example.org:1", False),
        ("dns://127.0.0.1/example.org:1", False),
        ("xds:///localhost:1", False),
        ("::1", False),
        ("10.0.0.1:1", False),
        ("search.internal:50051", False),
    ],
)
def test_what_stays_on_this_machine(target: str, here: bool) -> None:
    assert is_loopback(target) is here


def test_a_proxy_of_the_environment_does_not_get_the_key(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC asks `http_proxy` for any target, this machine among them."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        asked = threading.Event()

        def listen() -> None:
            try:
                connection, _ = proxy.accept()
            except OSError:
                return
            asked.set()
            connection.close()

        threading.Thread(target=listen, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_grpc_proxy", raising=False)
        with Client(service.address, api_key=KEY) as client:
            client.status()
        assert not asked.is_set()
        with Client(service.address, retries=0) as client, pytest.raises(TriptychError):
            client.status(timeout=5)
        assert asked.is_set(), "without a key gRPC does as the environment says"
