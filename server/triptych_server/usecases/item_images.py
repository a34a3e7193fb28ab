"""Gives back what is kept of an item's picture."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from triptych_server.domain import layout
from triptych_server.domain.collections import Collection
from triptych_server.domain.errors import NotFound, Reason, WrongState, clip, item_not_found
from triptych_server.domain.items import ImageVariant, KeptImage
from triptych_server.domain.pictures import PictureKey, album_of, image_lost, variants_of
from triptych_server.domain.ports import PictureStore, VectorStore


@dataclass(frozen=True, slots=True, eq=False)
class OpenImage:
    """A kept file, and its bytes in chunks. Who takes them also closes them."""

    image: KeptImage
    chunks: AsyncGenerator[bytes]


class ItemImages:
    """The use case of ItemService.GetItemImage."""

    def __init__(self, store: VectorStore, pictures: PictureStore) -> None:
        self._store = store
        self._pictures = pictures

    async def open(
        self, collection_id: str, item_id: str, variant: ImageVariant | None
    ) -> OpenImage:
        """The file of that variant; None stands for the original, or else the thumbnail.

        Raises NotFound (collection, item, ITEM_HAS_NO_IMAGE), WrongState (IMAGE_NOT_KEPT), DataLoss
        where it should be kept and was not. That the file itself is missing or damaged is raised
        by the chunks.
        """
        collection = await self._store.get_collection(collection_id)
        kept = variants_of(collection.image_retention)
        if not kept or (variant is not None and variant not in kept):
            raise _not_kept(collection, variant)
        points = await self._store.retrieve(collection_id, [layout.point_id(item_id)])
        if not points:
            raise item_not_found(item_id)
        info = layout.from_payload(points[0].payload)[0].image
        if info is None:
            raise NotFound(
                Reason.ITEM_HAS_NO_IMAGE,
                f"id: the item {clip(item_id)!r} has no picture",
                kind="image",
                name=item_id,
            )
        wanted = variant or kept[0]
        image = next((found for found in info.kept if found.variant is wanted), None)
        if image is None:
            raise image_lost()
        key = PictureKey(album_of(collection), points[0].id, image.sha256)
        return OpenImage(image, self._pictures.read(key))


def _not_kept(collection: Collection, variant: ImageVariant | None) -> WrongState:
    allowed = ", ".join(kept.name for kept in variants_of(collection.image_retention))
    if allowed and variant is not None:
        message = (
            f"variant: the collection {collection.id!r} does not keep this file of its pictures "
            f"(got {variant.name}, allowed {allowed}); image_retention ORIGINAL, chosen when a "
            "collection is made, keeps it"
        )
    else:
        message = (
            f"collection_id: the collection {collection.id!r} keeps no pictures: its "
            "image_retention, chosen when a collection is made, is NONE"
        )
    return WrongState(Reason.IMAGE_NOT_KEPT, message, subject=f"collections/{collection.id}")
