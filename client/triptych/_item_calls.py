"""The client's calls of ItemService."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from triptych import _requests as requests
from triptych._calls import Calls
from triptych._numbers import checked_count
from triptych._texts import checked_text, checked_texts
from triptych.filters import Where
from triptych.images import ItemImage, image_request
from triptych.v1.filter_pb2 import Filter
from triptych.v1.item_pb2 import Item, KeptImage, OcrOptions
from triptych.v1.item_service_pb2 import (
    CountItemsRequest,
    CountItemsResponse,
    DeleteItemsResponse,
    GetItemRequest,
    ListItemsRequest,
    UpsertOutcome,
)


class ItemCalls(Calls):
    """Writes, reads and removes items."""

    def upsert(
        self,
        collection_id: str,
        items: Iterable[Item],
        *,
        ocr: str | OcrOptions.Mode.ValueType | None = None,
        ocr_language: str = "",
        ocr_time_limit_ms: int | None = None,
        batch_size: int = 32,
        timeout: float | None = None,
    ) -> list[UpsertOutcome]:
        """Writes items; each replaces the whole item of its id, or makes it.

        The items are sent in batches that fit a message; one that the server finds too large is
        sent in halves. They go one after the other, and an iterator is read no further ahead.

        An item at fault is a FAILED outcome (`triptych.error_of` says why) and does not touch the
        others. Where a batch fails as a whole, this raises, and the batches before it stay
        written; sending everything again is safe.

        Args:
            collection_id: the collection to write to.
            items: the items, made with `make_item` for example; no id twice.
            ocr: when pictures are read: `skip`, `when-empty` (the default), `always`, or the enum.
            ocr_language: the language in them as Tesseract names it; the collection's where empty.
            ocr_time_limit_ms: how long reading one picture may take.
            batch_size: items of one request, 1 to 256.
            timeout: seconds for each batch; where None, the client's own and one more for each
                item and each MiB of the batch.

        Returns:
            One outcome for each item, in their order; `index` is the place in `items`.

        Raises:
            ArgumentError: DUPLICATE_ID (batches before it stay written); an OCR mode or a batch
                size that there is not.
            InvalidArgument: OCR_LANGUAGE_UNAVAILABLE, LIMIT_INVALID.
            NotFound: COLLECTION_NOT_FOUND.
            FailedPrecondition: MODEL_MISMATCH, OCR_UNAVAILABLE.
            ResourceExhausted: STORE_FULL; QUEUE_FULL, with `retry_after_s`, where the server stays
                busy beyond the retries.
        """
        head = requests.upsert_head(collection_id, ocr, ocr_language, ocr_time_limit_ms)
        call = self._items.UpsertItems
        return self._channel.upsert(call, head, items, batch_size, timeout)

    def get_item(
        self,
        collection_id: str,
        item_id: str,
        *,
        return_fields: Sequence[str] = (),
        payload_keys: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Item:
        """One item.

        Args:
            collection_id: the collection to read from.
            item_id: the item's id.
            return_fields: what comes with it: any of `caption`, `ocr_text`, `payload`,
                `image_info`, `ocr`, `ocr.words`, `create_time`, `update_time`, `vectors` and
                `vectors.NAME`; without any, all but the vectors and the words.
            payload_keys: top-level keys of the payload; without any, all.
            timeout: seconds for this call; the client's own where None.

        Raises:
            NotFound: COLLECTION_NOT_FOUND, ITEM_NOT_FOUND.
            InvalidArgument: FIELD_INVALID.
        """
        request = GetItemRequest(
            collection_id=checked_text(collection_id, "collection_id"),
            id=checked_text(item_id, "item_id"),
            return_fields=checked_texts(return_fields, "return_fields"),
            payload_keys=checked_texts(payload_keys, "payload_keys"),
        )
        return self._channel.call(self._items.GetItem, request, timeout).item

    def get_item_image(
        self,
        collection_id: str,
        item_id: str,
        *,
        variant: str | KeptImage.Variant.ValueType | None = None,
        timeout: float | None = None,
    ) -> ItemImage:
        """What is kept of an item's picture: `data` is the file, `info` says what it is.

        Args:
            collection_id: the collection to read from.
            item_id: the item's id.
            variant: `original`, `thumbnail`, or the enum; without one, the original if it is kept,
                else the thumbnail.
            timeout: seconds for the whole picture; the client's own where None.

        Raises:
            NotFound: COLLECTION_NOT_FOUND, ITEM_NOT_FOUND, ITEM_HAS_NO_IMAGE.
            FailedPrecondition: IMAGE_NOT_KEPT.
            DataLoss: IMAGE_LOST.

        >>> from pathlib import Path
        >>> _ = client.upsert("pictures", [make_item("cat-2", image=Path("cat.jpg"))])
        >>> client.get_item_image("pictures", "cat-2").info.media_type
        'image/webp'
        """
        request = image_request(collection_id, item_id, variant)
        return self._channel.image(self._items.GetItemImage, request, timeout)

    def save_item_image(
        self,
        collection_id: str,
        item_id: str,
        path: Path,
        *,
        variant: str | KeptImage.Variant.ValueType | None = None,
        timeout: float | None = None,
    ) -> KeptImage:
        """Writes what is kept of an item's picture to a file, and returns what it is.

        The file is there whole or not at all; one of that name is replaced. The arguments and
        errors are those of `get_item_image`, and OSError where the file can't be written.
        """
        request = image_request(collection_id, item_id, variant)
        return self._channel.save_image(self._items.GetItemImage, request, timeout, path)

    def list_items(
        self,
        collection_id: str,
        *,
        where: Where | Filter | str | None = None,
        page_size: int = 0,
        return_fields: Sequence[str] = (),
        payload_keys: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Iterator[Item]:
        """The items that pass `where`, or all; each page is fetched when it is reached.

        `where` is made of `Field` and its like, or an expression such as `price < 20`.

        The order is that of their point ids. `return_fields` and `payload_keys` are those of
        `get_item`.

        Raises (with the first item taken, but for an ArgumentError):
            NotFound: COLLECTION_NOT_FOUND.
            InvalidArgument: FIELD_INVALID, LIMIT_TOO_LARGE, the FILTER_* reasons.
            FailedPrecondition: VECTOR_NAME_UNKNOWN, FILTER_FIELD_UNINDEXED.
        """
        request = ListItemsRequest(
            collection_id=checked_text(collection_id, "collection_id"),
            filter=requests.filter_of(where),
            page_size=checked_count(page_size, "page_size"),
            return_fields=checked_texts(return_fields, "return_fields"),
            payload_keys=checked_texts(payload_keys, "payload_keys"),
        )
        return self._channel.pages(self._items.ListItems, request, timeout, lambda page: page.items)

    def delete_items(
        self,
        collection_id: str,
        *,
        ids: Sequence[str] = (),
        where: Where | Filter | str | None = None,
        all: bool = False,
        timeout: float | None = None,
    ) -> DeleteItemsResponse:
        """Removes the items of `ids`, those that pass `where`, or `all`; exactly one is given.

        Ids that are not there are no error; `deleted_count` says how many items are gone. For
        `where` see `list_items`.

        Raises:
            InvalidArgument: DELETE_NEEDS_FILTER, TOO_MANY_ITEMS (over 1000 ids), FILTER_*.
            NotFound: COLLECTION_NOT_FOUND.
            FailedPrecondition: VECTOR_NAME_UNKNOWN, FILTER_FIELD_UNINDEXED.
        """
        request = requests.delete_items(collection_id, ids, where, all)
        return self._channel.call(self._items.DeleteItems, request, timeout)

    def count_items(
        self,
        collection_id: str,
        *,
        where: Where | Filter | str | None = None,
        timeout: float | None = None,
    ) -> CountItemsResponse:
        """Counts the items that pass `where`, or all, exactly; the figure is `count`.

        For `where` see `list_items`.

        Raises:
            NotFound: COLLECTION_NOT_FOUND.
            InvalidArgument: the FILTER_* reasons.
            FailedPrecondition: VECTOR_NAME_UNKNOWN, FILTER_FIELD_UNINDEXED.
        """
        request = CountItemsRequest(
            collection_id=checked_text(collection_id, "collection_id"),
            filter=requests.filter_of(where),
        )
        return self._channel.call(self._items.CountItems, request, timeout)
