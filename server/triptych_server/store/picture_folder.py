"""Pictures as files of a local folder.

    <root>/<album>/items/<2 hex>/<point id>.<sha256>    the files of the items
    <root>/<album>/content/<2 hex>/<sha256>             the same files once more, by their content
    <root>/.condemned/<album>                           an album that is about to be dropped
    <root>/.writing/                                    files that are being written

A file is written under ``.writing``, synced, and renamed into its place, so that it is there whole
or not at all. Equal pictures take their room once: an item's file is a hard link to the one named
by its content where there is one. So a file belongs to its item alone, and may be removed with it
at any time, whoever else writes the same picture meanwhile: the kernel counts the links.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from triptych_server.domain.pictures import PictureFile, PictureKey
from triptych_server.store.catalogue import sync_path
from triptych_server.store.errors import PicturesFull

ALBUM = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\.\d{8}T\d{12}Z")
FILE = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9a-f]{64})")

_CONDEMNED = ".condemned"
_WRITING = ".writing"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Another service on the same folder may be writing them.
_LEFTOVER_AGE_S = 3600.0
_READ_BYTES = 2**20


class FolderPictures:
    """Blocking; raises OSError as it comes, PicturesFull where the disk is nearly full.

    Files are synced before they get their names, and the names before ``put`` returns.
    """

    kind = "folder"

    def __init__(self, root: Path, *, min_free_bytes: int = 256 * 1024 * 1024) -> None:
        self._root = root
        self._min_free_bytes = min_free_bytes

    def open(self) -> None:
        """Make the folder where it is missing, and remove what a crash has left half written."""
        for folder in (self._root / _CONDEMNED, self._root / _WRITING):
            _make(folder)
        for leftover in (self._root / _WRITING).iterdir():
            with suppress(FileNotFoundError):
                if leftover.is_dir():  # an album that was being dropped
                    shutil.rmtree(leftover, ignore_errors=True)
                elif time.time() - leftover.stat().st_mtime > _LEFTOVER_AGE_S:
                    leftover.unlink()

    def put(self, key: PictureKey, data: bytes) -> None:
        """Keep ``data`` as the item's, through the loss of power too."""
        path, content = self._paths(key)
        if _holds(path, data):
            os.utime(path)  # so that it does not look forgotten
        else:
            self._need_space()
            try:
                self._keep(path, content, data)
            except OSError as error:
                if error.errno in _FULL:
                    raise PicturesFull from error
                raise
        sync_path(path.parent)

    def holds(self, key: PictureKey, byte_size: int) -> bool:
        """Whether the file is there and undamaged; it is read for it."""
        path, _ = self._paths(key)
        try:
            if path.stat().st_size != byte_size:
                return False
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while part := file.read(_READ_BYTES):
                    digest.update(part)
        except FileNotFoundError:
            return False
        return digest.hexdigest() == key.sha256

    def reader(self, key: PictureKey) -> BinaryIO:
        """The file, open. Raises FileNotFoundError."""
        return self._paths(key)[0].open("rb")

    def remove(self, keys: Sequence[PictureKey]) -> None:
        """Remove the items' files, and give their room back where no other item has it."""
        for key in keys:
            path, content = self._paths(key)
            with suppress(FileNotFoundError):
                path.unlink()
            with suppress(FileNotFoundError):
                # An item that is given the content just now keeps it by a link of its own.
                if content.stat().st_nlink == 1:
                    content.unlink()

    def pages(self, album: str) -> Iterator[tuple[PictureFile, ...]]:
        """The files of an album, one of its folders a page."""
        items = self._album(album) / "items"
        for shard in sorted(items.iterdir()) if items.is_dir() else ():
            page = []
            for entry in os.scandir(shard):
                found = FILE.fullmatch(entry.name)
                with suppress(FileNotFoundError):
                    if found is not None:
                        # A new link changes this time as well, a new content's own time does not.
                        changed = datetime.fromtimestamp(entry.stat().st_ctime, UTC)
                        page.append(PictureFile(PictureKey(album, found[1], found[2]), changed))
            yield tuple(page)

    def condemn(self, album: str) -> None:
        """Note that the album is to be dropped."""
        note = self._note(album)
        note.touch()
        sync_path(note.parent)

    def spare(self, album: str) -> None:
        """Take the note back."""
        note = self._note(album)
        note.unlink(missing_ok=True)
        sync_path(note.parent)

    def condemned(self) -> tuple[str, ...]:
        """The albums with a note."""
        names = sorted(entry.name for entry in (self._root / _CONDEMNED).iterdir())
        return tuple(name for name in names if ALBUM.fullmatch(name))

    def drop(self, album: str) -> None:
        """Remove the album, then the note about it."""
        # Under a name that nothing is put into any more.
        gone = self._root / _WRITING / uuid.uuid4().hex
        with suppress(FileNotFoundError):
            self._album(album).rename(gone)
            sync_path(self._root)
        shutil.rmtree(gone, ignore_errors=True)  # what is left of it goes at the next start
        self.spare(album)

    def _paths(self, key: PictureKey) -> tuple[Path, Path]:
        name = f"{key.point_id}.{key.sha256}"
        if not FILE.fullmatch(name):
            raise ValueError("not the name of a picture")
        album = self._album(key.album)
        return (
            album / "items" / key.point_id[:2] / name,
            album / "content" / key.sha256[:2] / key.sha256,
        )

    def _album(self, album: str) -> Path:
        # Names of albums come from names of collections, which callers choose.
        if not ALBUM.fullmatch(album):
            raise ValueError("not the name of an album")
        return self._root / album

    def _note(self, album: str) -> Path:
        return self._root / _CONDEMNED / self._album(album).name

    def _keep(self, path: Path, content: Path, data: bytes) -> None:
        _make(path.parent)
        if _holds(content, data) and self._linked(content, path):
            return
        self._written(path, data)
        _make(content.parent)
        self._linked(path, content)

    def _written(self, path: Path, data: bytes) -> None:
        def write(staging: Path) -> None:
            with staging.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())

        self._renamed(path, write)

    def _linked(self, content: Path, path: Path) -> bool:
        """Give ``content`` the name ``path`` as well; False where it can't have one more."""
        try:
            self._renamed(path, lambda staging: os.link(content, staging))
        except OSError:
            # No hard links here, no more of them, or the content has just gone.
            return False
        return True

    def _renamed(self, path: Path, make: Callable[[Path], None]) -> None:
        staging = self._root / _WRITING / uuid.uuid4().hex
        try:
            make(staging)
            staging.replace(path)
        finally:
            # Also where nothing failed: renaming one name of a file to another does nothing.
            staging.unlink(missing_ok=True)

    def _need_space(self) -> None:
        disk = os.statvfs(self._root)
        if disk.f_bavail * disk.f_frsize < self._min_free_bytes:
            raise PicturesFull


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _make(folder: Path) -> None:
    """Make the folder and those above it, each name synced."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_path(folder.parent)
