"""The folders of the embedded store.

    <root>/lock                                     held by the engine's process while it lives
    <root>/collections/<collection id>/collection.json
    <root>/collections/<collection id>/shard/       the engine's own files
    <root>/collections/<collection id>/shard-*/     the same once they were optimized, and
    <root>/collections/<collection id>/current      the name of the folder that counts then
    <root>/collections/<collection id>/writes.log   what is written during an optimization
    <root>/collections/.new-<collection id>/        a collection that is being made
    <root>/collections/.dropped-<random>/           a collection that is being removed

A collection is made under a name that begins with a dot and renamed when it is whole; it is
dropped by a rename the other way. Both renames are atomic, so after a crash a collection is there
or not, and never half. An optimized copy takes the place of a shard by the rename of one small
file, ``current``: before it and after it the collection is whole. What is left under a dotted name,
and shards that do not count, are removed at the next start.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from triptych_server.domain.collections import Collection
from triptych_server.store.collection_json import dump_collection, load_collection

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NEW = ".new-"
_DROPPED = ".dropped-"
_DESCRIPTION = "collection.json"
_SHARD = "shard"
_CURRENT = "current"
_CURRENT_NEXT = "current.next"
_WRITES = "writes.log"
_NAME_OF_SHARD = re.compile(r"shard(-[0-9a-f]{8})?")


class UnreadableCollection(Exception):
    """The description of a collection is missing or not understood."""

    def __init__(self, collection_id: str, text: str) -> None:
        super().__init__(text)
        self.collection_id = collection_id


class Catalogue:
    """Which collections there are, as folders under ``root``. Raises OSError as it comes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / "collections"

    def open(self) -> tuple[Collection, ...]:
        """Make the folder where it is missing, remove leftovers, and read every description.

        Raises UnreadableCollection rather than passing over a folder that it cannot read.
        """
        if not self._folder.is_dir():
            self._folder.mkdir()
            sync_path(self._root)
        for entry in sorted(self._folder.iterdir()):
            if entry.name.startswith((_NEW, _DROPPED)):
                shutil.rmtree(entry)
        collections = tuple(self._read())
        for collection in collections:
            self.clear(collection.id)
        return collections

    def shard(self, collection_id: str) -> Path:
        """Where the engine keeps the points of a collection that exists.

        Raises UnreadableCollection.
        """
        folder = self._folder / collection_id
        try:
            name = (folder / _CURRENT).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            name = _SHARD
        if not _NAME_OF_SHARD.fullmatch(name):
            raise UnreadableCollection(collection_id, f"{_CURRENT} names {name[:64]!r}")
        return folder / name

    def next_shard(self, collection_id: str) -> Path:
        """A path beside the shard, where nothing is, for one that may take its place."""
        return self._folder / collection_id / f"{_SHARD}-{uuid.uuid4().hex[:8]}"

    def writes(self, collection_id: str) -> Path:
        """Where the writes stand that come during an optimization."""
        return self._folder / collection_id / _WRITES

    def replace_shard(self, collection_id: str, shard: Path) -> None:
        """Let ``shard``, of ``next_shard`` and durable, be the one that counts from now on."""
        folder = self._folder / collection_id
        (folder / _CURRENT_NEXT).write_text(shard.name + "\n", encoding="utf-8")
        sync_path(folder / _CURRENT_NEXT)
        sync_path(folder)
        (folder / _CURRENT_NEXT).replace(folder / _CURRENT)
        sync_path(folder)

    def clear(self, collection_id: str) -> None:
        """Remove what an optimization left: shards that do not count, and its log."""
        folder, current = self._folder / collection_id, self.shard(collection_id).name
        if not (folder / current).is_dir():
            return  # something is wrong here, and nothing is thrown away until it is seen to
        for entry in sorted(folder.iterdir()):
            if entry.name in (_CURRENT_NEXT, _WRITES):
                entry.unlink(missing_ok=True)
            elif entry.name != current and _NAME_OF_SHARD.fullmatch(entry.name):
                # Away from its place at once: who still writes to it does so to no purpose.
                dropped = self._folder / (_DROPPED + uuid.uuid4().hex)
                with suppress(FileNotFoundError):
                    entry.rename(dropped)
                shutil.rmtree(dropped, ignore_errors=True)

    def begin(self, collection_id: str) -> Path:
        """An empty folder for the engine's files of a collection to be.

        Raises ValueError for an id that is not fit to be the name of a folder.
        """
        if not NAME.fullmatch(collection_id):
            raise ValueError("not a collection id")
        staging = self._folder / (_NEW + collection_id)
        if staging.exists():
            shutil.rmtree(staging)
        shard = staging / _SHARD
        shard.mkdir(parents=True)
        return shard

    def publish(self, collection: Collection) -> None:
        """Let the collection that was begun be there: on the disk first, then under its name."""
        staging = self._folder / (_NEW + collection.id)
        (staging / _DESCRIPTION).write_text(dump_collection(collection), encoding="utf-8")
        sync_tree(staging)
        staging.rename(self._folder / collection.id)
        sync_path(self._folder)

    def abandon(self, collection_id: str) -> None:
        """Remove what was begun and will not be published."""
        shutil.rmtree(self._folder / (_NEW + collection_id), ignore_errors=True)

    def drop(self, collection_id: str) -> None:
        """Let the collection be gone, then remove its files.

        Files that cannot be removed now are removed at the next start.
        """
        dropped = self._folder / (_DROPPED + uuid.uuid4().hex)
        (self._folder / collection_id).rename(dropped)
        sync_path(self._folder)
        shutil.rmtree(dropped, ignore_errors=True)

    def describe(self, collection_id: str) -> Collection:
        """The collection of that name, as its folder describes it. Raises UnreadableCollection."""
        try:
            text = (self._folder / collection_id / _DESCRIPTION).read_text(encoding="utf-8")
            collection = load_collection(text)
        except (OSError, ValueError) as error:
            raise UnreadableCollection(collection_id, str(error)) from error
        if collection.id != collection_id:
            raise UnreadableCollection(collection_id, f"describes {collection.id!r}")
        return collection

    def _read(self) -> Iterator[Collection]:
        for entry in sorted(self._folder.iterdir()):
            if NAME.fullmatch(entry.name):  # and not lost+found, .DS_Store and the like
                yield self.describe(entry.name)


def sync_path(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make every file and every name under ``folder`` durable."""
    for parent, _, files in os.walk(folder):
        for name in files:
            sync_path(Path(parent) / name)
        sync_path(Path(parent))
