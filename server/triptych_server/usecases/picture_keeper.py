"""Keeps items' pictures as their collections say, and removes them with the items."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from triptych_server.domain import layout
from triptych_server.domain.collections import Collection, ImageRetention
from triptych_server.domain.errors import NotFound, Unavailable
from triptych_server.domain.items import ImageInfo
from triptych_server.domain.pictures import (
    KeptFile,
    PictureKey,
    album_of,
    collection_id_of,
    picture_keys,
    variants_of,
)
from triptych_server.domain.ports import PictureStore, StoredPoint, VectorStore
from triptych_server.usecases.locks import KeyLocks
from triptych_server.usecases.together import together

log = logging.getLogger(__name__)


class PictureKeeper:
    """What writes and removes items does with their pictures; it holds the items' locks.

    A file is put before the point that refers to it is written, and removed after the point that
    referred to it is gone. So what a point refers to is always there; what a crash leaves is a
    file that no point refers to, and ``PictureSweep`` removes it.
    """

    def __init__(self, store: VectorStore, pictures: PictureStore, writers: KeyLocks) -> None:
        self._store = store
        self._pictures = pictures
        self._writers = writers

    async def holds_all(self, collection: Collection, point_id: str, info: ImageInfo) -> bool:
        """Whether all that is to be kept of this picture is there, undamaged."""
        if {k.variant for k in info.kept} != set(variants_of(collection.image_retention)):
            return False
        keys = picture_keys(collection, point_id, info)
        held = [
            self._pictures.holds(key, kept.byte_size)
            for key, kept in zip(keys, info.kept, strict=True)
        ]
        return all(await together(held))

    async def put(self, collection: Collection, point_id: str, files: Sequence[KeptFile]) -> None:
        """Keep ``files``. Raises Exhausted (STORE_FULL), Unavailable."""
        album = album_of(collection)
        await together(
            self._pictures.put(PictureKey(album, point_id, file.image.sha256), file.data)
            for file in files
        )

    async def remove(self, keys: Sequence[PictureKey]) -> None:
        """Remove files that no item refers to any more.

        Where the store does not answer they stay for the sweep: the items are written already.
        """
        try:
            await self._pictures.remove(keys)
        except Unavailable:
            log.warning("pictures that are not needed any more were left: %d", len(keys))

    async def forget(self, collection: Collection) -> None:
        """Remove what was put for a collection that has gone meanwhile, if it has."""
        if collection.image_retention is ImageRetention.NONE:
            return
        album = album_of(collection)
        try:
            if not await album_stands(self._store, album):
                async with self._writers.hold([album]):
                    await self._pictures.condemn(album)
                    await self._pictures.drop(album)
        except Unavailable:
            log.warning("pictures of a collection that may be gone were left: %s", album)


async def album_stands(store: VectorStore, album: str) -> bool:
    """Whether the collection whose album it is, and no other of its name, is there.

    Raises Unavailable.
    """
    try:
        return album_of(await store.get_collection(collection_id_of(album))) == album
    except NotFound:
        return False


def kept_of(collection: Collection, points: Iterable[StoredPoint]) -> list[PictureKey]:
    """The names of all files that ``points`` refer to."""
    return [
        key
        for point in points
        for key in picture_keys(collection, point.id, layout.from_payload(point.payload)[0].image)
    ]
