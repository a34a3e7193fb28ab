"""A copy of a collection's shard that gets an index, and the writes that came meanwhile.

Runs in the optimizer's process, or in the offline command; never in the engine's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import qdrant_edge as edge

from triptych_server.domain.collections import Collection
from triptych_server.store import edge_protocol as ask
from triptych_server.store.catalogue import Catalogue, sync_path, sync_tree
from triptych_server.store.edge_copy import copy_folder
from triptych_server.store.edge_engine import EdgeEngine
from triptych_server.store.edge_mapping import shard_config
from triptych_server.store.edge_tuning import EDGES, EF_CONSTRUCT, Tuning
from triptych_server.store.edge_write_log import read_log

# Searches and writes go first. A tenth of the weight of a usual thread where both want a core.
_NICENESS = 10
_WORN = 0.2


@dataclass(frozen=True, slots=True)
class Built:
    """What a finished copy holds: points, and vectors that have an index."""

    points: int
    indexed_vectors: int


class OptimizedCopy:
    """A shard at ``target`` that begins as a copy of ``collection``'s own.

    The order is copy, build, replay as often as is fit, close. It raises OSError where the disk
    fails, and Exception for what the engine says.
    """

    def __init__(self, root: Path, collection: Collection, target: Path, tuning: Tuning) -> None:
        self._collection = collection
        self._source = Catalogue(root).shard(collection.id)
        self.target = target
        self._tuning = tuning
        self._root = root
        self._shard: edge.EdgeShard | None = None
        self._replayed = 0

    def copy(self) -> None:
        """Copy the files; nothing may be written to the source meanwhile."""
        copy_folder(self._source, self.target)

    def build(self) -> None:
        """Order the points anew and build the graphs: seconds to many minutes, politely."""
        if self._shard is None:
            self._shard = edge.EdgeShard.load(str(self.target), self._config())
        _politely(self._shard.optimize)
        self._shard.flush()
        self._replayed = 0

    @property
    def is_worn(self) -> bool:
        """Whether so much was replayed since it was built that it ought to be built anew.

        The graph keeps what was replaced or deleted as dead ends, and is harder to search by them.
        """
        return self._replayed > _WORN * self._points()

    def replay(self, log: Path, start: int, end: int) -> int:
        """Apply the writes that the log has between two offsets; where the last of them ended."""
        assert self._shard is not None
        engine = EdgeEngine(self._root, min_free_bytes=0)
        engine.attach(self._collection, self._shard)
        place = start
        for request, ends in read_log(log, start, end):
            answer = engine.execute(request)
            # A deletion answers how many it met.
            self._replayed += answer if isinstance(answer, int) else _points_of(request)
            place = ends
        return place

    def sync(self) -> None:
        """Make what is there durable, so that ``close`` has little left to do."""
        assert self._shard is not None
        self._shard.flush()
        sync_tree(self.target)

    def close(self) -> Built:
        """Make everything durable and let go of it."""
        assert self._shard is not None
        built = Built(self._points(), self._shard.info().indexed_vectors_count)
        self._shard.flush()
        self._shard.close()
        sync_tree(self.target)
        sync_path(self.target.parent)
        return built

    def _points(self) -> int:
        assert self._shard is not None
        return self._shard.count(edge.CountRequest(exact=True))

    def _config(self) -> edge.EdgeConfig:
        base = shard_config(self._collection)
        return edge.EdgeConfig(
            vectors=base.vectors,
            sparse_vectors=base.sparse_vectors,
            hnsw_config=edge.HnswIndexConfig(
                EDGES,
                EF_CONSTRUCT,
                self._tuning.full_scan_kb,
                max_indexing_threads=self._tuning.threads,
            ),
            optimizers=edge.EdgeOptimizersConfig(
                indexing_threshold=self._tuning.indexing_threshold_kb,
                # One graph over all, however large: two are twice the work for each search.
                default_segment_number=1,
                max_segment_size=2**40,
            ),
        )


def _points_of(request: object) -> int:
    return len(request.points) if isinstance(request, ask.Upsert) else 0


def _politely(work: Callable[[], object]) -> None:
    """Run ``work`` at a low priority, and what it starts with it. Raises what it raises.

    On Linux a priority is a thread's own and handed on to the threads that it starts, so that the
    copying before and the writes after run at the usual one: others wait for those.
    """
    failures: list[BaseException] = []

    def run() -> None:
        os.nice(_NICENESS)
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed on below
            failures.append(error)

    thread = threading.Thread(target=run, name="optimize")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
