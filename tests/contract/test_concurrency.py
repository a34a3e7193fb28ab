"""The store contract: writers and readers at the same time."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.stores import dense, pid, same_vectors, sparse, whole_point
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.ports import VectorStore

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_writers_and_readers_at_once(store: VectorStore, things: str) -> None:
    """What a writer has been told is kept is found by every reader that begins after it."""
    kept: set[int] = set()

    async def write(worker: int) -> None:
        for start in range(worker * 120, worker * 120 + 120, 24):
            numbers = range(start, start + 24)
            await store.upsert(things, [whole_point(n) for n in numbers])
            kept.update(numbers)

    async def read() -> None:
        while len(kept) < 480:
            known = set(kept)
            sample = sorted(known)[:: max(1, len(known) // 8)]
            found = await store.retrieve(things, [pid(n) for n in sample], vectors=True)
            assert len(found) == len(sample)
            for number, stored in zip(sample, found, strict=True):
                assert same_vectors(stored.vectors, whole_point(number).vectors)
            assert await store.count(things, Filter()) >= len(known)
            image, terms = await store.query(
                things,
                [LegQuery("image", dense(1), 1000), LegQuery("terms", sparse({3: 1.0}), 1000)],
            )
            assert len(image) >= len(known)
            assert len(terms) >= sum(1 for n in known if n % 7 == 3)

    await asyncio.gather(*(write(worker) for worker in range(4)), *(read() for _ in range(3)))
    assert await store.count(things, Filter()) == 480


async def test_a_point_that_is_replaced_is_always_whole(store: VectorStore, things: str) -> None:
    versions = [whole_point(n) for n in range(6)]

    async def write() -> None:
        for turn in range(60):
            version = versions[turn % 6]
            await store.upsert(
                things, [type(version)(pid(0), version.vectors, {"version": turn % 6})]
            )

    async def read() -> None:
        while not writing.done():
            for stored in await store.retrieve(things, [pid(0)], vectors=True):
                number = stored.payload["version"]
                assert isinstance(number, int)
                assert same_vectors(stored.vectors, versions[number].vectors)
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    await asyncio.gather(read(), read(), writing)


async def test_more_answers_and_batches_than_the_pipes_hold(
    store: VectorStore, things: str
) -> None:
    """Big requests one way and big answers the other, many at once, do not wait for each other."""
    await store.upsert(things, [whole_point(n, {"text": "x" * 2000}) for n in range(256)])
    ids = [pid(n) for n in range(256)]

    async def write(worker: int) -> None:
        first = 256 * (1 + worker)
        await store.upsert(
            things, [whole_point(n, {"text": "x" * 2000}) for n in range(first, first + 256)]
        )

    async def read() -> None:
        assert len(await store.retrieve(things, ids, vectors=True)) == 256

    async with asyncio.timeout(40):
        await asyncio.gather(*(write(worker) for worker in range(8)), *(read() for _ in range(24)))
    assert await store.count(things, Filter()) == 9 * 256
