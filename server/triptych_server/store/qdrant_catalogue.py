"""Which collections of a Qdrant server are this service's, and what they are.

A collection describes itself: its metadata hold what ``collection_json`` makes of it, and nothing
is kept outside of Qdrant.

    metadata.triptych         the description
    metadata.triptych_ready   its create_time, once every payload index is there

Qdrant makes a collection with its metadata in one step, and gives a name to one collection only;
the indexes follow. Whoever meets a collection that is not ready yet makes what is missing, so one
whose maker died is whole the first time that it is looked at.

What has no such metadata, or is described under another name (a copy, an alias), belongs to
somebody else: it is not listed, and not touched.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from qdrant_client import AsyncQdrantClient, grpc, models
from qdrant_client.conversions.conversion import GrpcToRest

from triptych_server.domain.collections import Collection
from triptych_server.domain.errors import (
    AlreadyExists,
    NotFound,
    Reason,
    TriptychError,
    Unavailable,
    WrongState,
    clip,
    collection_not_found,
)
from triptych_server.domain.paths import parse_path
from triptych_server.domain.storage import StorageSettings
from triptych_server.store.catalogue import NAME
from triptych_server.store.collection_json import collection_tree, load_tree
from triptych_server.store.errors import StoreRejected, collection_exists, name_invalid
from triptych_server.store.json_path import json_path
from triptych_server.store.qdrant_errors import LONGEST_CALL_S, Call, QdrantLine, fence
from triptych_server.store.qdrant_mapping import (
    INDEX,
    hnsw_config,
    quantization_config,
    vectors_config,
)

log = logging.getLogger(__name__)

DESCRIPTION = "triptych"
READY = "triptych_ready"
# How long a description that was read is taken to be true: so long may another service have
# dropped the collection, or made it anew, before reads here notice. Writes always look first.
_TRUSTED_S = 1.0
_READ_AT_ONCE = 16


class SomebodyElses(NotFound):
    """Qdrant has a collection of that name, but it is not this service's."""

    def __init__(self, collection_id: str) -> None:
        super().__init__(
            Reason.COLLECTION_NOT_FOUND,
            f"collection_id: the vector store has a collection {clip(collection_id)!r} that this "
            "service did not make and does not touch",
            kind="collection",
            name=collection_id,
        )


@dataclass(frozen=True, slots=True)
class _Known:
    collection: Collection
    replicas: int
    read_at: float


class QdrantCatalogue:
    """The collections under one prefix. Its methods raise errors of the domain alone."""

    def __init__(self, client: AsyncQdrantClient, line: QdrantLine, prefix: str) -> None:
        self._client = client
        self._line = line
        self._prefix = f"{prefix}." if prefix else ""
        self._known: dict[str, _Known] = {}
        self._warned: set[str] = set()

    def name(self, collection_id: str) -> str:
        """The collection's name in Qdrant. A prefix ends with a dot, which no id of ours holds."""
        return self._prefix + collection_id

    async def get(self, collection_id: str, *, fresh: bool = False) -> Collection:
        """The collection as it is described now or, unless ``fresh``, was a second ago.

        Raises NotFound, also where the name is somebody else's.
        """
        known = self._known.get(collection_id)
        now = time.monotonic()
        if known is not None and not fresh and now - known.read_at < _TRUSTED_S:
            return known.collection
        try:
            read = await self._read(collection_id, now)
        except NotFound:
            self.forget(collection_id)
            raise
        self._known[collection_id] = read
        return read.collection

    def ordering(self, collection_id: str) -> models.WriteOrdering | None:
        """How writes are put in order: on several replicas by one of them.

        Otherwise two services that write the same point at once may leave each replica with the
        other's. With one replica there is one order, and no need to wait for a turn.
        """
        known = self._known.get(collection_id)
        return models.WriteOrdering.MEDIUM if known is None or known.replicas > 1 else None

    def forget(self, collection_id: str) -> None:
        """Look at the collection anew when it is next asked for."""
        self._known.pop(collection_id, None)

    async def all(self) -> tuple[Collection, ...]:
        """Every collection, by id."""
        listing = self._client.grpc_collections.List(
            grpc.ListCollectionsRequest(), timeout=LONGEST_CALL_S
        )
        found = (await self._line.ask(Call("list"), listing)).collections
        ids = sorted(
            entry.name.removeprefix(self._prefix)
            for entry in found
            if entry.name.startswith(self._prefix)
        )
        turns = asyncio.Semaphore(_READ_AT_ONCE)

        async def one(collection_id: str) -> Collection | None:
            async with turns:
                try:
                    return await self.get(collection_id, fresh=True)
                except NotFound:  # somebody else's, or dropped meanwhile
                    return None

        read = await asyncio.gather(*(one(id_) for id_ in ids if NAME.fullmatch(id_)))
        return tuple(collection for collection in read if collection is not None)

    async def create(self, collection: Collection) -> None:
        """Make an empty one, with its indexes. Raises AlreadyExists, WrongState, InvalidInput."""
        for name in (collection.id, *(space.name for space in collection.vector_spaces)):
            if not NAME.fullmatch(name):
                raise name_invalid(name)
        with fence("create"):
            vectors = vectors_config(collection)
            indexes = _indexes(collection)
        storage = collection.storage
        making = self._client.create_collection(
            self.name(collection.id),
            vectors_config=vectors.dense,
            sparse_vectors_config=vectors.sparse,
            shard_number=storage.shard_number,
            replication_factor=storage.replication_factor,
            write_consistency_factor=storage.write_consistency_factor,
            on_disk_payload=storage.on_disk_payload,
            hnsw_config=hnsw_config(storage),
            quantization_config=quantization_config(storage),
            metadata={DESCRIPTION: collection_tree(collection)},
        )
        try:
            await self._line.ask(Call("create", collection.id, writes=True), making)
        except (AlreadyExists, StoreRejected) as error:
            raise await self._refused(collection.id, error) from None
        try:
            await self._check_replicas(collection.id, storage)
            await self._finish(collection, indexes)
        except Unavailable:
            raise  # it is there, and whoever meets it makes the rest
        except TriptychError:
            dropping = self._client.delete_collection(self.name(collection.id))
            with suppress(TriptychError):
                await self._line.ask(Call("abandon", collection.id), dropping)
            raise

    async def drop(self, collection_id: str) -> None:
        """Remove it and everything in it. Raises NotFound."""
        await self.get(collection_id, fresh=True)
        self.forget(collection_id)
        dropping = self._client.delete_collection(self.name(collection_id))
        if not await self._line.ask(Call("drop", collection_id, writes=True), dropping):
            raise collection_not_found(collection_id)

    async def _read(self, collection_id: str, now: float) -> _Known:
        reading = self._client.grpc_collections.Get(
            grpc.GetCollectionInfoRequest(collection_name=self.name(collection_id)),
            timeout=LONGEST_CALL_S,
        )
        config = (await self._line.ask(Call("get", collection_id), reading)).result.config
        metadata: Mapping[str, object] = GrpcToRest.convert_payload(config.metadata)
        try:
            collection = load_tree(metadata.get(DESCRIPTION))
        except ValueError as error:
            self._warn(collection_id, metadata, error)
            raise SomebodyElses(collection_id) from None
        if collection.id != collection_id:
            raise SomebodyElses(collection_id)
        if metadata.get(READY) != _ready_mark(collection):
            with fence("index"):
                indexes = _indexes(collection)
            await self._finish(collection, indexes)
        return _Known(collection, config.params.replication_factor, now)

    async def _finish(
        self,
        collection: Collection,
        indexes: Mapping[str, models.PayloadSchemaType | models.TextIndexParams],
    ) -> None:
        """Make the payload indexes, those that are there again to no effect, and say so."""
        name = self.name(collection.id)
        for path, schema in indexes.items():
            call = Call(f"index {path}", collection.id, writes=True)
            await self._line.write(
                call, self._client.create_payload_index(name, path, field_schema=schema, wait=True)
            )
        marking = self._client.update_collection(name, metadata={READY: _ready_mark(collection)})
        await self._line.ask(Call("ready", collection.id, writes=True), marking)

    async def _check_replicas(self, collection_id: str, storage: StorageSettings) -> None:
        """Qdrant makes as many replicas as it has peers for, and says nothing of the others."""
        wanted = storage.replication_factor or 1
        if wanted == 1:
            return
        looking = self._client.collection_cluster_info(self.name(collection_id))
        shards = await self._line.ask(Call("replicas", collection_id), looking)
        there = (len(shards.local_shards) + len(shards.remote_shards)) // shards.shard_count
        if there < wanted:
            raise WrongState(
                Reason.STORAGE_UNSUPPORTED,
                "storage.replication_factor: the Qdrant cluster has too few peers "
                f"(got {wanted}, allowed {there})",
                subject="storage",
            )

    async def _refused(self, collection_id: str, error: TriptychError) -> TriptychError:
        """Why it was not made; where an alias has the name, Qdrant speaks of bad input."""
        try:
            await self.get(collection_id, fresh=True)
        except SomebodyElses as other:
            return AlreadyExists(
                Reason.COLLECTION_EXISTS, other.message, kind="collection", name=collection_id
            )
        except TriptychError:  # dropped meanwhile, or not everywhere there yet
            return error
        return collection_exists(collection_id)

    def _warn(self, collection_id: str, metadata: Mapping[str, object], error: ValueError) -> None:
        if DESCRIPTION in metadata and collection_id not in self._warned:
            self._warned.add(collection_id)
            log.warning(
                "collection %r is described in no way that is known: %s", collection_id, error
            )


def _ready_mark(collection: Collection) -> str:
    return collection.create_time.isoformat()


def _indexes(
    collection: Collection,
) -> dict[str, models.PayloadSchemaType | models.TextIndexParams]:
    """The index of each declared field, by its path."""
    return {json_path(parse_path(f.name)): INDEX[f.type] for f in collection.payload_fields}
