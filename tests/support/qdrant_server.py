"""A Qdrant server of a test's own, to be killed and started again.

``TRIPTYCH_QDRANT_BINARY`` names the program; without it such tests are skipped, and counted.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.waiting import wait_for

BINARY = "TRIPTYCH_QDRANT_BINARY"


def qdrant_binary() -> str | None:
    """The program that is a Qdrant server; None where none is named."""
    return os.environ.get(BINARY) or None


class RunningQdrant:
    """A Qdrant server on ``folder`` and two free ports. A context manager that ends it.

    ``settings`` are variables of its environment without their ``QDRANT__``.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.port, http_port = _free_ports(2)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("QDRANT_", "TRIPTYCH_"))}
        own = {
            "SERVICE__HOST": "127.0.0.1",
            "SERVICE__HTTP_PORT": str(http_port),
            "SERVICE__GRPC_PORT": str(self.port),
            "STORAGE__STORAGE_PATH": str(folder / "storage"),
            "STORAGE__SNAPSHOTS_PATH": str(folder / "snapshots"),
            "TELEMETRY_DISABLED": "true",
            **settings,
        }
        self._environment = kept | {f"QDRANT__{name}": value for name, value in own.items()}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, also anew on what is in the folder; returns once its port is open."""
        binary = qdrant_binary()
        assert binary is not None, f"{BINARY} is not set"
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary], cwd=self._folder, env=self._environment, stdout=log, stderr=log
            )
        wait_for(self._listens)

    def kill(self) -> None:
        """``kill -9``."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=30)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()
