"""Reads, lists, counts and removes items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from triptych_server.domain import layout
from triptych_server.domain.collections import Collection, ImageRetention
from triptych_server.domain.errors import Reason, WrongState, clip, item_not_found
from triptych_server.domain.filters import Filter, PointIds
from triptych_server.domain.items import Item, Notice
from triptych_server.domain.ports import StoredPoint, VectorStore
from triptych_server.domain.queries import FieldSelection
from triptych_server.usecases.filter_use import check_filter
from triptych_server.usecases.locks import KeyLocks, writer_keys
from triptych_server.usecases.picture_keeper import PictureKeeper, kept_of
from triptych_server.usecases.stopwatch import Stopwatch

# Items that are removed together with their pictures hold their locks together.
DELETE_TOGETHER = 256


@dataclass(frozen=True, slots=True, eq=False)
class ItemPage:
    """A page of items; ``next_id`` is the point id that begins the next one."""

    items: tuple[Item, ...]
    next_id: str | None
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """A count of items."""

    count: int
    notices: tuple[Notice, ...]


def to_item(point: StoredPoint) -> Item:
    """The item that a point holds."""
    record, payload = layout.from_payload(point.payload)
    return Item(point.id, record, payload, point.vectors)


def check_vector_names(collection: Collection, fields: FieldSelection) -> None:
    """Raises WrongState (VECTOR_NAME_UNKNOWN) where ``fields`` names a vector that is not there."""
    known = [space.name for space in collection.vector_spaces]
    for name in sorted((fields.vectors or frozenset()).difference(known)):
        allowed = ", ".join(f"vectors.{one}" for one in known)
        raise WrongState(
            Reason.VECTOR_NAME_UNKNOWN,
            f"return_fields: no such vector space (got vectors.{clip(name)}, allowed {allowed})",
            subject=f"collections/{collection.id}",
        )


class Items:
    """The use cases of ItemService but for writing."""

    def __init__(self, store: VectorStore, keeper: PictureKeeper, writers: KeyLocks) -> None:
        self._store = store
        self._keeper = keeper
        self._writers = writers

    async def get(self, collection_id: str, item_id: str, fields: FieldSelection) -> Item:
        """Raises NotFound."""
        collection = await self._store.get_collection(collection_id)
        check_vector_names(collection, fields)
        found = await self._store.retrieve(
            collection_id, [layout.point_id(item_id)], vectors=fields.wants_vectors
        )
        if not found:
            raise item_not_found(item_id)
        return to_item(found[0])

    async def page(
        self,
        collection_id: str,
        filter: Filter,
        watch: Stopwatch,
        *,
        limit: int,
        start_id: str | None,
        fields: FieldSelection,
    ) -> ItemPage:
        """A page in the order of point ids. Raises NotFound, InvalidInput."""
        collection = await self._store.get_collection(collection_id)
        check_vector_names(collection, fields)
        notices = check_filter(collection, filter)
        with watch.stage("scroll"):
            page = await self._store.scroll(
                collection_id, filter, limit=limit, start_id=start_id, vectors=fields.wants_vectors
            )
        return ItemPage(tuple(to_item(point) for point in page.points), page.next_id, notices)

    async def count(self, collection_id: str, filter: Filter, watch: Stopwatch) -> Counted:
        """Exactly. Raises NotFound, InvalidInput."""
        notices = check_filter(await self._store.get_collection(collection_id), filter)
        with watch.stage("count"):
            return Counted(await self._store.count(collection_id, filter), notices)

    async def delete_ids(
        self, collection_id: str, item_ids: Sequence[str], watch: Stopwatch
    ) -> Counted:
        """The count of those that were there, gone with their pictures. Raises NotFound.

        An upsert of one of them that has begun is waited for.
        """
        collection = await self._store.get_collection(collection_id)
        ids = list(dict.fromkeys(layout.point_id(i) for i in item_ids))
        with watch.stage("delete"):
            async with self._writers.hold(writer_keys(collection_id, ids)):
                kept = []
                if collection.image_retention is not ImageRetention.NONE:
                    kept = kept_of(collection, await self._store.retrieve(collection_id, ids))
                count = await self._store.delete(collection_id, ids)
                await self._keeper.remove(kept)
                return Counted(count, ())

    async def delete_matching(
        self, collection_id: str, filter: Filter, watch: Stopwatch
    ) -> Counted:
        """The count of those that passed ``filter``, gone with their pictures; an empty filter
        removes all. Raises NotFound, InvalidInput.
        """
        collection = await self._store.get_collection(collection_id)
        notices = check_filter(collection, filter)
        with watch.stage("delete"):
            if collection.image_retention is ImageRetention.NONE:
                return Counted(await self._store.delete_matching(collection_id, filter), notices)
            count = 0
            start_id: str | None = None
            while True:
                page = await self._store.scroll(
                    collection_id, filter, limit=DELETE_TOGETHER, start_id=start_id
                )
                if page.points:
                    ids = [point.id for point in page.points]
                    count += await self._delete_page(collection, filter, ids)
                if page.next_id is None:
                    return Counted(count, notices)
                start_id = page.next_id

    async def _delete_page(self, collection: Collection, filter: Filter, ids: list[str]) -> int:
        """Remove those of ``ids`` that pass ``filter`` still, now that no one can write them."""
        still = replace(filter, must=(*filter.must, PointIds(tuple(ids))))
        async with self._writers.hold(writer_keys(collection.id, ids)):
            page = await self._store.scroll(collection.id, still, limit=len(ids), start_id=None)
            count = await self._store.delete(collection.id, [point.id for point in page.points])
            await self._keeper.remove(kept_of(collection, page.points))
            return count
