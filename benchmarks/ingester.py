"""``python -m benchmarks.ingester ADDRESS COLLECTION``: upserts photographs until it is killed.

A process of its own, so that what it costs is not in the way of who measures. Writes a line when
the first batch has been answered.
"""

from __future__ import annotations

import itertools
import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks.photos import jpegs
from triptych import Client, make_item

_PHOTOS = 24
_BATCH = 8
# Enough for there always to be work for every stage.
_AT_ONCE = 3


def main() -> None:
    """Upsert, over and over, pictures that the collection does not have."""
    address, collection = sys.argv[1:]
    photos = jpegs(1.0, _PHOTOS)
    numbers = itertools.count()

    def upsert(client: Client) -> None:
        items = [
            # Trailing bytes make it another picture, so that nothing is UNCHANGED.
            make_item(str(n), image=photos[n % _PHOTOS] + str(n).encode(), caption=f"photo {n}")
            for n in (next(numbers) for _ in range(_BATCH))
        ]
        for outcome in client.upsert(collection, items, timeout=300):
            assert not outcome.HasField("error"), outcome

    def keep_on(client: Client) -> None:
        while True:
            upsert(client)

    with Client(address, timeout=300) as client, ThreadPoolExecutor(_AT_ONCE) as pool:
        upsert(client)
        print("ingesting", flush=True)
        for done in [pool.submit(keep_on, client) for _ in range(_AT_ONCE)]:
            done.result()


if __name__ == "__main__":
    main()
