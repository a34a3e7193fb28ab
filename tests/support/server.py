"""A real server in a process of its own, on a real port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from triptych import Client

_LISTENING = re.compile(r"listening on (\S+)\n")


class ServerDied(Exception):
    """The server ended before it listened; the text is what it said."""


class RunningServer:
    """``triptych-server`` on ``folder``. A context manager that ends it, however the test ends."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self._log = folder.parent / f"{folder.name}.log"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRIPTYCH_")}
        own: dict[str, str] = {
            "listen": "127.0.0.1:0",
            "store": f"embedded:{folder}",
            "encoders": "tiny-clip",
            "device": "cpu",
            **settings,
        }
        if not own["store"].startswith("embedded:"):
            own.setdefault("pictures", f"folder:{folder / 'pictures'}")
        environment |= {f"TRIPTYCH_{name.upper()}": value for name, value in own.items()}
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "triptych_server"],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = _LISTENING.fullmatch(line)
        if found is None:
            self.process.wait(timeout=30)
            self.process.stdout.close()
            raise ServerDied(self.log)
        self.address = found[1]

    @property
    def log(self) -> str:
        """What the server wrote to stderr so far."""
        return self._log.read_text()

    def client(self, timeout: float = 30.0) -> Client:
        """A new client of this server."""
        return Client(self.address, timeout=timeout)

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        code = self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        elif self.process.stdout is not None:
            self.process.stdout.close()
