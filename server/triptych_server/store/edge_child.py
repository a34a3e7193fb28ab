"""The engine's process: ``python -m triptych_server.store.edge_child``, started by the service.

One loop: read a request, carry it out, answer. It ends with its parent: at the end of the pipe,
and on Linux by a signal as well, so that no orphan in a long operation keeps the folder's lock.
"""

from __future__ import annotations

import select
import socket
import sys
from contextlib import suppress
from pathlib import Path

from triptych_server.children import die_with
from triptych_server.store.edge_frames import GREETING, receive, send
from triptych_server.store.folder_lock import lock_folder

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

    def parent_ended() -> bool:
        return bool(select.select([pipe], [], [], _LOCK_POLL_S)[0])

    try:
        # Held until this process ends.
        lock = lock_folder(root, wait_s=lock_wait_s, pause=parent_ended)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
