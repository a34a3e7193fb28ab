"""TLS between real certificates and a real server, and what is said where the two don't fit."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.client.both import EITHER, Kind, outcome
from tests.client.service import Service, gives, serving
from triptych import ArgumentError, Client, Tls, Unavailable
from triptych.v1.status_service_pb2 import GetStatusResponse

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: two authorities, and certificates of the first."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def pem(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def server(self, name: str, *, asks: bool = False) -> grpc.ServerCredentials:
        """Credentials of a server with this certificate, which may ask its clients for theirs."""
        pair = (self.pem(f"{name}.key"), self.pem(f"{name}.pem"))
        ca = self.pem("ca.pem") if asks else None
        return grpc.ssl_server_credentials([pair], ca, require_client_auth=asks)


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    for ca in ("ca", "other"):
        to = ("-subj", f"/CN={ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
        openssl(folder, "req", "-x509", *KEY, "-days", "2", *to)
    for name, names in {
        "here": "DNS:localhost,IP:127.0.0.1",
        "elsewhere": "DNS:search.example.org",
        "client": "DNS:client",
    }.items():
        to = ("-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(folder, "req", *KEY, *to)
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
        what = ("-in", f"{name}.csr", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        openssl(folder, "x509", "-req", *by, *what)
    encrypted = ("-aes256", "-passout", "pass:secret", "-in", "client.key", "-out", "locked.key")
    openssl(folder, "ec", *encrypted)
    return Certificates(folder)


@pytest.fixture
def secure(certificates: Certificates) -> Iterator[Service]:
    """A server with TLS, whose certificate is for this machine."""
    with serving(credentials=certificates.server("here")) as service:
        service.on("GetStatus", gives(GetStatusResponse(version="1")))
        yield service


async def version(kind: Kind, address: str, **options: Any) -> str:
    status = await outcome(kind, address, lambda client: client.status(), **options)
    return str(status.version)


@EITHER
async def test_an_own_ca(kind: Kind, secure: Service, certificates: Certificates) -> None:
    by_path = Tls(ca=certificates.path("ca.pem"))
    assert await version(kind, secure.address, tls=by_path) == "1"
    assert await version(kind, secure.address, tls=Tls(ca=certificates.pem("ca.pem"))) == "1"


@EITHER
async def test_the_authorities_of_this_machine(
    kind: Kind, secure: Service, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next test, with those that the machine really has, finds this server's CA missing."""
    monkeypatch.delenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.path("ca.pem")))
    assert await version(kind, secure.address, tls=True) == "1"


@EITHER
async def test_a_ca_that_is_not_trusted(
    kind: Kind, secure: Service, certificates: Certificates
) -> None:
    for tls in (True, Tls(ca=certificates.path("other.pem"))):
        with pytest.raises(Unavailable) as caught:
            await version(kind, secure.address, tls=tls)
        assert "its certificate is not trusted here" in caught.value.message
        assert "Tls(ca=...)" in caught.value.message


@EITHER
async def test_a_certificate_for_another_name(kind: Kind, certificates: Certificates) -> None:
    ca = certificates.path("ca.pem")
    with serving(credentials=certificates.server("elsewhere")) as service:
        service.on("GetStatus", gives(GetStatusResponse(version="1")))
        with pytest.raises(Unavailable, match=r"its certificate is for another name.*server_name"):
            await version(kind, service.address, tls=Tls(ca=ca))
        named = Tls(ca=ca, server_name="search.example.org")
        assert await version(kind, service.address, tls=named) == "1"


@EITHER
async def test_plaintext_to_a_server_with_tls(kind: Kind, secure: Service) -> None:
    with pytest.raises(Unavailable, match=r"with plaintext and not TLS \(tls=True\)\?"):
        await version(kind, secure.address, retries=0)


@EITHER
async def test_tls_to_a_server_with_plaintext(kind: Kind, service: Service) -> None:
    with pytest.raises(Unavailable, match=r"is it running, with TLS and not plaintext\?"):
        await version(kind, service.address, tls=True, retries=0)


@EITHER
async def test_a_server_that_asks_for_a_certificate(kind: Kind, certificates: Certificates) -> None:
    ca, certificate, key = map(certificates.path, ("ca.pem", "client.pem", "client.key"))
    with serving(credentials=certificates.server("here", asks=True)) as service:
        service.on("GetStatus", gives(GetStatusResponse(version="1")))
        shown = Tls(ca=ca, certificate=certificate, key=key.read_bytes())
        assert await version(kind, service.address, tls=shown) == "1"
        with pytest.raises(Unavailable, match=r"does it ask for a client certificate"):
            await version(kind, service.address, tls=Tls(ca=ca), retries=0)


def test_a_key_of_another_certificate(secure: Service, certificates: Certificates) -> None:
    wrong = Tls(
        ca=certificates.path("ca.pem"),
        certificate=certificates.path("client.pem"),
        key=certificates.path("here.key"),
    )
    with pytest.raises(Unavailable), Client(secure.address, tls=wrong, retries=0) as client:
        client.status()


def test_what_is_no_tls(certificates: Certificates, tmp_path: Path) -> None:
    pem, key = certificates.path("client.pem"), certificates.path("client.key")
    damaged = certificates.pem("ca.pem").replace(b"\nMII", b"\nAAA")
    for tls, words in (
        (Tls(ca=b"nonsense"), "tls.ca: is no PEM of that kind"),
        (Tls(ca=damaged), "tls.ca: holds a damaged certificate"),
        (Tls(ca="ca.pem"), "tls.ca: needs bytes or a pathlib.Path"),  # type: ignore[arg-type]
        (Tls(certificate=pem), "tls: needs certificate and key together"),
        (Tls(key=key), "tls: needs certificate and key together"),
        (Tls(certificate=key, key=pem), "tls.key: is no PEM of that kind"),
        (Tls(certificate=pem, key=certificates.path("locked.key")), "tls.key: is encrypted"),
        ("yes", "tls: needs a bool or a Tls"),
    ):
        with pytest.raises(ArgumentError) as caught:
            Client("search.example.org:50051", tls=tls)  # type: ignore[arg-type]
        assert words in caught.value.message
    with pytest.raises(FileNotFoundError):
        Client("search.example.org:50051", tls=Tls(ca=tmp_path / "ca.pem"))
    with pytest.raises(ArgumentError, match="give either tls or credentials"):
        Client("a:1", tls=True, credentials=grpc.ssl_channel_credentials())


def test_no_repr_shows_a_key(certificates: Certificates) -> None:
    tls = Tls(certificate=b"shown", key=certificates.pem("client.key"))
    assert "PRIVATE" not in repr(tls)
    assert repr(Client("a:1", tls=True)) == "Client('a:1', tls)"
