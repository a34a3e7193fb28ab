"""The engine's process: ``python -m triptych_server.store.edge_child``, started by the service.

One loop: read a request, carry it out, answer. It ends with its parent: at the end of the pipe,
and on Linux by a signal as well, so that no orphan in a long operation keeps the folder's lock.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from triptych_server.children import die_with
from triptych_server.store.edge_frames import GREETING, receive, send

_LOCK_POLL_S = 0.05


def main(arguments: list[str]) -> int:
    """Serve one folder until the pipe ends. The exit status says nothing; the frames do."""
    descriptor, parent, lock_wait_s, min_free_bytes, folder = arguments
    if not die_with(int(parent)):
        return 1
    # The parent may end while it is being answered: then there is nobody left to tell.
    with (
        socket.socket(fileno=int(descriptor)) as pipe,
        suppress(BrokenPipeError, ConnectionResetError),
    ):
        _serve(pipe, Path(folder), float(lock_wait_s), int(min_free_bytes))
    return 0


def _serve(pipe: socket.socket, root: Path, lock_wait_s: float, min_free_bytes: int) -> None:
    # Not at the top: the signals are settled before the heavy imports.
    from triptych_server.store.edge_engine import EdgeEngine, failure_of
    from triptych_server.store.edge_protocol import Close, Done, Failed, FailureKind

    engine = EdgeEngine(root, min_free_bytes=min_free_bytes)
    lock: int | None = None
    try:
        lock = _lock(pipe, root, lock_wait_s)
        if lock is None:
            greeting: object = Failed(FailureKind.LOCKED, "held by another process")
        else:
            greeting = engine.open()
    except Exception as error:  # noqa: BLE001 - the engine raises bare Exception
        greeting = failure_of(error)
    send(pipe, GREETING, greeting)
    if isinstance(greeting, Failed):
        return
    while (frame := receive(pipe)) is not None:
        call_id, request = frame
        try:
            reply: object = Done(engine.execute(request))
        except Exception as error:  # noqa: BLE001 - the engine raises bare Exception
            reply = failure_of(error)
        send(pipe, call_id, reply)
        if isinstance(request, Close):
            return


def _lock(pipe: socket.socket, root: Path, wait_s: float) -> int | None:
    """The folder's lock, held until this process ends; None where another process keeps it.

    It is waited for a little: the process of a service that was killed may still be on its way
    out.
    """
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    give_up = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            parent_ended = select.select([pipe], [], [], _LOCK_POLL_S)[0]
            if parent_ended or time.monotonic() > give_up:
                os.close(descriptor)
                return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
