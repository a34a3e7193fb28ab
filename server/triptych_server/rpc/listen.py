"""Why nothing can listen on an address: gRPC itself does not tell."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from types import MappingProxyType

_REASONS: Mapping[int, str] = MappingProxyType(
    {
        errno.EADDRINUSE: "the address is in use",
        errno.EADDRNOTAVAIL: "this machine has no such address",
        errno.EAFNOSUPPORT: "this machine has no such address",
        errno.EACCES: "this user may not listen there",
    }
)


def why_not(address: str) -> str:
    """What keeps this process from listening on ``host:port``, in words for the operator.

    It tries to, so the answer is of now: what kept gRPC may be gone.
    """
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except socket.gaierror:
        return "no such host is known"
    for family, kind, protocol, _, place in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
                probe.listen()
        except OSError as error:
            return _REASONS.get(error.errno or 0, error.strerror or str(error))
    return "gRPC could not bind to it"
