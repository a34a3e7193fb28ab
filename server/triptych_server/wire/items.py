"""ItemService: requests into use cases' types."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from triptych.v1 import item_pb2 as pb
from triptych.v1 import item_service_pb2 as service
from triptych_server.domain.errors import Reason, TriptychError, clip
from triptych_server.domain.filters import EVERYTHING, Filter
from triptych_server.domain.items import ImageVariant, ItemInput, Notice, OcrMode, OcrOptions
from triptych_server.domain.limits import Limits
from triptych_server.domain.ocr_language import is_language_code
from triptych_server.domain.queries import FieldSelection
from triptych_server.domain.vectors import Vector
from triptych_server.usecases.upsert import UpsertItems
from triptych_server.wire.filters import parse_filter
from triptych_server.wire.pages import parse_page_size, parse_token
from triptych_server.wire.selection import parse_selection
from triptych_server.wire.texts import parse_collection_id, parse_item_id, parse_text
from triptych_server.wire.values import parse_payload
from triptych_server.wire.vectors import parse_vector
from triptych_server.wire.violations import Violations

MAX_DELETE_IDS = 1000

_MODES = {
    pb.OcrOptions.MODE_UNSPECIFIED: OcrMode.WHEN_EMPTY,
    pb.OcrOptions.MODE_SKIP: OcrMode.SKIP,
    pb.OcrOptions.MODE_WHEN_EMPTY: OcrMode.WHEN_EMPTY,
    pb.OcrOptions.MODE_ALWAYS: OcrMode.ALWAYS,
}

_VARIANTS = {
    pb.KeptImage.VARIANT_UNSPECIFIED: None,
    pb.KeptImage.VARIANT_ORIGINAL: ImageVariant.ORIGINAL,
    pb.KeptImage.VARIANT_THUMBNAIL: ImageVariant.THUMBNAIL,
}


@dataclass(frozen=True, slots=True)
class GetQuery:
    """One item to read."""

    collection_id: str
    item_id: str
    fields: FieldSelection


@dataclass(frozen=True, slots=True)
class GetImageQuery:
    """A kept picture to read; without a variant, the original or else the thumbnail."""

    collection_id: str
    item_id: str
    variant: ImageVariant | None


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A page of items to read."""

    collection_id: str
    filter: Filter
    limit: int
    start_id: str | None
    fields: FieldSelection


@dataclass(frozen=True, slots=True)
class DeleteQuery:
    """Items to remove: those of ``ids``, or where there are none those that pass ``filter``."""

    collection_id: str
    ids: tuple[str, ...]
    filter: Filter


def parse_upsert(message: service.UpsertItemsRequest, limits: Limits) -> UpsertItems:
    """Raises InvalidInput for the request as a whole; an item's own faults stay with the item."""
    violations = Violations()
    collection_id = parse_collection_id(message.collection_id, violations)
    count = len(message.items)
    if not count:
        violations.add("items", Reason.FIELD_REQUIRED, "holds no item")
    if count > limits.max_items_per_upsert:
        violations.add(
            "items",
            Reason.TOO_MANY_ITEMS,
            "too many",
            got=count,
            allowed=limits.max_items_per_upsert,
        )
    else:
        _refuse_doubles(message, violations)
    ocr = _parse_ocr(message.ocr, limits, violations)
    violations.raise_if_any()
    items = tuple(_parse_item(item, limits, place) for place, item in enumerate(message.items))
    return UpsertItems(collection_id, items, ocr)


def parse_get(message: service.GetItemRequest, limits: Limits) -> GetQuery:
    """Raises InvalidInput."""
    violations = Violations()
    query = GetQuery(
        parse_collection_id(message.collection_id, violations),
        parse_item_id(message.id, limits, violations, "id"),
        parse_selection(message.return_fields, message.payload_keys, violations),
    )
    violations.raise_if_any()
    return query


def parse_get_image(message: service.GetItemImageRequest, limits: Limits) -> GetImageQuery:
    """Raises InvalidInput."""
    violations = Violations()
    if message.variant not in _VARIANTS:
        violations.add(
            "variant",
            Reason.FIELD_INVALID,
            "is not known",
            got=message.variant,
            allowed=", ".join(variant.name for variant in ImageVariant),
        )
    query = GetImageQuery(
        parse_collection_id(message.collection_id, violations),
        parse_item_id(message.id, limits, violations, "id"),
        _VARIANTS.get(message.variant),
    )
    violations.raise_if_any()
    return query


def parse_list(message: service.ListItemsRequest, limits: Limits) -> ListQuery:
    """Raises InvalidInput."""
    violations = Violations()
    start_id = parse_token(message.page_token, violations, message.collection_id, message.filter)
    query = ListQuery(
        parse_collection_id(message.collection_id, violations),
        parse_filter(message.filter, limits, violations),
        parse_page_size(message.page_size, limits, violations),
        start_id,
        parse_selection(message.return_fields, message.payload_keys, violations),
    )
    if start_id is not None and not _is_uuid(start_id):
        violations.add("page_token", Reason.PAGE_TOKEN_INVALID, "is not a token of this listing")
    violations.raise_if_any()
    return query


def parse_delete(message: service.DeleteItemsRequest, limits: Limits) -> DeleteQuery:
    """Raises InvalidInput unless exactly one of ids, filter and all says what goes."""
    violations = Violations()
    collection_id = parse_collection_id(message.collection_id, violations)
    has_filter = message.HasField("filter")
    if bool(message.ids) + has_filter + message.all != 1:
        violations.add("ids", Reason.DELETE_NEEDS_FILTER, "set exactly one of ids, filter and all")
    if len(message.ids) > MAX_DELETE_IDS:
        violations.add(
            "ids",
            Reason.TOO_MANY_ITEMS,
            "too many",
            got=len(message.ids),
            allowed=MAX_DELETE_IDS,
        )
    else:
        for place, item_id in enumerate(message.ids):
            parse_item_id(item_id, limits, violations, f"ids[{place}]")
    before = len(violations)
    filter = parse_filter(message.filter, limits, violations) if has_filter else EVERYTHING
    if has_filter and filter.is_empty and len(violations) == before:
        violations.add(
            "filter",
            Reason.DELETE_NEEDS_FILTER,
            "holds no condition; set all to remove every item",
        )
    violations.raise_if_any()
    return DeleteQuery(collection_id, tuple(message.ids), filter)


def parse_count(message: service.CountItemsRequest, limits: Limits) -> tuple[str, Filter]:
    """The collection and the filter. Raises InvalidInput."""
    violations = Violations()
    collection_id = parse_collection_id(message.collection_id, violations)
    filter = parse_filter(message.filter, limits, violations)
    violations.raise_if_any()
    return collection_id, filter


def _refuse_doubles(message: service.UpsertItemsRequest, violations: Violations) -> None:
    places: dict[str, int] = {}
    for place, item in enumerate(message.items):
        first = places.setdefault(item.id, place)
        if first != place and item.id:
            what = f"the same id as items[{first}]"
            violations.add(f"items[{place}].id", Reason.DUPLICATE_ID, what, got=item.id)


def _parse_ocr(message: pb.OcrOptions, limits: Limits, violations: Violations) -> OcrOptions:
    mode = _MODES.get(message.mode)
    if mode is None:
        violations.add("ocr.mode", Reason.FIELD_INVALID, "is not known", got=message.mode)
    if message.language and not is_language_code(message.language):
        violations.add(
            "ocr.language",
            Reason.OCR_LANGUAGE_UNAVAILABLE,
            "is no Tesseract language, such as eng or deu+eng",
            got=message.language,
        )
    limit = message.time_limit_ms if message.HasField("time_limit_ms") else None
    if limit is not None and not 1 <= limit <= limits.max_ocr_time_limit_ms:
        violations.add(
            "ocr.time_limit_ms",
            Reason.LIMIT_INVALID,
            "is out of range",
            got=limit,
            allowed=f"1 to {limits.max_ocr_time_limit_ms}",
        )
    return OcrOptions(mode or OcrMode.WHEN_EMPTY, message.language or None, limit)


def _parse_item(
    message: pb.Item, limits: Limits, place: int
) -> ItemInput | tuple[str, TriptychError]:
    violations = Violations()
    path = f"items[{place}]"
    notices: list[Notice] = []
    item_id = parse_item_id(message.id, limits, violations, f"{path}.id")
    image = message.image.data if message.HasField("image") else None
    if image is not None and not image:
        violations.add(f"{path}.image.data", Reason.IMAGE_EMPTY, "0 bytes")

    def text(given: str, field: str) -> str | None:
        if not given:
            return None
        return parse_text(given, limits, violations, f"{path}.{field}", notices)

    caption = text(message.caption, "caption")
    ocr_text = text(message.ocr_text, "ocr_text")
    payload = parse_payload(message.payload, limits, violations, f"{path}.payload")
    vectors: dict[str, Vector] = {}
    for name, given in message.vectors.items():
        vector = parse_vector(given, limits, violations, f"{path}.vectors[{clip(name)}]")
        if vector is not None:
            vectors[name] = vector
    is_empty = image is None and not (message.caption or message.ocr_text or message.vectors)
    if is_empty:
        violations.add(path, Reason.ITEM_EMPTY, "has no image, caption, ocr_text or vector")
    error = violations.error()
    if error is not None:
        return message.id, error
    return ItemInput(item_id, image, caption, ocr_text, payload, vectors, tuple(notices))


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
