"""TLS to the server: whom a client trusts, and how it shows who it is itself."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from triptych._texts import checked_text
from triptych.errors import argument_error

__all__ = ["Tls"]

_ROOTS_VARIABLE = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"


@dataclass(frozen=True, slots=True)
class Tls:
    """How a client speaks TLS; `Client(target, tls=True)` is short for `tls=Tls()`.

    PEM is given as bytes, or as the path of a file, which is read when the client is made.

    Attributes:
        ca: the authorities whose certificates are trusted. Without any: the file that
            `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH` or `SSL_CERT_FILE` names, else the machine's own
            authorities, else those that gRPC brings with it.
        certificate: this client's own certificate, its chain behind it, for a server that asks for
            one (mTLS); with it the key.
        key: the private key of `certificate`, not encrypted. It is in no repr.
        server_name: the name that the server's certificate has to carry, where that is not the
            host of the target; an address in a private network, say.

    >>> from triptych import Client, Tls
    >>> client = Client("search.internal:50051", tls=Tls(server_name="search.example.org"))
    >>> client
    Client('search.internal:50051', tls)
    """

    ca: bytes | Path | None = None
    certificate: bytes | Path | None = None
    key: bytes | Path | None = field(default=None, repr=False)
    server_name: str = ""

    def credentials(self) -> grpc.ChannelCredentials:
        """The same for gRPC.

        Raises:
            ArgumentError: what is given is no PEM, a certificate without its key or the other way
                round, an encrypted key (FIELD_INVALID).
            OSError: a file can't be read.
        """
        checked_text(self.server_name, "tls.server_name")
        if (self.certificate is None) != (self.key is None):
            raise argument_error(
                "tls", "FIELD_INVALID", "needs certificate and key together, or neither"
            )
        key = _pem(self.key, "tls.key", "PRIVATE KEY-----")
        if key is not None and b"ENCRYPTED" in key:
            raise argument_error("tls.key", "FIELD_INVALID", "is encrypted, which gRPC can't read")
        ca = _pem(self.ca, "tls.ca", "-----BEGIN CERTIFICATE-----")
        if ca is None:
            ca = _roots_of_this_machine()
        else:
            _check_authorities(ca)
        certificate = _pem(self.certificate, "tls.certificate", "-----BEGIN CERTIFICATE-----")
        return grpc.ssl_channel_credentials(ca, key, certificate)


def _pem(given: bytes | Path | None, name: str, mark: str) -> bytes | None:
    """The bytes of PEM; no error shows any of them, since they may be a key in the wrong place."""
    if given is None:
        return None
    if not isinstance(given, bytes | Path):
        raise argument_error(
            name, "FIELD_INVALID", "needs bytes or a pathlib.Path", got=type(given).__name__
        )
    found = given if isinstance(given, bytes) else given.read_bytes()
    if mark.encode() not in found:
        raise argument_error(name, "FIELD_INVALID", "is no PEM of that kind", allowed=mark)
    return found


def _check_authorities(ca: bytes) -> None:
    # gRPC itself would find this with the first call only, and say nothing of use.
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ca.decode("latin-1"))
    except (ssl.SSLError, ValueError):
        raise argument_error("tls.ca", "FIELD_INVALID", "holds a damaged certificate") from None


def _roots_of_this_machine() -> bytes | None:
    """What other programs of this machine trust; None leaves it to gRPC."""
    if os.environ.get(_ROOTS_VARIABLE):
        return None  # gRPC reads it
    import ssl

    file = ssl.get_default_verify_paths().cafile
    return None if file is None else Path(file).read_bytes()
