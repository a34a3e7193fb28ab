"""The sweep removes what no item refers to, and nothing else; on a real store and a real folder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio

from tests.support.stores import running, small
from triptych_server.domain import layout
from triptych_server.domain.collections import Collection, ImageRetention
from triptych_server.domain.items import ImageInfo, ImageVariant, KeptImage, Record
from triptych_server.domain.pictures import PictureKey, album_of, picture_keys
from triptych_server.domain.ports import Point, VectorStore
from triptych_server.store.pictures import Pictures
from triptych_server.usecases.locks import KeyLocks, writer_keys
from triptych_server.usecases.picture_sweep import ITEMS_AT_ONCE, PictureSweep

NOW = datetime.now(UTC)


@dataclass
class House:
    """A collection of a real store, its pictures, and the locks of those who write."""

    store: VectorStore
    pictures: Pictures
    collection: Collection
    locks: KeyLocks

    def sweep(self, grace: timedelta = timedelta(0)) -> PictureSweep:
        def now() -> datetime:
            return datetime.now(UTC) + timedelta(seconds=1)

        return PictureSweep(self.store, self.pictures, self.locks, now, grace=grace)

    async def item(self, name: str, *contents: bytes) -> None:
        """Writes an item that refers to a file of each of the contents, and puts them."""
        info = info_of(*contents)
        record = Record(name, "", None, None, {}, {}, info, None, NOW, NOW)
        point = Point(layout.point_id(name), {}, layout.to_payload(record, {}))
        for key, data in zip(self.keys(name, *contents), contents, strict=True):
            await self.pictures.put(key, data)
        await self.store.upsert(self.collection.id, [point])

    def keys(self, name: str, *contents: bytes) -> tuple[PictureKey, ...]:
        return picture_keys(self.collection, layout.point_id(name), info_of(*contents))

    async def kept(self) -> set[PictureKey]:
        pages = self.pictures.pages(album_of(self.collection))
        return {file.key async for page in pages for file in page}


def info_of(*contents: bytes) -> ImageInfo:
    kept = tuple(
        KeptImage(variant, "image/webp", 1, 1, len(data), hashlib.sha256(data).hexdigest())
        for variant, data in zip(ImageVariant, contents, strict=False)
    )
    return ImageInfo("PNG", 1, 1, 1, "0" * 64, kept=kept)


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running(tmp_path / "data") as store:
        collection = replace(small(), image_retention=ImageRetention.ORIGINAL)
        await store.create_collection(collection)
        pictures = await Pictures.open(tmp_path / "pictures")
        yield House(store, pictures, collection, KeyLocks())
        await pictures.close()


async def test_what_items_refer_to_stays_and_the_rest_goes(house: House) -> None:
    await asyncio.gather(
        *(house.item(f"item-{n}", b"shared", b"own %d" % n) for n in range(ITEMS_AT_ONCE + 10))
    )
    needed = await house.kept()
    assert len(needed) == 2 * (ITEMS_AT_ONCE + 10)
    for number in range(10):
        # What a crash leaves: a file of an item that never came, and another one of one that did.
        for name in (f"absent-{number}", f"item-{number}"):
            for key in house.keys(name, b"left over"):
                await house.pictures.put(key, b"left over")
    assert await house.sweep()() == 20
    assert await house.kept() == needed
    assert await house.sweep()() == 0


async def test_what_was_put_lately_stays(house: House) -> None:
    """It may be of another service, whose item is not written yet."""
    (key,) = house.keys("absent", b"a")
    await house.pictures.put(key, b"a")
    assert await house.sweep(timedelta(hours=1))() == 0
    assert await house.kept() == {key}


async def test_an_item_that_is_being_written_is_waited_for(house: House) -> None:
    keys = house.keys("a", b"a")
    async with house.locks.hold(writer_keys(house.collection.id, [keys[0].point_id])):
        await house.pictures.put(keys[0], b"a")
        sweeping = asyncio.create_task(house.sweep()())
        await asyncio.sleep(0.3)
        assert not sweeping.done()
        await house.item("a", b"a")
    assert await sweeping == 0
    assert await house.kept() == set(keys)


async def test_a_drop_that_was_cut_off_is_finished(house: House) -> None:
    dropped = replace(house.collection, id="gone")
    for collection in (dropped, house.collection):
        key = PictureKey(album_of(collection), layout.point_id("a"), "0" * 64)
        await house.pictures.put(key, b"a")
        await house.pictures.condemn(album_of(collection))
    await house.item("a", b"b")
    assert await house.sweep(timedelta(hours=1))() == 0
    assert await house.pictures.condemned() == ()
    assert [page async for page in house.pictures.pages(album_of(dropped))] == []
    # That one was not dropped after all.
    assert len(await house.kept()) == 2


async def test_albums_of_unknown_collections_are_left_alone(house: House) -> None:
    """A service on the wrong vector store must not remove the pictures of the right one."""
    other = replace(house.collection, create_time=NOW)
    key = PictureKey(album_of(other), layout.point_id("a"), "0" * 64)
    await house.pictures.put(key, b"a")
    assert await house.sweep()() == 0
    found = [file async for page in house.pictures.pages(key.album) for file in page]
    assert [file.key for file in found] == [key]
