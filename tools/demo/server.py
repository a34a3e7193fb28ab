"""A real server as a child process: started on a free port, and stopped however the demo ends."""

import ctypes
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from tools.demo.places import COLLECTION, ENCODER, Places, shown
from tools.demo.problems import Problem, Unreadable

START_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
SHOWN_LOG_LINES = 5
_PR_SET_PDEATHSIG = 1
_LISTENING = re.compile(r"listening on (\S+)\n")
# How the server's log ends where the demo's collection is damaged, or another version's.
_UNREADABLE = f"collection '{COLLECTION}' cannot be read\n"


class DemoServer:
    """``triptych-server`` with the embedded store and the bundled model.

    A context manager: inside it the server answers at ``address``; after it the process is gone,
    and with it the port and the lock on the store. Raises ``Problem`` where it does not start,
    ``Unreadable`` where that is because of what the store holds. The process is started and
    stopped inside ``undisturbed``.
    """

    def __init__(
        self,
        places: Places,
        undisturbed: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.address = ""
        self._undisturbed = undisturbed
        self._places = places
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _start(self) -> None:
        places = self._places
        places.data.mkdir(parents=True, exist_ok=True)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("TRIPTYCH")
        }
        own = {
            "TRIPTYCH_LISTEN": "127.0.0.1:0",
            "TRIPTYCH_STORE": f"embedded:{places.data}",
            "TRIPTYCH_ENCODERS": ENCODER,
        }
        with places.log.open("w", encoding="utf-8") as log, self._undisturbed():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "triptych_server"],
                env=kept | own,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # Ctrl-C reaches the demo alone, which then stops the server in good order.
                start_new_session=True,
                preexec_fn=_ends_with_parent(),
            )
        self.address = self._listening(self._process)
        self._wait_until_serving()

    def _listening(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_LIMIT_S)
        if not ready:
            raise Problem(f"the server did not start within {START_LIMIT_S:g} s{self._reasons()}")
        found = _LISTENING.fullmatch(process.stdout.readline())
        if found is None:
            problem = Unreadable if _UNREADABLE in self._log() else Problem
            raise problem(f"the server did not start{self._reasons()}")
        return found[1]

    def _wait_until_serving(self) -> None:
        with grpc.insecure_channel(self.address) as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=HealthCheckRequest.SerializeToString,
                response_deserializer=HealthCheckResponse.FromString,
            )
            try:
                answer = check(HealthCheckRequest(), timeout=START_LIMIT_S, wait_for_ready=True)
            except grpc.RpcError:
                raise Problem(f"the server does not answer{self._reasons()}") from None
        if answer.status != HealthCheckResponse.SERVING:
            raise Problem(f"the server's store is not ready{self._reasons()}")

    def _reasons(self) -> str:
        """The last lines of the server's own words."""
        name = shown(self._places.log)
        lines = self._log().splitlines()
        text = "".join(f"\n  {line}" for line in lines[-SHOWN_LOG_LINES:])
        return f" (its log is {name}):{text}" if text else f"; its log {name} is empty"

    def _log(self) -> str:
        return self._places.log.read_text(encoding="utf-8", errors="replace")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with self._undisturbed():
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _ends_with_parent() -> Callable[[], None] | None:
    """What a child does first, so that it is asked to stop where its parent is killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # found before the fork: a child should not load libraries
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
