"""Where the vectors are kept, as the operator writes it: a folder, or a Qdrant server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_EMBEDDED = "embedded:"
_DEFAULT_QDRANT_PORT = 6334
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NEEDS = "needs embedded:FOLDER or qdrant://HOST[:PORT][/PREFIX] (qdrants:// for TLS)"
# What an address may hold that no one else is to read.
_SECRETS = re.compile(r"(?<=//)[^/]*(?=@)|(?<=\?).+")


@dataclass(frozen=True, slots=True)
class QdrantAddress:
    """Where a Qdrant server speaks gRPC, and the prefix of our collections' names in it.

    ``host`` as it stands in an address, an IPv6 one between brackets.
    """

    host: str
    port: int
    tls: bool
    prefix: str


def parse_store(value: str) -> Path | QdrantAddress:
    """``embedded:FOLDER``, ``qdrant://HOST[:PORT][/PREFIX]``, or ``qdrants://`` for TLS.

    Raises ValueError, whose text says what is needed.
    """
    if value.startswith(_EMBEDDED) and value != _EMBEDDED:
        return Path(value.removeprefix(_EMBEDDED)).expanduser()
    if "@" in value:
        raise ValueError("needs its secret in TRIPTYCH_QDRANT_API_KEY, not in the address")
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError:
        raise ValueError(_NEEDS) from None
    host, prefix = parts.hostname, parts.path.strip("/")
    if parts.scheme not in ("qdrant", "qdrants") or not host or port == 0:
        raise ValueError(_NEEDS)
    if parts.query or parts.fragment or (prefix and not _PREFIX.fullmatch(prefix)):
        raise ValueError(f"{_NEEDS}; PREFIX is 1 to 63 of a-z, 0-9, _ and -")
    return QdrantAddress(
        host=f"[{host}]" if ":" in host else host,
        port=_DEFAULT_QDRANT_PORT if port is None else port,
        tls=parts.scheme == "qdrants",
        prefix=prefix,
    )


def without_secrets(value: str) -> str:
    """An address as it may be shown."""
    return _SECRETS.sub("***", value)
