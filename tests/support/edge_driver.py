"""A program that works on an embedded store until it is killed.

``python -m tests.support.edge_driver FOLDER LOG FIRST`` writes batches of whole points for ever,
from the number FIRST on. In LOG it notes what it asked for and what was answered, a line each:
``write 1 2 3``, ``delete 1``, and ``done`` after the answer to the line above.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.support.stores import pid, small, whole_point
from triptych_server.store.edge_store import EdgeStore

COLLECTION = "driven"
BATCH = 32


async def main(folder: Path, log: Path, first: int) -> None:
    """Write and delete, and note it, until the process is killed."""
    store = await EdgeStore.open(folder)
    if COLLECTION not in {found.id for found in await store.list_collections()}:
        await store.create_collection(small(COLLECTION))
    with log.open("a", encoding="utf-8", buffering=1) as lines:
        while True:
            numbers = range(first, first + BATCH)
            first += BATCH
            lines.write(f"write {' '.join(map(str, numbers))}\n")
            await store.upsert(COLLECTION, [whole_point(n) for n in numbers])
            lines.write("done\n")
            lines.write(f"delete {numbers[0]}\n")
            await store.delete(COLLECTION, [pid(numbers[0])])
            lines.write("done\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
