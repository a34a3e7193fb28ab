"""A live Qdrant server for tests, where ``TRIPTYCH_QDRANT_URL`` names one.

Its forms: ``qdrant://HOST:6334``, ``http://HOST:6334``, ``HOST:6334``; ``qdrants`` or ``https`` for
TLS. The port is that of gRPC. Tests work under a random prefix, which is cleared afterwards.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the imports take over a second, and every test run loads this module
    from triptych_server.domain.store_place import QdrantAddress

VARIABLE = "TRIPTYCH_QDRANT_URL"
KEY_VARIABLE = "TRIPTYCH_QDRANT_API_KEY"


def live_url() -> str | None:
    """The server as ``TRIPTYCH_STORE`` takes it; None where no server is named."""
    given = os.environ.get(VARIABLE, "").rstrip("/")
    if not given:
        return None
    given = re.sub(r"^http(s?)://", r"qdrant\1://", given)
    return given if "://" in given else f"qdrant://{given}"


def api_key() -> str | None:
    """Its API key, if it wants one."""
    return os.environ.get(KEY_VARIABLE) or None


@contextmanager
def live_prefix() -> Iterator[tuple[str, QdrantAddress]]:
    """A place of one's own in the live server: its URL and the parts of it."""
    from triptych_server.domain.store_place import QdrantAddress
    from triptych_server.read_settings import read_settings

    server = live_url()
    assert server is not None, f"{VARIABLE} is not set"
    url = f"{server}/t-{secrets.token_hex(4)}"
    address = read_settings(["--store", url, "--pictures", "folder:pictures"]).store_place
    assert isinstance(address, QdrantAddress)
    try:
        yield url, address
    finally:
        _clear(address)


def _clear(address: QdrantAddress) -> None:
    from qdrant_client import QdrantClient

    client = QdrantClient(
        host=address.host,
        grpc_port=address.port,
        prefer_grpc=True,
        https=address.tls,
        headers={"api-key": key} if (key := api_key()) else None,
        timeout=60,
        check_compatibility=False,
    )
    try:
        for found in client.get_collections().collections:
            if found.name.startswith(f"{address.prefix}."):
                client.delete_collection(found.name)
    finally:
        client.close()
