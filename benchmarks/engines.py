"""The Qdrant server that a benchmark works on, where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.live import live_prefix, live_url
from tests.support.qdrant_server import BINARY, RunningQdrant, qdrant_binary
from triptych_server.domain.store_place import QdrantAddress

NO_ENGINE = f"needs a Qdrant server: {BINARY} (a program) or TRIPTYCH_QDRANT_URL"


def has_engine() -> bool:
    """Whether the environment names a Qdrant server or a program that is one."""
    return bool(qdrant_binary() or live_url())


@contextmanager
def engine(folder: Path) -> Iterator[tuple[str, QdrantAddress]]:
    """The server's URL as ``TRIPTYCH_STORE`` takes it, and the parts of it."""
    if qdrant_binary() is None:
        with live_prefix() as place:
            yield place
        return
    with RunningQdrant(folder) as server:
        yield (
            f"qdrant://127.0.0.1:{server.port}/bench",
            QdrantAddress("127.0.0.1", server.port, tls=False, prefix="bench"),
        )
