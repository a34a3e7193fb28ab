"""The shards of the embedded store and the operations on them; runs in the engine's process.

The engine builds its HNSW graphs only in ``optimize()``, which blocks it for seconds to minutes,
and nothing here calls it: the optimizer's process does, on a copy, whose place is then taken here.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import qdrant_edge as edge

from triptych_server.domain.collections import Collection
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.paths import parse_path
from triptych_server.domain.payload import field_types
from triptych_server.domain.ports import Page, StoredPoint
from triptych_server.store import edge_protocol as ask
from triptych_server.store.catalogue import NAME, Catalogue, UnreadableCollection
from triptych_server.store.edge_filters import Types, edge_filter
from triptych_server.store.edge_mapping import (
    create_index,
    edge_point,
    edge_query,
    shard_config,
    stored_point,
)
from triptych_server.store.edge_protocol import Failed, FailureKind
from triptych_server.store.edge_unions import query_unions
from triptych_server.store.edge_write_log import WriteLog
from triptych_server.store.json_path import UnaddressableField

# One operation is one record of the engine's log. Larger ones make the next start slow.
MAX_POINTS_PER_OPERATION = 256


class EngineFailure(Exception):
    """A request that comes to nothing, with what the other side is told of it."""

    def __init__(self, kind: FailureKind, text: str, name: str = "") -> None:
        super().__init__(text)
        self.failed = Failed(kind, text, name)


class EdgeEngine:
    """One open shard a collection.

    All shards are opened at the start: ready then means that every collection answers, no first
    search pays for the loading, and a collection that cannot be read is seen at once. An open
    takes about 0.1 s, and 0.6 s at 100,000 items.
    """

    def __init__(self, root: Path, *, min_free_bytes: int) -> None:
        self._root = root
        self._min_free_bytes = min_free_bytes
        self._catalogue = Catalogue(root)
        self._collections: dict[str, Collection] = {}
        self._shards: dict[str, edge.EdgeShard] = {}
        self._types: dict[str, Types] = {}
        self._logs: dict[str, WriteLog] = {}

    def open(self) -> ask.Ready:
        """Open every collection. Raises EngineFailure (UNREADABLE, LOCKED)."""
        try:
            for collection in self._catalogue.open():
                self._load(collection)
        except UnreadableCollection as error:
            raise EngineFailure(FailureKind.UNREADABLE, str(error), error.collection_id) from error
        return ask.Ready(tuple(self._collections.values()), version("qdrant-edge-py"))

    def execute(self, request: object) -> object:
        """Carry out one request; the answer is of the type that the request names."""
        match request:
            case ask.Upsert(collection_id) | ask.Delete(collection_id):
                return self._noted(collection_id, request)
            case ask.DeleteMatching(collection_id):
                return self._noted(collection_id, request)
        return self._execute(request)

    def attach(self, collection: Collection, shard: edge.EdgeShard) -> None:
        """Work on an open shard of ``collection``."""
        self._shards[collection.id] = shard
        self._collections[collection.id] = collection
        self._types[collection.id] = field_types(collection.payload_fields, parse_path)

    def _noted(self, collection_id: str, request: object) -> object:
        """Carry out a write, and note it where the collection is being optimized."""
        log = self._logs.get(collection_id)
        if log is None:
            return self._execute(request)
        try:
            answer = self._execute(request)
        except EngineFailure:
            raise  # before anything was changed
        except BaseException:
            log.spoil()
            raise
        log.append(request)
        return answer

    def _execute(self, request: object) -> object:
        match request:
            case ask.Query(collection_id, legs, created):
                self._check_identity(collection_id, created)
                return self._query(collection_id, legs)
            case ask.QueryUnions(collection_id, unions, created):
                self._check_identity(collection_id, created)
                return query_unions(
                    self._shard(collection_id),
                    self._collections[collection_id],
                    unions,
                    lambda filter: self._compiled(collection_id, filter),
                )
            case ask.Fetch(collection_id, ids, legs, vectors, created):
                self._check_identity(collection_id, created)
                points = self._retrieve(collection_id, ids, vectors)
                return points, self._query(collection_id, legs)
            case ask.Retrieve(collection_id, ids, vectors):
                return self._retrieve(collection_id, ids, vectors)
            case ask.Scroll():
                return self._scroll(request)
            case ask.Count(collection_id, filter):
                return self._count(collection_id, filter)
            case ask.Passes(collection_id, point_id, filters):
                within = (point_id,)
                return tuple(bool(self._count(collection_id, f, within)) for f in filters)
            case ask.Delete(collection_id, ids):
                return self._delete(collection_id, ids)
            case ask.DeleteMatching(collection_id, filter):
                return self._delete_matching(collection_id, filter)
            case ask.Upsert():
                self._check_identity(request.collection_id, request.created)
                self._upsert(request)
            case ask.CreateCollection(collection):
                self._create(collection)
            case ask.DropCollection(collection_id):
                self._drop(collection_id)
            case ask.Flush(collection_id):
                self._flush(collection_id)
            case ask.BeginLog(collection_id):
                self._begin_log(collection_id)
            case ask.LogSize(collection_id):
                log = self._logs.get(collection_id)
                return log.size if log is not None and log.is_whole else None
            case ask.EndLog(collection_id):
                self._end_log(collection_id)
            case ask.TakeShard(collection_id, name, points):
                self._take_shard(collection_id, name, points)
            case ask.Close():
                self._close()
            case _:
                raise EngineFailure(FailureKind.REJECTED, f"no such request: {type(request)}")
        return None

    def _shard(self, collection_id: str) -> edge.EdgeShard:
        try:
            return self._shards[collection_id]
        except KeyError:
            raise EngineFailure(
                FailureKind.COLLECTION_MISSING, "no such collection", collection_id
            ) from None

    def _check_identity(self, collection_id: str, created: datetime | None) -> None:
        """Refuse what was prepared for a collection that has been dropped and made anew since."""
        self._shard(collection_id)
        if created is not None and self._collections[collection_id].create_time != created:
            raise EngineFailure(FailureKind.COLLECTION_MISSING, "made anew", collection_id)

    def _load(self, collection: Collection) -> None:
        try:
            shard = edge.EdgeShard.load(str(self._catalogue.shard(collection.id)))
        except BaseException as error:  # a panic of the engine is no Exception
            kind = FailureKind.LOCKED if "WouldBlock" in str(error) else FailureKind.UNREADABLE
            raise EngineFailure(kind, str(error), collection.id) from error
        self.attach(collection, shard)

    def _create(self, collection: Collection) -> None:
        if collection.id in self._shards:
            raise EngineFailure(FailureKind.COLLECTION_EXISTS, "already there", collection.id)
        # The names of spaces become names of files. The wire has checked both; this is the fence.
        for name in (collection.id, *(space.name for space in collection.vector_spaces)):
            if not NAME.fullmatch(name):
                raise EngineFailure(FailureKind.NAME_INVALID, "not fit for a file name", name)
        self._need_space()
        try:
            folder = self._catalogue.begin(collection.id)
            shard = edge.EdgeShard.create(str(folder), shard_config(collection))
            try:
                for field in collection.payload_fields:
                    shard.update(create_index(field))
                shard.flush()
            finally:
                shard.close()
            self._catalogue.publish(collection)
        except BaseException:
            self._catalogue.abandon(collection.id)
            raise
        self._load(collection)

    def _drop(self, collection_id: str) -> None:
        shard = self._shard(collection_id)
        self._end_log(collection_id)
        self._catalogue.drop(collection_id)
        del self._shards[collection_id], self._collections[collection_id]
        del self._types[collection_id]
        shard.close()

    def _upsert(self, request: ask.Upsert) -> None:
        shard = self._shard(request.collection_id)
        collection = self._collections[request.collection_id]
        self._need_space()
        points = [edge_point(collection, point) for point in request.points]
        for start in range(0, len(points), MAX_POINTS_PER_OPERATION):
            batch = points[start : start + MAX_POINTS_PER_OPERATION]
            shard.update(edge.UpdateOperation.upsert_points(batch))

    def _retrieve(
        self, collection_id: str, ids: tuple[str, ...], vectors: bool
    ) -> tuple[StoredPoint, ...]:
        records = self._shard(collection_id).retrieve(list(ids), True, vectors)
        found = {point.id: point for point in map(stored_point, records)}
        return tuple(found[id_] for id_ in ids if id_ in found)

    def _scroll(self, request: ask.Scroll) -> Page:
        records, next_id = self._shard(request.collection_id).scroll(
            edge.ScrollRequest(
                offset=request.start_id,
                limit=request.limit,
                filter=self._compiled(request.collection_id, request.filter),
                with_payload=True,
                with_vector=request.vectors,
            )
        )
        return Page(
            tuple(stored_point(record) for record in records),
            None if next_id is None else str(next_id),
        )

    def _count(
        self, collection_id: str, filter: Filter, within: tuple[str, ...] | None = None
    ) -> int:
        shard = self._shard(collection_id)
        compiled = self._compiled(collection_id, filter, within)
        return shard.count(edge.CountRequest(exact=True, filter=compiled))

    def _delete(self, collection_id: str, ids: tuple[str, ...]) -> int:
        shard = self._shard(collection_id)
        present = shard.retrieve(list(ids), False, False)
        if present:
            shard.update(edge.UpdateOperation.delete_points([record.id for record in present]))
        return len(present)

    def _delete_matching(self, collection_id: str, filter: Filter) -> int:
        shard = self._shard(collection_id)
        count = self._count(collection_id, filter)
        if count:
            compiled = self._compiled(collection_id, filter) or edge.Filter()
            shard.update(edge.UpdateOperation.delete_points_by_filter(compiled))
        return count

    def _query(
        self, collection_id: str, legs: tuple[LegQuery, ...]
    ) -> list[list[tuple[str, float]]]:
        shard = self._shard(collection_id)
        collection = self._collections[collection_id]
        # Legs mostly share one filter and one choice of ids. By identity: two filters that
        # differ in 1 and True are equal.
        compiled: dict[tuple[int, int], edge.Filter | None] = {}
        requests: list[edge.QueryRequest] = []
        asked: list[int] = []
        for position, leg in enumerate(legs):
            if leg.within is not None and not leg.within:
                continue
            key = (id(leg.filter), id(leg.within))
            if key not in compiled:
                compiled[key] = self._compiled(collection_id, leg.filter, leg.within)
            requests.append(edge_query(collection, leg, compiled[key]))
            asked.append(position)
        answers: list[list[tuple[str, float]]] = [[] for _ in legs]
        if requests:
            found = shard.query_batch(edge.QueryBatchRequest(requests))
            # The legs find mostly the same points, and writing out an id takes a microsecond.
            names: dict[int, str] = {}
            for position, points in zip(asked, found, strict=True):
                hits = [(_written(point.id, names), point.score) for point in points]
                hits.sort(key=lambda hit: (-hit[1], hit[0]))
                answers[position] = hits
        return answers

    def _compiled(
        self, collection_id: str, filter: Filter, within: tuple[str, ...] | None = None
    ) -> edge.Filter | None:
        try:
            return edge_filter(filter, self._types[collection_id], within)
        except UnaddressableField as error:
            raise EngineFailure(FailureKind.FIELD_INVALID, "unaddressable", str(error)) from error

    def _flush(self, collection_id: str) -> None:
        log = self._logs.get(collection_id)
        if log is not None and log.is_whole and log.size == 0:
            return  # nothing was written since the flush that began the log: files may be copied
        if collection_id in self._shards:
            self._shards[collection_id].flush()

    def _begin_log(self, collection_id: str) -> None:
        self._shard(collection_id).flush()
        self._end_log(collection_id)
        self._logs[collection_id] = WriteLog(self._catalogue.writes(collection_id))

    def _end_log(self, collection_id: str) -> None:
        log = self._logs.pop(collection_id, None)
        if log is not None:
            log.close()

    def _take_shard(self, collection_id: str, name: str, points: int) -> None:
        """The one before is let go of only when the other is open and has as many points."""
        old = self._shard(collection_id)
        path = self._catalogue.shard(collection_id).with_name(name)
        new = edge.EdgeShard.load(str(path))
        try:
            every = edge.CountRequest(exact=True)
            found = (old.count(every), new.count(every), points)
            if len(set(found)) > 1:
                raise EngineFailure(FailureKind.REJECTED, f"points: {found}", collection_id)
            self._catalogue.replace_shard(collection_id, path)
        except BaseException:
            if self._catalogue.shard(collection_id) != path:
                new.close()
                raise
        self._shards[collection_id] = new
        self._end_log(collection_id)
        old.close()

    def _close(self) -> None:
        with ExitStack() as every:  # one that fails does not keep the others from it
            for shard in self._shards.values():
                every.callback(shard.close)
                every.callback(shard.flush)

    def _need_space(self) -> None:
        """Refuse to write where the disk is nearly full.

        The engine writes through memory maps of sparse files: on a full disk it does not fail
        but is killed by SIGBUS, and again when it opens the folder.
        """
        disk = os.statvfs(self._root)
        if disk.f_bavail * disk.f_frsize < self._min_free_bytes:
            raise EngineFailure(FailureKind.DISK_FULL, "too little room left on the disk")


def failure_of(error: Exception) -> Failed:
    """What the other side is told of an error that ``execute`` or ``open`` let through."""
    if isinstance(error, EngineFailure):
        return error.failed
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failed(FailureKind.DISK_FULL, str(error))
    return Failed(FailureKind.REJECTED, f"{type(error).__name__}: {error}")


def _written(point_id: object, names: dict[int, str]) -> str:
    """The id as text, from ``names`` where it is known."""
    assert isinstance(point_id, UUID)
    name = names.get(point_id.int)
    if name is None:
        name = names[point_id.int] = str(point_id)
    return name
