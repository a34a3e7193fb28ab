"""Processes that are started to be timed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from triptych import Client

COMMAND = str(Path(sys.executable).with_name("triptych"))


def environment(**variables: str) -> dict[str, str]:
    """This process's variables, without Triptych's own, and with ``variables``.

    Bytecode is kept, as it is where nobody asked for anything else: what compiles its modules at
    every start measures the compiler.
    """
    left = {k: v for k, v in os.environ.items() if not k.startswith("TRIPTYCH_")}
    left.pop("PYTHONDONTWRITEBYTECODE", None)
    return left | variables


def output_of(*command: str, **variables: str) -> str:
    """Runs a command to its end; what it wrote. Raises RuntimeError where it fails."""
    done = subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the server: seconds from the exec to two moments."""

    listening_s: float
    answered_s: float


class StartedServer:
    """``triptych-server`` with tiny-clip on the embedded store in ``folder``; a context manager."""

    def __init__(self, folder: Path, *options: str) -> None:
        """Starts it with options of Python's own, and waits until it listens."""
        variables = environment(
            TRIPTYCH_LISTEN="127.0.0.1:0",
            TRIPTYCH_STORE=f"embedded:{folder}",
            TRIPTYCH_ENCODERS="tiny-clip",
            TRIPTYCH_DEVICE="cpu",
        )
        self.log = folder.parent / f"{folder.name}.log"
        with self.log.open("w") as log:
            self.begin = time.perf_counter()
            self._process = subprocess.Popen(
                [sys.executable, *options, "-m", "triptych_server"],
                env=variables,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.listening_s = time.perf_counter() - self.begin
        self.address = line.removeprefix("listening on ").strip()
        if not self.address:
            self._process.wait()
            raise RuntimeError(self.log.read_text())

    def client(self) -> Client:
        """A client of it, with time for large calls."""
        return Client(self.address, timeout=120)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()


def timed_start(folder: Path, collection: str) -> Start:
    """One start, from the exec to the answer of a search by words; then it is stopped."""
    with StartedServer(folder) as server, server.client() as client:
        found = client.search(collection, text="a red bicycle", limit=5)
        answered = time.perf_counter() - server.begin
        assert found.hits
    return Start(server.listening_s, answered)
