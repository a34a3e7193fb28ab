"""Bad writes and deletes, and bad items."""

from __future__ import annotations

from typing import Any

from tests.support.bad_input.build import (
    FP,
    IA,
    ID,
    INFINITY,
    NAN,
    NF,
    Row,
    dense,
    upsert,
)
from triptych.v1.common_pb2 import Image
from triptych.v1.filter_pb2 import Condition, Filter
from triptych.v1.item_pb2 import Item, KeptImage, OcrOptions
from triptych.v1.item_service_pb2 import (
    DeleteItemsRequest,
    GetItemImageRequest,
    UpsertItemsRequest,
)

LONG_AND_STRANGE = (
    ("an id of 10 kB", "x" * 10_240, "ID_TOO_LONG"),
    ("an id of 257 letters of two bytes", "ü" * 257, "ID_TOO_LONG"),
    ("a newline in its id", "a\nb", "ID_INVALID"),
)

ROWS: dict[str, Row] = {
    # Writing
    "no items": Row(UpsertItemsRequest(collection_id=ID), IA, "FIELD_REQUIRED", "items"),
    "257 items": Row(
        UpsertItemsRequest(collection_id=ID, items=[Item(id=str(n)) for n in range(257)]),
        IA,
        "TOO_MANY_ITEMS",
        "items",
    ),
    "one id twice": Row(
        UpsertItemsRequest(collection_id=ID, items=[Item(id="a", caption="b")] * 2),
        IA,
        "DUPLICATE_ID",
        "items[1].id",
    ),
    "OCR language that is none": Row(
        UpsertItemsRequest(
            collection_id=ID,
            items=[Item(id="a", caption="b")],
            ocr=OcrOptions(language="--psm 0"),
        ),
        IA,
        "OCR_LANGUAGE_UNAVAILABLE",
        "ocr.language",
    ),
    "OCR language that is not installed": Row(
        UpsertItemsRequest(
            collection_id=ID, items=[Item(id="a", caption="b")], ocr=OcrOptions(language="tlh")
        ),
        IA,
        "OCR_LANGUAGE_UNAVAILABLE",
        "ocr.language",
    ),
    "OCR time limit of nothing": Row(
        UpsertItemsRequest(
            collection_id=ID, items=[Item(id="a", caption="b")], ocr=OcrOptions(time_limit_ms=0)
        ),
        IA,
        "LIMIT_INVALID",
        "ocr.time_limit_ms",
    ),
    **{
        f"OCR time limit of {limit} ms": Row(
            upsert(Item(id="a", caption="b"), ocr=OcrOptions(time_limit_ms=limit)),
            IA,
            "LIMIT_INVALID",
            "ocr.time_limit_ms",
        )
        for limit in (-5, 120_001)
    },
    "OCR in a mode of the future": Row(
        upsert(Item(id="a", caption="b"), ocr=OcrOptions(mode=9)),  # type: ignore[arg-type]
        IA,
        "FIELD_INVALID",
        "ocr.mode",
    ),
    "OCR languages of which one is not installed": Row(
        upsert(Item(id="a", caption="b"), ocr=OcrOptions(language="eng+tlh")),
        IA,
        "OCR_LANGUAGE_UNAVAILABLE",
        "ocr.language",
    ),
    "upsert to a collection that is none": Row(
        UpsertItemsRequest(collection_id="A/b", items=[Item(id="a", caption="b")]),
        IA,
        "COLLECTION_ID_INVALID",
        "collection_id",
    ),
    # Pictures
    "picture in no such collection": Row(
        GetItemImageRequest(collection_id="none", id="a"),
        NF,
        "COLLECTION_NOT_FOUND",
        "collection_id",
    ),
    **{
        f"picture of an item with {name}": Row(
            GetItemImageRequest(collection_id=ID, id=item_id), IA, reason, "id"
        )
        for name, item_id, reason in LONG_AND_STRANGE
    },
    "picture of an item without one": Row(
        GetItemImageRequest(collection_id=ID, id="good"), NF, "ITEM_HAS_NO_IMAGE", "id"
    ),
    "picture of no item in particular": Row(
        GetItemImageRequest(collection_id=ID), IA, "ID_EMPTY", "id"
    ),
    "picture of a collection that is none": Row(
        GetItemImageRequest(collection_id="../data", id="a"),
        IA,
        "COLLECTION_ID_INVALID",
        "collection_id",
    ),
    "picture in a variant that there is not": Row(
        GetItemImageRequest(
            collection_id=ID,
            id="a",
            variant=9,  # type: ignore[arg-type]
        ),
        IA,
        "FIELD_INVALID",
        "variant",
    ),
    "picture in a variant that is not kept": Row(
        GetItemImageRequest(collection_id=ID, id="a", variant=KeptImage.VARIANT_ORIGINAL),
        FP,
        "IMAGE_NOT_KEPT",
        "variant",
    ),
    "picture of an item that is not there": Row(
        GetItemImageRequest(collection_id=ID, id="nobody"), NF, "ITEM_NOT_FOUND", "id"
    ),
    # Removing
    "delete of nothing in particular": Row(
        DeleteItemsRequest(collection_id=ID), IA, "DELETE_NEEDS_FILTER", "ids"
    ),
    "delete by an empty filter": Row(
        DeleteItemsRequest(collection_id=ID, filter=Filter()), IA, "DELETE_NEEDS_FILTER", "filter"
    ),
    "delete by ids and all": Row(
        DeleteItemsRequest(collection_id=ID, ids=["a"], all=True), IA, "DELETE_NEEDS_FILTER", "ids"
    ),
    "delete by ids and a filter": Row(
        DeleteItemsRequest(collection_id=ID, ids=["a"], filter=Filter()),
        IA,
        "DELETE_NEEDS_FILTER",
        "ids",
    ),
    "delete by a filter, and all": Row(
        DeleteItemsRequest(collection_id=ID, filter=Filter(), all=True),
        IA,
        "DELETE_NEEDS_FILTER",
        "ids",
    ),
    "delete of an empty id": Row(
        DeleteItemsRequest(collection_id=ID, ids=["a", ""]), IA, "ID_EMPTY", "ids[1]"
    ),
    **{
        f"delete of an item with {name}": Row(
            DeleteItemsRequest(collection_id=ID, ids=["a", item_id]), IA, reason, "ids[1]"
        )
        for name, item_id, reason in LONG_AND_STRANGE
    },
    "delete by half a condition": Row(
        DeleteItemsRequest(collection_id=ID, filter=Filter(must_not=[Condition()])),
        IA,
        "FILTER_EMPTY_CONDITION",
        "filter.must_not[0]",
    ),
    "delete from a collection that is none": Row(
        DeleteItemsRequest(collection_id="", all=True),
        IA,
        "COLLECTION_ID_INVALID",
        "collection_id",
    ),
    "delete of 1001 ids": Row(
        DeleteItemsRequest(collection_id=ID, ids=[str(n) for n in range(1001)]),
        IA,
        "TOO_MANY_ITEMS",
        "ids",
    ),
}


def payload_item(**payload: Any) -> Item:
    item = Item(id="a", caption="b")
    item.payload.update(payload)
    return item


def nested(levels: int) -> Item:
    item = Item(id="a", caption="b")
    struct = item.payload
    for _ in range(levels):
        struct = struct.fields["a"].struct_value
    struct.fields["end"].bool_value = True
    return item


def in_lists(levels: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(levels - 1):
        made = [made]
    return made


def no_kind() -> Item:
    """A value that is neither null nor anything else."""
    item = Item(id="a", caption="b")
    item.payload.fields["n"].SetInParent()
    return item


_BAD: dict[str, tuple[Item, str, str]] = {
    "nothing": (Item(id="a"), "ITEM_EMPTY", "items[0]"),
    "no id": (Item(caption="a"), "ID_EMPTY", "items[0].id"),
    "id of 10 kB": (Item(id="x" * 10_240, caption="a"), "ID_TOO_LONG", "items[0].id"),
    "id with NUL": (Item(id="a\x00", caption="a"), "ID_INVALID", "items[0].id"),
    "picture of no bytes": (Item(id="a", image=Image()), "IMAGE_EMPTY", "items[0].image.data"),
    "blank caption": (Item(id="a", caption=" \n"), "TEXT_BLANK", "items[0].caption"),
    "1 MB of words": (
        Item(id="a", ocr_text="x" * 2**20),
        "TEXT_TOO_LONG",
        "items[0].ocr_text",
    ),
    "reserved key": (
        payload_item(_triptych=1),
        "PAYLOAD_RESERVED_KEY",
        "items[0].payload._triptych",
    ),
    "2^53": (payload_item(n=2.0**53), "NUMBER_NOT_EXACT", "items[0].payload.n"),
    "-2^53 in a list": (
        payload_item(n=[1, -(2.0**53)]),
        "NUMBER_NOT_EXACT",
        "items[0].payload.n[1]",
    ),
    "NaN": (payload_item(n=NAN), "NUMBER_NOT_FINITE", "items[0].payload.n"),
    "an infinite number": (
        payload_item(price=-INFINITY),
        "NUMBER_NOT_FINITE",
        "items[0].payload.price",
    ),
    "an empty key": (payload_item(**{"": 1}), "PAYLOAD_KEY_INVALID", "items[0].payload"),
    "an empty key inside": (
        payload_item(size={"": 1}),
        "PAYLOAD_KEY_INVALID",
        "items[0].payload.size",
    ),
    "a value of no kind": (no_kind(), "FIELD_REQUIRED", "items[0].payload.n"),
    "a key that needs quotes": (
        payload_item(**{"inner width.cm": NAN}),
        "NUMBER_NOT_FINITE",
        'items[0].payload."inner width.cm"',
    ),
    "a key that turns the line around": (
        payload_item(**{"a\u202eb": NAN}),
        "NUMBER_NOT_FINITE",
        "items[0].payload.a?b",
    ),
    "a key of 5,000 letters": (
        payload_item(**{"x" * 5000: 2.0**60}),
        "NUMBER_NOT_EXACT",
        "items[0].payload." + "x" * 63 + "…",
    ),
    "lists of 17 levels": (
        payload_item(n=in_lists(17)),
        "PAYLOAD_TOO_DEEP",
        "items[0].payload.n" + "[0]" * 15,
    ),
    "a number where a boolean is declared": (
        payload_item(sold=1),
        "PAYLOAD_TYPE",
        "items[0].payload.sold",
    ),
    "a boolean where a keyword is declared": (
        payload_item(kind=[True]),
        "PAYLOAD_TYPE",
        "items[0].payload.kind[0]",
    ),
    "a boolean where a number is declared": (
        payload_item(price=True),
        "PAYLOAD_TYPE",
        "items[0].payload.price",
    ),
    **{
        name: (Item(id=text, caption="a"), reason, "items[0].id")
        for name, text, reason in LONG_AND_STRANGE
    },
    "17 levels": (nested(16), "PAYLOAD_TOO_DEEP", "items[0].payload" + ".a" * 16),
    "a large payload": (payload_item(t="x" * 70_000), "PAYLOAD_TOO_LARGE", "items[0].payload"),
    "control character in a key": (
        payload_item(**{"a\nb": 1}),
        "PAYLOAD_KEY_INVALID",
        "items[0].payload.a?b",
    ),
    "a string where a number is declared": (
        payload_item(price="cheap"),
        "PAYLOAD_TYPE",
        "items[0].payload.price",
    ),
    "a fraction where a whole number is declared": (
        payload_item(count=1.5),
        "PAYLOAD_TYPE",
        "items[0].payload.count",
    ),
    "a struct where a number is declared": (
        payload_item(price={"eur": "ten"}),
        "PAYLOAD_TYPE",
        "items[0].payload.price",
    ),
    "lists in lists where numbers are declared": (
        payload_item(count=[[1]]),
        "PAYLOAD_TYPE",
        "items[0].payload.count[0]",
    ),
    "a number where a text is declared": (
        payload_item(note=["fine", 5]),
        "PAYLOAD_TYPE",
        "items[0].payload.note[1]",
    ),
    **{
        f"{time!r} where a time is declared": (
            payload_item(taken=time),
            "PAYLOAD_TYPE",
            "items[0].payload.taken",
        )
        for time in (
            "2026-02-30",
            "2025-06-01T12:00:00",
            "2025-06-01T24:00:00Z",
            "2025-06-01T23:59:60Z",
            "2025-06-01T12:00:00+24:00",
            "20250601",
            "1 June 2025",
            "",
            1_748_736_000,
            {"seconds": 1},
        )
    },
    **{
        f"{place} where a place is declared": (
            payload_item(spot=place),
            "PAYLOAD_TYPE",
            "items[0].payload.spot",
        )
        for place in (
            {"lat": 90.5, "lon": 0},
            {"lat": 0, "lon": -181},
            {"lat": "52.5", "lon": "13.4"},
            {"lat": True, "lon": 0},
            {"lat": 52.5},
            {"latitude": 52.5, "longitude": 13.4},
            "52.5,13.4",
        )
    },
    "coordinates in a list where a place is declared": (
        payload_item(spot=[52.5, 13.4]),
        "PAYLOAD_TYPE",
        "items[0].payload.spot[0]",
    ),
    **{
        f"{text} where a UUID is declared": (
            payload_item(serial=text),
            "PAYLOAD_TYPE",
            "items[0].payload.serial",
        )
        for text in (
            "550E8400-E29B-41D4-A716-446655440000",
            "550e8400e29b41d4a716446655440000",
            "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
            "x",
        )
    },
    "300,000 numbers that are none": (
        payload_item(n=[NAN] * 300_000),
        "PAYLOAD_TOO_LARGE",
        "items[0].payload",
    ),
    "unknown vector": (
        Item(id="a", vectors={"x": dense(1)}),
        "VECTOR_NAME_UNKNOWN",
        "items[0].vectors[x]",
    ),
    "vector that the encoder makes": (
        Item(id="a", vectors={"image": dense(1)}),
        "VECTOR_NAME_UNKNOWN",
        "items[0].vectors[image]",
    ),
    "vector of the wrong dimension": (
        Item(id="a", vectors={"audio": dense(1)}),
        "VECTOR_DIM",
        "items[0].vectors[audio]",
    ),
    "vector with NaN": (
        Item(id="a", vectors={"audio": dense(1, 2, NAN)}),
        "VECTOR_NOT_FINITE",
        "items[0].vectors[audio].dense.values[2]",
    ),
}

ITEM_ROWS: dict[str, Row] = {
    f"item: {name}": Row(upsert(item), FP if reason == "VECTOR_NAME_UNKNOWN" else IA, reason, path)
    for name, (item, reason, path) in _BAD.items()
}
