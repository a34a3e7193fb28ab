"""Who may reach the service, read from files before anything listens: PEM files and API keys."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc

from triptych_server.domain.api_keys import RULE, first_bad_line


class AccessProblem(Exception):
    """A file that can't be used; the text is for the operator and begins with the setting."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files that a server can show to its clients, as they were when they were read.

    ``names`` are the host names and addresses that the certificate is for; ``client_ca`` is set
    where every client has to show a certificate of its own.
    """

    certificate: bytes
    key: bytes
    client_ca: bytes | None
    names: tuple[str, ...]
    valid_until: datetime

    def credentials(self) -> grpc.ServerCredentials:
        """What gRPC listens with."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)],
            root_certificates=self.client_ca,
            require_client_auth=self.client_ca is not None,
        )


def read_tls(certificate: Path, key: Path, client_ca: Path | None) -> Tls:
    """The PEM files, tried out: a certificate that clients would refuse is no start.

    Raises AccessProblem for a file that can't be read or is no PEM file of its kind, a key that
    does not belong to the certificate, and a certificate that has expired or is for another use.
    """
    pem = _read(certificate, "TRIPTYCH_TLS_CERTIFICATE")
    secret = _read(key, "TRIPTYCH_TLS_KEY")
    seen = _shown_to_a_client(certificate, key, pem)
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(seen["notAfter"])), UTC)
    names = names_of(seen)
    roots = None
    if client_ca is not None:
        roots = _read(client_ca, "TRIPTYCH_TLS_CLIENT_CA")
        _check_ca(roots)
    return Tls(pem, secret, roots, names, until)


def read_api_keys(file: Path) -> tuple[str, ...]:
    """The keys of a file, one a line; empty lines and those that begin with # do not count.

    Raises AccessProblem where it can't be read, holds none, or holds a line that is no key. The
    text names the line and never repeats it.
    """
    setting = "TRIPTYCH_API_KEYS_FILE"
    try:
        text = _read(file, setting).decode()
    except UnicodeDecodeError:
        raise AccessProblem(f"{setting}: {file} is no text") from None
    lines = [line.strip() for line in text.splitlines()]
    lines = ["" if line.startswith("#") else line for line in lines]
    bad = first_bad_line(lines)
    if bad is not None:
        raise AccessProblem(f"{setting}: line {bad} of {file} is no key, which needs {RULE}")
    if not any(lines):
        raise AccessProblem(f"{setting}: {file} holds no key; without keys, leave the setting out")
    return tuple(line for line in lines if line)


def trusting(certificates: str) -> ssl.SSLContext:
    """A client's context that trusts just these certificates (PEM), and asks for no name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # The server's own certificate is trusted itself, whoever has signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificates)
    return context


def names_of(certificate: dict[str, object]) -> tuple[str, ...]:
    """The names that a certificate, as ``getpeercert`` gives it, is for."""
    return tuple(_names(certificate))


def _names(certificate: dict[str, object]) -> Iterator[str]:
    alternatives = certificate.get("subjectAltName", ())
    assert isinstance(alternatives, tuple)
    yield from (value for kind, value in alternatives if kind in ("DNS", "IP Address"))
    if not alternatives:
        subject = certificate.get("subject", ())
        assert isinstance(subject, tuple)
        yield from (value for part in subject for kind, value in part if kind == "commonName")


def _read(file: Path, setting: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise AccessProblem(f"{setting}: {file} can't be read ({error.strerror})") from None


def _shown_to_a_client(certificate: Path, key: Path, pem: bytes) -> dict[str, object]:
    """What a client gets to see: a handshake in memory, with a client that trusts it."""
    setting = "TRIPTYCH_TLS_CERTIFICATE"
    try:
        client = trusting(pem.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError):
        raise AccessProblem(f"{setting}: {certificate} holds no certificate in PEM") from None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password of ours OpenSSL would ask the terminal for one.
        server.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            what = f"{key} is not the key of {certificate}"
        else:
            what = f"{key} holds no private key in PEM, without a password"
        raise AccessProblem(f"TRIPTYCH_TLS_KEY: {what}") from None
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = client.wrap_bio(down, up)
    here = server.wrap_bio(up, down, server_side=True)
    try:
        while not _done(there):
            _done(here)
    except ssl.SSLCertVerificationError as error:
        what = f"clients refuse {certificate}: {error.verify_message}"
        raise AccessProblem(f"{setting}: {what}") from None
    except ssl.SSLError as error:
        raise AccessProblem(f"{setting}: no TLS with {certificate} ({error.reason})") from None
    seen = there.getpeercert()
    assert seen, "a verified certificate is there"
    return dict(seen)


def _done(side: ssl.SSLObject) -> bool:
    """One step of a handshake; whether it was the last."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _check_ca(pem: bytes) -> None:
    setting = "TRIPTYCH_TLS_CLIENT_CA"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError):
        raise AccessProblem(f"{setting}: holds no certificate in PEM") from None
    authorities = context.get_ca_certs()
    if not authorities:
        raise AccessProblem(f"{setting}: holds no certificate of an authority (CA)")
    now = datetime.now(UTC).timestamp()
    if all(ssl.cert_time_to_seconds(str(each["notAfter"])) < now for each in authorities):
        raise AccessProblem(f"{setting}: certificate has expired")
