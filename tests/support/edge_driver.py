"""A program that works on an embedded store until it is killed.

``python -m tests.support.edge_driver FOLDER LOG FIRST [STEP SECONDS]`` writes batches of whole
points for ever, from the number FIRST on. In LOG it notes what it asked for and what was answered,
a line each: ``write 1 2 3``, ``delete 1``, and ``done`` after the answer to the line above. With a
STEP of an optimization it has its collection optimized, and kills itself so long after that step
has begun, or when all is done.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.support.stores import pid, small, whole_point
from triptych_server.domain.filters import Filter
from triptych_server.store.edge_store import EdgeStore
from triptych_server.store.edge_tuning import Tuning

COLLECTION = "driven"
BATCH = 32
# Graphs for a few hundred vectors of eight numbers.
EAGER = Tuning(indexing_threshold_kb=1, full_scan_kb=1)


async def main(folder: Path, log: Path, first: int, step: str = "", delay: str = "") -> None:
    """Write and delete, and note it, until the process is killed."""
    store = EdgeStore(folder, tuning=EAGER)
    await store.start()
    if COLLECTION not in {found.id for found in await store.list_collections()}:
        await store.create_collection(small(COLLECTION))
    with log.open("a", encoding="utf-8", buffering=1) as lines:
        async with asyncio.TaskGroup() as group:
            if step:
                group.create_task(_kill_in(store, step, float(delay)))
            while True:
                numbers = range(first, first + BATCH)
                first += BATCH
                lines.write(f"write {' '.join(map(str, numbers))}\n")
                await store.upsert(COLLECTION, [whole_point(n) for n in numbers])
                lines.write("done\n")
                lines.write(f"delete {numbers[0]}\n")
                await store.delete(COLLECTION, [pid(numbers[0])])
                lines.write("done\n")
                if step:  # so that the optimizer, at its low priority, catches up
                    await asyncio.sleep(0.2)


async def _kill_in(store: EdgeStore, step: str, delay: float) -> None:
    await store.optimize(COLLECTION)
    while (state := store.optimization(COLLECTION)) and state.message != step:
        if state.state.has_ended:
            break
        await asyncio.sleep(0)
    await asyncio.sleep(delay)
    os.kill(os.getpid(), signal.SIGKILL)


async def numbers_in(store: EdgeStore) -> set[int]:
    """The numbers of the points that are there."""
    found: set[int] = set()
    start: str | None = None
    while True:
        page = await store.scroll(COLLECTION, Filter(), limit=1000, start_id=start)
        found |= {int(stored.id[-12:], 16) for stored in page.points}
        if (start := page.next_id) is None:
            return found


def noted(log: Path, there: set[int]) -> tuple[set[int], set[int]]:
    """The points that the log promises on top of those there before; those of its last line,
    where that had no answer, are not certain."""
    unsure: set[int] = set()
    for line in log.read_text(encoding="utf-8").splitlines():
        verb, *words = line.split()
        if verb == "done":
            unsure = set()
            continue
        unsure = {int(word) for word in words}
        there = there - unsure if verb == "delete" else there | unsure
    return there, unsure


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))
