"""Pictures as objects of any store that fsspec knows: S3, Google Cloud Storage, Azure, SFTP, ...

    <base>/<album>/<2 hex>/<point id>.<sha256>
    <base>/condemned/<album>

There are no hard links here, so an item's picture takes room of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, Any, TypeVar

from triptych_server.domain.pictures import PictureFile, PictureKey
from triptych_server.store.errors import PicturesUnusable
from triptych_server.store.picture_folder import ALBUM, FILE

_CONDEMNED = "condemned"
# What the file systems call the time of an object's last change.
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")

Answer = TypeVar("Answer")


class ObjectPictures:
    """Blocking; raises OSError, FileNotFoundError among it, whatever the driver raises.

    Stores of objects write them whole or not at all. On those of files (SFTP, SMB) a crash may
    leave the beginning of one: no item refers to it, and it is written anew, since its size is
    wrong.
    """

    def __init__(self, url: str) -> None:
        """Raises PicturesUnusable where there is no driver for ``url``, or it refuses it."""
        from fsspec.core import url_to_fs

        self.kind = url.partition(":")[0]
        try:
            # A listing that was kept would hide what another service has put or removed.
            self._fs, base = url_to_fs(url, use_listings_cache=False)
        # Each driver has its own ways to refuse an address.
        except Exception as error:
            raise PicturesUnusable(f"{type(error).__name__}: {error}") from error
        self._base = str(base).rstrip("/")

    def open(self) -> None:
        """Write, read and remove a small object. Raises PicturesUnusable."""
        path, data = f"{self._base}/probe-{uuid.uuid4().hex}", b"triptych"
        try:
            self._put(path, data)
            found = self._run(lambda: self._fs.cat_file(path))
            self._remove([path])
        except OSError as error:
            raise PicturesUnusable(str(error)) from error
        if found != data:
            raise PicturesUnusable("what was written is not what is read")

    def put(self, key: PictureKey, data: bytes) -> None:
        """Keep ``data`` as the item's; written again where it is there, so as not to look old."""
        self._put(self._path(key), data)

    def holds(self, key: PictureKey, byte_size: int) -> bool:
        """Whether an object of that size is there; it is not fetched for it."""
        path = self._path(key)
        try:
            found: Mapping[str, Any] = self._run(lambda: self._fs.info(path))
        except FileNotFoundError:
            return False
        return found.get("size") == byte_size

    def reader(self, key: PictureKey) -> IO[bytes]:
        """The object, open. Raises FileNotFoundError."""
        path = self._path(key)
        opened: IO[bytes] = self._run(lambda: self._fs.open(path, "rb"))
        return opened

    def remove(self, keys: Sequence[PictureKey]) -> None:
        """Remove those of the objects that are there."""
        self._remove([self._path(key) for key in keys])

    def pages(self, album: str) -> Iterator[tuple[PictureFile, ...]]:
        """The objects of an album, one of its folders a page."""
        for shard in self._listed(self._album(album)):
            page = []
            for entry in self._listed(shard["name"]):
                found = FILE.fullmatch(_name(entry))
                if found is not None:
                    key = PictureKey(album, found[1], found[2])
                    page.append(PictureFile(key, _time_of(entry)))
            yield tuple(page)

    def condemn(self, album: str) -> None:
        """Note that the album is to be dropped."""
        self._put(self._note(album), b"dropped")

    def spare(self, album: str) -> None:
        """Take the note back."""
        self._remove([self._note(album)])

    def condemned(self) -> tuple[str, ...]:
        """The albums with a note."""
        names = sorted(_name(entry) for entry in self._listed(f"{self._base}/{_CONDEMNED}"))
        return tuple(name for name in names if ALBUM.fullmatch(name))

    def drop(self, album: str) -> None:
        """Remove the album, then the note about it."""
        path = self._album(album)
        with suppress(FileNotFoundError):
            self._run(lambda: self._fs.rm(path, recursive=True))
        self.spare(album)

    def _path(self, key: PictureKey) -> str:
        name = f"{key.point_id}.{key.sha256}"
        if not FILE.fullmatch(name):
            raise ValueError("not the name of a picture")
        return f"{self._album(key.album)}/{key.point_id[:2]}/{name}"

    def _album(self, album: str) -> str:
        # Names of albums come from names of collections, which callers choose.
        if not ALBUM.fullmatch(album):
            raise ValueError("not the name of an album")
        return f"{self._base}/{album}"

    def _note(self, album: str) -> str:
        self._album(album)
        return f"{self._base}/{_CONDEMNED}/{album}"

    def _put(self, path: str, data: bytes) -> None:
        def write() -> None:
            self._fs.pipe_file(path, data)

        try:
            self._run(write)
        except FileNotFoundError:  # there are folders here, and this one is missing
            self._run(lambda: self._make(path.rpartition("/")[0]))
            self._run(write)

    def _make(self, folder: str) -> None:
        """Make the base and what is below it, but nothing above: that may be a bucket."""
        if len(folder) >= len(self._base) and "/" in folder.strip("/"):
            self._make(folder.rpartition("/")[0])
            with suppress(FileExistsError):
                self._fs.mkdir(folder, create_parents=False)

    def _remove(self, paths: list[str]) -> None:
        def remove_each() -> None:
            for path in paths:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(path)

        if not paths:
            return
        try:
            self._run(lambda: self._fs.rm(paths))
        except FileNotFoundError:  # one of them was not there, and the others may be left
            self._run(remove_each)

    def _listed(self, path: str) -> list[Mapping[str, Any]]:
        try:
            entries: list[Mapping[str, Any]] = self._run(lambda: self._fs.ls(path, detail=True))
        except FileNotFoundError:
            return []
        return entries

    def _run(self, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except OSError:
            raise
        # Drivers let through what their own libraries raise: of botocore, aiohttp, paramiko, ...
        except Exception as error:
            raise OSError(f"{type(error).__name__}: {error}") from error


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry["name"]).rstrip("/").rpartition("/")[2]


def _time_of(entry: Mapping[str, Any]) -> datetime:
    """When the object was written; now, where the store does not say."""
    for key in _TIMES:
        value = entry.get(key)
        if isinstance(value, str):
            with suppress(ValueError):
                value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
    return datetime.now(UTC)
