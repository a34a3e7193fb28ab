"""``domain.ports.PictureStore`` on a local folder, or on any store that fsspec knows."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Protocol, Self, TypeVar

from triptych_server.domain.errors import Exhausted, Reason, TriptychError, Unavailable
from triptych_server.domain.pictures import PictureFile, PictureKey, image_lost
from triptych_server.store.errors import PicturesFull, PicturesUnusable
from triptych_server.store.picture_folder import FolderPictures
from triptych_server.store.picture_objects import ObjectPictures

log = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
# They wait for the disk or the network.
_WORKERS = 8

Answer = TypeVar("Answer")


class Backend(Protocol):
    """A place for pictures, blocking. Raises OSError for anything, PicturesFull where it is full.

    The methods are those of ``domain.ports.PictureStore``.
    """

    @property
    def kind(self) -> str:
        """The kind of place."""
        ...

    def open(self) -> None:
        """Once, before anything else."""
        ...

    def put(self, key: PictureKey, data: bytes) -> None: ...

    def holds(self, key: PictureKey, byte_size: int) -> bool: ...

    def reader(self, key: PictureKey) -> IO[bytes]:
        """The file, open. Raises FileNotFoundError."""
        ...

    def remove(self, keys: Sequence[PictureKey]) -> None: ...

    def pages(self, album: str) -> Iterator[tuple[PictureFile, ...]]: ...

    def condemn(self, album: str) -> None: ...

    def spare(self, album: str) -> None: ...

    def condemned(self) -> tuple[str, ...]: ...

    def drop(self, album: str) -> None: ...


class Pictures:
    """``domain.ports.PictureStore``: a backend, off the event loop, its errors the domain's."""

    def __init__(self, backend: Backend) -> None:
        """Over a backend that is open; ``open`` makes both."""
        self._backend = backend
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="pictures")

    @classmethod
    async def open(cls, place: Path | str) -> Self:
        """Over the folder ``place``, which is made where it is missing, or the URL ``place``.

        Raises PicturesUnusable where it can't be opened and written.
        """

        def opened() -> Backend:
            backend = FolderPictures(place) if isinstance(place, Path) else ObjectPictures(place)
            backend.open()
            return backend

        try:
            return cls(await asyncio.to_thread(opened))
        except OSError as error:
            raise PicturesUnusable(error.strerror or str(error)) from error

    @property
    def kind(self) -> str:
        """``folder``, or the protocol of the URL."""
        return self._backend.kind

    async def put(self, key: PictureKey, data: bytes) -> None:
        """Keep ``data``, whole or not at all, through the death of this process."""
        await self._run(lambda: self._backend.put(key, data))

    async def holds(self, key: PictureKey, byte_size: int) -> bool:
        """Whether the file is there; in a folder it is also read, and told from a damaged one."""
        return await self._run(lambda: self._backend.holds(key, byte_size))

    async def read(self, key: PictureKey) -> AsyncGenerator[bytes]:
        """The file in chunks; one that is missing or damaged raises before its last chunk."""
        file = await self._run(lambda: self._opened(key))
        if file is None:
            raise self._lost(key, "missing")
        digest = hashlib.sha256()
        last = b""
        try:
            while chunk := await self._run(lambda: file.read(CHUNK_BYTES)):
                digest.update(chunk)
                if last:
                    yield last
                last = chunk
        finally:
            # In a thread, and not waited for: that of a remote file may take its time.
            self._pool.submit(file.close)
        if digest.hexdigest() != key.sha256:
            raise self._lost(key, "damaged")
        if last:
            yield last

    async def remove(self, keys: Sequence[PictureKey]) -> None:
        """Remove those of the files that are there."""
        if keys:
            await self._run(lambda: self._backend.remove(keys))

    async def pages(self, album: str) -> AsyncGenerator[tuple[PictureFile, ...]]:
        """Every file of an album, a page at a time."""
        pages = await self._run(lambda: self._backend.pages(album))
        while (page := await self._run(lambda: next(pages, None))) is not None:
            yield page

    async def condemn(self, album: str) -> None:
        """Note, and keep, that the album is about to be dropped."""
        await self._run(lambda: self._backend.condemn(album))

    async def spare(self, album: str) -> None:
        """Take that note back."""
        await self._run(lambda: self._backend.spare(album))

    async def condemned(self) -> tuple[str, ...]:
        """The albums with such a note."""
        return await self._run(self._backend.condemned)

    async def drop(self, album: str) -> None:
        """Remove the album with all its files, and the note about it."""
        await self._run(lambda: self._backend.drop(album))

    async def close(self) -> None:
        """Wait for what runs, and for files that are still to be closed."""
        await asyncio.to_thread(self._pool.shutdown, wait=True)

    async def _run(self, call: Callable[[], Answer]) -> Answer:
        """``call`` in a thread, to its end; raises domain errors.

        A caller that is cancelled waits for the end, too: it holds the locks of the items, and the
        next who gets them must find the files at rest.
        """
        running = asyncio.get_running_loop().run_in_executor(self._pool, call)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise
        except PicturesFull:
            raise Exhausted(
                Reason.STORE_FULL,
                "the disk of the kept pictures is nearly full: nothing can be written to it",
            ) from None
        except OSError as error:
            log.error("the picture store failed: %s", error)
            raise Unavailable(
                Reason.STORE_UNAVAILABLE, "the picture store does not answer; retry is safe"
            ) from None

    def _opened(self, key: PictureKey) -> IO[bytes] | None:
        try:
            return self._backend.reader(key)
        except FileNotFoundError:
            return None

    def _lost(self, key: PictureKey, how: str) -> TriptychError:
        name = f"{key.album} {key.point_id}.{key.sha256}"
        log.error("a kept picture is %s: %s", how, name)
        return image_lost()
