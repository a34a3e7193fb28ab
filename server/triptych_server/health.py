"""``python -m triptych_server.health``: whether the server of these settings is ready.

For a container's health check: reads the same variables and flags as the server, calls
grpc.health.v1 on this machine, and needs no API key. Exits 0 where the server is SERVING, 1 where
it is not or can't be reached (with a line that says why), 78 where the settings can't be used.

With TLS it trusts the certificate that the server shows, as long as that has not expired: it looks
at its own machine and sends nothing that is secret. Where clients need a certificate it shows the
server's own, so that has to be one that TRIPTYCH_TLS_CLIENT_CA accepts.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
from collections.abc import Sequence
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from triptych_server.read_settings import SettingsProblem, read_settings
from triptych_server.rpc.access import names_of, trusting
from triptych_server.settings import Settings

TIMEOUT_S = 4.0
EX_CONFIG = 78
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - compared, not bound


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask once; the exit code."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        settings = read_settings(sys.argv[1:] if arguments is None else arguments)
    except SettingsProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return EX_CONFIG
    try:
        state = ask(settings)
    except grpc.RpcError as error:
        told = f"{error.code().name}: {error.details()}" if isinstance(error, grpc.Call) else ""
        sys.stderr.write(f"no answer from {_address(settings)}: {told}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"no answer from {_address(settings)}: {error}\n")
        return 1
    sys.stdout.write(f"{state}\n")
    return 0 if state == "SERVING" else 1


def ask(settings: Settings) -> str:
    """The state of the server as a whole: SERVING, NOT_SERVING, SERVICE_UNKNOWN or UNKNOWN.

    Raises grpc.RpcError, and OSError where no connection comes about or a file can't be read.
    """
    with _channel(settings) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # has no types
        answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        name: str = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        return name


def _channel(settings: Settings) -> grpc.Channel:
    address = _address(settings)
    # It is this machine that is asked, whatever proxy the environment names.
    options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0)]
    if settings.tls_certificate is None or settings.tls_key is None:
        return grpc.insecure_channel(address, options)
    pem, names = _shown(address)
    credentials = grpc.ssl_channel_credentials(pem.encode())
    if settings.tls_client_ca is not None:
        key, certificate = settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes()
        credentials = grpc.ssl_channel_credentials(pem.encode(), key, certificate)
    # The address is this machine's; the certificate is for the name that clients know it by.
    options += [("grpc.ssl_target_name_override", name) for name in names[:1]]
    return grpc.secure_channel(address, credentials, options)


def _shown(address: str) -> tuple[str, tuple[str, ...]]:
    """The certificate that the server shows (PEM), and the names that it is for."""
    host, _, port = address.rpartition(":")
    place = (host.strip("[]"), int(port))
    pem = ssl.get_server_certificate(place, timeout=TIMEOUT_S)
    with (
        socket.create_connection(place, timeout=TIMEOUT_S) as plain,
        trusting(pem).wrap_socket(plain) as secure,
    ):
        return pem, names_of(dict(secure.getpeercert() or {}))


def _address(settings: Settings) -> str:
    host, _, port = settings.listen.rpartition(":")
    return f"{_EVERYWHERE.get(host, host)}:{port}"


if __name__ == "__main__":
    sys.exit(main())
