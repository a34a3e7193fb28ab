"""The optimizer's process: ``python -m triptych_server.store.edge_optimize_child``.

When it is told to, it copies the shard of one collection and tells that it has: writes go on from
there. It builds the index, applies the writes that came meanwhile, and tells that it has caught up.
Told where the log of the writes ends, it applies the rest and tells what it has built. It ends with
the service.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from pathlib import Path

from triptych_server.children import die_with
from triptych_server.store.edge_frames import GREETING, receive, send

# The rest of the log that may be left for the time in which writes are held.
_LITTLE = 2**20
# Each round takes as long as the writes during the one before: a few make the rest small, and
# where they do not, more would not either.
_ROUNDS = 8
# Likewise with the building anew that a round may call for.
_REBUILDS = 2


def main(arguments: list[str]) -> int:
    """Optimize one collection. The exit status says nothing; the frames do."""
    descriptor, parent, root, collection_id, target, *sizes = arguments
    if not die_with(int(parent)):
        return 1
    with (
        socket.socket(fileno=int(descriptor)) as pipe,
        suppress(BrokenPipeError, ConnectionResetError),
    ):
        from triptych_server.store.edge_engine import failure_of

        try:
            _optimize(pipe, Path(root), collection_id, Path(target), sizes)
        except Exception as error:  # noqa: BLE001 - the engine raises bare Exception
            send(pipe, GREETING, failure_of(error))
    return 0


def _optimize(
    pipe: socket.socket, root: Path, collection_id: str, target: Path, sizes: list[str]
) -> None:
    from triptych_server.store.catalogue import Catalogue
    from triptych_server.store.edge_optimized_copy import OptimizedCopy
    from triptych_server.store.edge_protocol import Optimized, Step
    from triptych_server.store.edge_tuning import Tuning
    from triptych_server.store.edge_write_log import logged_size

    catalogue = Catalogue(root)
    tuning = Tuning(*map(int, sizes))
    copy = OptimizedCopy(root, catalogue.describe(collection_id), target, tuning)
    send(pipe, GREETING, Step.READY)
    if receive(pipe) is None:
        return
    copy.copy()
    send(pipe, GREETING, Step.COPIED)
    copy.build()
    send(pipe, GREETING, Step.BUILT)
    log, done, rebuilds = catalogue.writes(collection_id), 0, _REBUILDS
    for _ in range(_ROUNDS):
        end = logged_size(log)
        if end - done <= _LITTLE:
            break
        done = copy.replay(log, done, end)
        if copy.is_worn and rebuilds:
            rebuilds -= 1
            copy.build()
    copy.sync()
    send(pipe, GREETING, Step.CAUGHT_UP)
    told = receive(pipe)
    if told is None:
        return
    assert isinstance(told[1], int)
    done = copy.replay(log, done, told[1])
    if done != told[1]:
        raise RuntimeError(f"the log of the writes ends at {done} and not at {told[1]}")
    built = copy.close()
    send(pipe, GREETING, Optimized(built.points, built.indexed_vectors))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
