"""Removes kept pictures that nothing refers to: what a crash, or a caller who left, has left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

from triptych_server.domain.collections import Collection, ImageRetention
from triptych_server.domain.errors import NotFound, TriptychError
from triptych_server.domain.pictures import PictureFile, album_of
from triptych_server.domain.ports import PictureStore, VectorStore
from triptych_server.usecases.locks import KeyLocks, writer_keys
from triptych_server.usecases.picture_keeper import album_stands, kept_of

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 24 * 3600.0
SWEEP_AGAIN_S = 600.0
# Longer than any write takes. This service's own writes are told by their locks; this is for those
# of another one on the same stores, which puts a file some time before the point that refers to it.
GRACE = timedelta(hours=1)
# The records of so many items are read at once.
ITEMS_AT_ONCE = 64


class PictureSweep:
    """Looks at every kept file, and whether its item refers to it; once a day.

    Only the albums of collections that exist are looked into, and albums are dropped only where
    their collection was being dropped: a service that is started on the wrong vector store removes
    no picture of the right one.
    """

    def __init__(
        self,
        store: VectorStore,
        pictures: PictureStore,
        writers: KeyLocks,
        now: Callable[[], datetime],
        *,
        grace: timedelta = GRACE,
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._writers = writers
        self._now = now
        self._grace = grace

    async def run(self) -> None:
        """Sweep now and then, until cancelled. What fails is tried again the next time."""
        while True:
            wait = SWEEP_EVERY_S
            try:
                removed = await self()
            except TriptychError as error:
                log.warning("the pictures could not be swept now: %s", error)
                wait = SWEEP_AGAIN_S
            except Exception:
                # A record that can't be read, say: its picture stays, and so does this task.
                log.exception("the pictures could not be swept")
            else:
                if removed:
                    log.info("removed %d pictures that no item refers to", removed)
            await asyncio.sleep(wait)

    async def __call__(self) -> int:
        """Sweep once; how many files were removed. Raises Unavailable."""
        await self._finish_dropping()
        removed = 0
        for collection in await self._store.list_collections():
            if collection.image_retention is ImageRetention.NONE:
                continue
            async with aclosing(self._pictures.pages(album_of(collection))) as pages:
                async for page in pages:
                    removed += await self._sweep_page(collection, page)
        return removed

    async def _finish_dropping(self) -> None:
        """Drop the albums of collections whose dropping was cut off."""
        for album in await self._pictures.condemned():
            async with self._writers.hold([album]):
                if await album_stands(self._store, album):
                    await self._pictures.spare(album)
                else:
                    await self._pictures.drop(album)

    async def _sweep_page(self, collection: Collection, page: Sequence[PictureFile]) -> int:
        oldest = self._now() - self._grace
        files = [file for file in page if file.put_time <= oldest]
        removed = 0
        for start in range(0, len(files), ITEMS_AT_ONCE):
            removed += await self._sweep_files(collection, files[start : start + ITEMS_AT_ONCE])
        return removed

    async def _sweep_files(self, collection: Collection, files: Sequence[PictureFile]) -> int:
        ids = sorted({file.key.point_id for file in files})
        async with self._writers.hold(writer_keys(collection.id, ids)):
            try:
                points = await self._store.retrieve(collection.id, ids)
            except NotFound:  # dropped meanwhile, and its album with it
                return 0
            needed = set(kept_of(collection, points))
            keys = [file.key for file in files if file.key not in needed]
            await self._pictures.remove(keys)
            return len(keys)
