"""What the picture store promises, on a local folder and on fsspec's file systems."""

from __future__ import annotations

import asyncio
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from triptych_server.domain.errors import Code, DataLoss, Reason
from triptych_server.domain.pictures import PictureFile, PictureKey
from triptych_server.store.errors import PicturesUnusable
from triptych_server.store.picture_objects import ObjectPictures
from triptych_server.store.pictures import CHUNK_BYTES, Pictures

ALBUM = "pictures.20261121T120000000000Z"
OTHER = "pictures.20261121T120000000001Z"
KINDS = ("folder", "memory", "file")


@pytest_asyncio.fixture(params=KINDS)
async def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pictures]:
    """An open store of each kind: a folder, and objects in memory and in a folder."""
    places: dict[str, Path | str] = {
        "folder": tmp_path / "not" / "there",
        "memory": f"memory://{uuid.uuid4().hex}/in/there",
        "file": f"file://{tmp_path}/objects",
    }
    store = await Pictures.open(places[request.param])
    assert store.kind == request.param
    yield store
    await store.close()


def key_of(data: bytes, item: int = 1, album: str = ALBUM) -> PictureKey:
    return PictureKey(album, str(uuid.UUID(int=item << 120 | item)), sha(data))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def read(pictures: Pictures, key: PictureKey) -> bytes:
    async with aclosing(pictures.read(key)) as chunks:
        parts = [part async for part in chunks]
    assert all(0 < len(part) <= CHUNK_BYTES for part in parts)
    return b"".join(parts)


async def files(pictures: Pictures, album: str = ALBUM) -> list[PictureFile]:
    return [file async for page in pictures.pages(album) for file in page]


@pytest.mark.parametrize("size", [1, 10, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
async def test_what_was_put_comes_back(pictures: Pictures, size: int) -> None:
    data = os.urandom(size)
    key = key_of(data)
    await pictures.put(key, data)
    assert await pictures.holds(key, size)
    assert not await pictures.holds(key, size + 1)
    assert await read(pictures, key) == data
    await pictures.put(key, data)
    assert await read(pictures, key) == data
    assert [file.key for file in await files(pictures)] == [key]


async def test_what_is_not_there_is_lost(pictures: Pictures) -> None:
    key = key_of(b"one")
    assert not await pictures.holds(key, 3)
    with pytest.raises(DataLoss) as caught:
        await read(pictures, key)
    assert (caught.value.code, caught.value.reason) == (Code.DATA_LOSS, Reason.IMAGE_LOST)
    assert await files(pictures) == []
    await pictures.remove([key])


async def test_a_picture_belongs_to_its_item(pictures: Pictures) -> None:
    """Removing that of one item leaves the same picture of another."""
    data = b"the same picture"
    keys = [key_of(data, item) for item in (1, 2, 3)]
    for key in keys:
        await pictures.put(key, data)
    await pictures.remove(keys[:1])
    assert not await pictures.holds(keys[0], len(data))
    assert [await read(pictures, key) for key in keys[1:]] == [data, data]
    # One of them is gone already: the other is removed all the same.
    await pictures.remove(keys[:2])
    assert [file.key for file in await files(pictures)] == keys[2:]


async def test_many_at_once(pictures: Pictures) -> None:
    """Puts and removals of one content by many items do not touch the others'."""
    data = os.urandom(5000)
    stay = [key_of(data, item) for item in range(1, 40)]
    go = [key_of(data, item) for item in range(40, 80)]

    async def churn(key: PictureKey) -> None:
        for _ in range(5):
            await pictures.put(key, data)
            await pictures.remove([key])

    await asyncio.gather(*(pictures.put(key, data) for key in stay), *map(churn, go))
    assert {file.key for file in await files(pictures)} == set(stay)
    for key in stay:
        assert await read(pictures, key) == data


async def test_files_tell_when_they_were_put(pictures: Pictures) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    for item in range(1, 6):
        await pictures.put(key_of(b"a", item), b"a")
    found = await files(pictures)
    assert len(found) == 5
    assert all(before <= file.put_time <= datetime.now(UTC) for file in found)


async def test_a_put_again_is_young_again(pictures: Pictures) -> None:
    """Who swept it now would take the picture from an item that is just being written."""
    key = key_of(b"a")
    await pictures.put(key, b"a")
    await asyncio.sleep(0.05)
    between = datetime.now(UTC)
    await asyncio.sleep(0.05)
    await pictures.put(key, b"a")
    # The same content for another item as well.
    await pictures.put(key_of(b"a", 2), b"a")
    assert all(file.put_time > between for file in await files(pictures))


async def test_an_album_is_dropped_alone(pictures: Pictures) -> None:
    for album in (ALBUM, OTHER):
        for item in range(1, 4):
            await pictures.put(key_of(b"a", item, album), b"a")
    await pictures.condemn(ALBUM)
    await pictures.condemn(OTHER)
    assert await pictures.condemned() == (ALBUM, OTHER)
    await pictures.spare(OTHER)
    await pictures.drop(ALBUM)
    assert await pictures.condemned() == ()
    assert await files(pictures) == []
    assert len(await files(pictures, OTHER)) == 3
    await pictures.drop(ALBUM)
    await pictures.spare(ALBUM)


@pytest.mark.parametrize(
    "album", ["..", "../evil", "/evil", "", "pictures", "a/b.20261121T120000000000Z", "A" + ALBUM]
)
async def test_no_album_leads_out_of_the_store(pictures: Pictures, album: str) -> None:
    key = key_of(b"a", album=album)
    with pytest.raises(ValueError):
        await pictures.put(key, b"a")
    with pytest.raises(ValueError):
        await read(pictures, key)
    for act in (pictures.condemn, pictures.drop, pictures.spare):
        with pytest.raises(ValueError):
            await act(album)


@pytest.mark.parametrize(("point", "sha256"), [("..", "0" * 64), (str(uuid.UUID(int=1)), "../a")])
async def test_no_key_leads_out_of_its_album(pictures: Pictures, point: str, sha256: str) -> None:
    with pytest.raises(ValueError):
        await pictures.put(PictureKey(ALBUM, point, sha256), b"a")


async def test_a_reader_that_leaves_early_closes_the_file(pictures: Pictures) -> None:
    data = os.urandom(4 * CHUNK_BYTES)
    key = key_of(data)
    await pictures.put(key, data)
    async with aclosing(pictures.read(key)) as chunks:
        assert await anext(chunks) == data[:CHUNK_BYTES]
    await pictures.remove([key])
    assert await files(pictures) == []


async def test_objects_that_are_damaged_are_lost() -> None:
    place = f"memory://{uuid.uuid4().hex}"
    pictures = await Pictures.open(place)
    data = os.urandom(3 * CHUNK_BYTES)
    key = key_of(data)
    await pictures.put(key, data)
    spoilt = ObjectPictures(place)
    spoilt.put(key, data[:-1] + b"?")
    async with aclosing(pictures.read(key)) as chunks:
        # All but the last chunk come, and then the error in its place.
        seen = await anext(chunks) + await anext(chunks)
        assert seen == data[: 2 * CHUNK_BYTES]
        with pytest.raises(DataLoss):
            await anext(chunks)
    await pictures.close()


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("nonsense://there", "Protocol not known"),
        ("file:///proc/triptych/there", "No such file"),
    ],
)
async def test_a_place_that_can_t_be_used_is_told_at_the_start(place: str, why: str) -> None:
    with pytest.raises(PicturesUnusable, match=why):
        await Pictures.open(place)


async def test_a_folder_that_can_t_be_made_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PicturesUnusable):
        await Pictures.open(tmp_path / "file" / "pictures")
