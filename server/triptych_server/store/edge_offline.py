"""Optimizes the collections of a folder that no server uses."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import qdrant_edge as edge

from triptych_server.domain.collections import Collection, SpaceKind
from triptych_server.store.catalogue import Catalogue, UnreadableCollection
from triptych_server.store.edge_copy import (
    MIN_FREE_BYTES,
    bytes_to_optimize,
    free_bytes,
    used_bytes,
)
from triptych_server.store.edge_optimized_copy import OptimizedCopy
from triptych_server.store.edge_tuning import Tuning
from triptych_server.store.errors import (
    CollectionNotThere,
    StoreLocked,
    StoreUnreadable,
    optimize_needs_disk,
)
from triptych_server.store.folder_lock import lock_folder

_ALL_CORES = Tuning(threads=0)


def optimize_folder(
    root: Path, names: Sequence[str], tell: Callable[[str], None], tuning: Tuning = _ALL_CORES
) -> None:
    """Optimize the collections of these names, or all; ``tell`` is told of each step.

    Whatever ends it early leaves every collection as it was or optimized. Raises StoreLocked where
    a server uses the folder, StoreUnreadable, CollectionNotThere, Exhausted (OPTIMIZE_NEEDS_DISK)
    and OSError.
    """
    lock = lock_folder(root, wait_s=0, pause=lambda: True)
    if lock is None:
        raise StoreLocked(folder=root)
    try:
        catalogue = Catalogue(root)
        there = {collection.id: collection for collection in catalogue.open()}
        for name in names:
            if name not in there:
                raise CollectionNotThere(name)
        for name in names or there:
            _optimize(root, catalogue, there[name], tell, tuning)
    except UnreadableCollection as error:
        raise StoreUnreadable(
            f"collection {error.collection_id!r} cannot be read", place=root
        ) from error
    finally:
        os.close(lock)


def _optimize(
    root: Path,
    catalogue: Catalogue,
    collection: Collection,
    tell: Callable[[str], None],
    tuning: Tuning,
) -> None:
    live = catalogue.shard(collection.id)
    points = _settled(live)
    graphs = sum(space.kind is not SpaceKind.SPARSE for space in collection.vector_spaces)
    needed, free = bytes_to_optimize(live, points, graphs) + MIN_FREE_BYTES, free_bytes(root)
    if free < needed:
        raise optimize_needs_disk(collection.id, needed=needed, free=free)
    begun = time.monotonic()
    copy = OptimizedCopy(root, collection, catalogue.next_shard(collection.id), tuning)
    try:
        tell(f"{collection.id}: copying {points:,} items, {used_bytes(live) / 1e6:,.0f} MB")
        copy.copy()
        tell(f"{collection.id}: building the index")
        copy.build()
        built = copy.close()
        if built.points != points:
            raise OSError(f"{collection.id}: the copy has {built.points} of {points} items")
        catalogue.replace_shard(collection.id, copy.target)
    finally:
        catalogue.clear(collection.id)
    tell(
        f"{collection.id}: done in {time.monotonic() - begun:,.0f} s, "
        f"{built.indexed_vectors:,} vectors in the index"
    )


def _settled(shard: Path) -> int:
    """Everything that the engine's log holds written through; the count of points."""
    opened = edge.EdgeShard.load(str(shard))
    points = opened.count(edge.CountRequest(exact=True))
    opened.flush()
    opened.close()
    return points
