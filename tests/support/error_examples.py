"""The examples of ``error_reason.proto``, and requests that are answered in just their words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from PIL import Image as PillowImage

from tests.support.bad_input.build import (
    NAN,
    TINY,
    at,
    by,
    create,
    deep,
    dense,
    field,
    where,
)
from tests.support.bad_input.items import nested, payload_item
from tests.support.pictures import encoded, textless
from triptych.v1.collection_pb2 import Collection, PayloadField, StorageSettings, VectorSpace
from triptych.v1.collection_service_pb2 import CreateCollectionRequest, GetCollectionRequest
from triptych.v1.common_pb2 import Image
from triptych.v1.filter_pb2 import Filter, GeoRadius, TimeRange
from triptych.v1.item_pb2 import Item, OcrOptions
from triptych.v1.item_service_pb2 import (
    DeleteItemsRequest,
    GetItemRequest,
    ListItemsRequest,
    UpsertItemsRequest,
)
from triptych.v1.search_service_pb2 import (
    Composed,
    ComposedPart,
    ContextPair,
    DiscoverRequest,
    Fusion,
    QueryInput,
    RecommendRequest,
    SearchRequest,
    VectorQuery,
    WeightedSum,
)
from triptych.v1.vector_pb2 import SparseVector, Vector

PROTO = Path(__file__).parents[2] / "proto" / "triptych" / "v1" / "error_reason.proto"
_VALUE = re.compile(r"((?:^  //.*\n)+)^  ERROR_REASON_(\w+) = \d+;", re.M)
_EXAMPLE = re.compile(r"For example: `([^`]+)`")

# Words of an example that differ from server to server, or from run to run.
_VARYING = {
    "...": r".+",
    "'pictures'": r"'[a-z0-9_-]+'",
    "allowed deu, eng": r"allowed [a-z_]+(, [a-z_]+)*",
    "got 4097, allowed 4096": r"got \d+, allowed \d+",
    "got 41943040 bytes, allowed 33554432": r"got \d+ bytes, allowed \d+",
    "got 512 MiB free, allowed from 1386 MiB": r"got \d+ MiB free, allowed from \d+ MiB",
    "5f0c9a2e71d3": r"[0-9a-f]{12}",
    "(91aa...)": r"\([0-9a-f]+\)",
}
_VARIES = re.compile("|".join(map(re.escape, sorted(_VARYING, key=len, reverse=True))))


def examples(text: str) -> dict[str, str | None]:
    """The example of every reason in the text of the file, in one line; None where it has none."""
    found: dict[str, str | None] = {}
    for comment, reason in _VALUE.findall(text):
        line = " ".join(part.strip().removeprefix("//").strip() for part in comment.splitlines())
        example = _EXAMPLE.search(line)
        found[reason] = None if example is None else example[1]
    return found


def fits(example: str, message: str) -> bool:
    """Whether a message reads as the example, whose ``...`` stands for anything."""
    pattern, end = "", 0
    for varying in _VARIES.finditer(example):
        pattern += re.escape(example[end : varying.start()]) + _VARYING[varying[0]]
        end = varying.end()
    return re.fullmatch(pattern + re.escape(example[end:]), message) is not None


ALBUM, SOUNDS, LOOKS, STRICT = "album", "sounds", "looks", "strict"
COLLECTIONS = (
    CreateCollectionRequest(
        collection_id=ALBUM,
        payload_fields=[PayloadField(name="price", type=PayloadField.TYPE_FLOAT)],
    ),
    CreateCollectionRequest(
        collection_id=SOUNDS,
        vector_spaces=[
            VectorSpace(name="audio", sources=[VectorSpace.SOURCE_SUPPLIED], dimension=1024)
        ],
    ),
    CreateCollectionRequest(
        collection_id=LOOKS,
        vector_spaces=[VectorSpace(name="image", sources=[VectorSpace.SOURCE_IMAGE])],
    ),
    CreateCollectionRequest(
        collection_id=STRICT,
        unindexed_filter_policy=Collection.UNINDEXED_FILTER_POLICY_REFUSE,
    ),
)


def _search(**given: Any) -> SearchRequest:
    return SearchRequest(**{"collection_id": ALBUM, "input": QueryInput(text="a cup"), **given})


def _leg(**given: Any) -> SearchRequest:
    return _search(vectors=[VectorQuery(vector_name="caption"), VectorQuery(**given)])


def _vector(vector: Vector) -> SearchRequest:
    return _search(input=QueryInput(vector=vector), vectors=[VectorQuery(vector_name="image")])


def _composed(weight: float) -> SearchRequest:
    parts = [ComposedPart(text="a cup"), ComposedPart(text="a cup", weight=weight)]
    return _search(input=QueryInput(composed=Composed(parts=parts)))


def _upsert(*items: Item, collection: str = ALBUM, **given: Any) -> UpsertItemsRequest:
    return UpsertItemsRequest(collection_id=collection, items=items, **given)


def _after(count: int, item: Item) -> UpsertItemsRequest:
    """The item behind ``count`` good ones."""
    return _upsert(*(Item(id=f"good-{n}", caption="a good one") for n in range(count)), item)


def _picture(data: bytes) -> UpsertItemsRequest:
    return _after(3, Item(id="cat-1", image=Image(data=data)))


def _payload(**payload: object) -> UpsertItemsRequest:
    return _upsert(payload_item(**payload))


def _spaces(*spaces: VectorSpace) -> CreateCollectionRequest:
    return create(vector_spaces=spaces)


def _png(width: int, height: int) -> bytes:
    return encoded(PillowImage.new("1", (width, height)), "PNG")


def _bad_checksum() -> bytes:
    data = bytearray(encoded(textless(1, side=64), "PNG"))
    end = data.index(b"IEND") - 4
    data[end - 1] ^= 0xFF  # the last byte of the checksum of the pixel data
    return bytes(data)


_IMAGE = VectorSpace(name="image", sources=[VectorSpace.SOURCE_IMAGE])
_SPARSE = VectorSpace(
    name="terms", sources=[VectorSpace.SOURCE_IMAGE], kind=VectorSpace.KIND_SPARSE
)
_CAPTION = VectorSpace(name="caption", sources=[VectorSpace.SOURCE_CAPTION])
_OCR = VectorSpace(name="ocr", sources=[VectorSpace.SOURCE_OCR_TEXT])

CAUSES: dict[str, Message] = {
    "FIELD_REQUIRED": _leg(),
    "FIELD_INVALID": _search(return_fields=["caption", "colour"]),
    "COLLECTION_ID_INVALID": _search(collection_id="Bücher"),
    "COLLECTION_NOT_FOUND": GetCollectionRequest(collection_id="pictures"),
    "COLLECTION_EXISTS": CreateCollectionRequest(collection_id=ALBUM),
    "VECTOR_SPACE_INVALID": _spaces(_IMAGE, _SPARSE),
    "LANGUAGE_UNSUPPORTED": create(language="tlh"),
    "ID_EMPTY": _after(2, Item(caption="a cat")),
    "ID_TOO_LONG": _after(2, Item(id="x" * 10_240, caption="a cat")),
    "ID_INVALID": _after(2, Item(id="a\nb", caption="a cat")),
    "DUPLICATE_ID": _upsert(
        *(Item(id=f"cat-{n - 1 if n < 9 else 1}", caption="a cat") for n in range(10))
    ),
    "ITEM_EMPTY": _after(3, Item(id="cat-1")),
    "ITEM_NOT_FOUND": GetItemRequest(collection_id=ALBUM, id="cat-1"),
    "TOO_MANY_ITEMS": _upsert(*(Item(id=str(n), caption="a cat") for n in range(257))),
    "TEXT_BLANK": _upsert(Item(id="cat-1", caption=" ")),
    "TEXT_TOO_LONG": _search(input=QueryInput(text="x" * 2**20)),
    "IMAGE_EMPTY": _picture(b""),
    "IMAGE_TRUNCATED": _picture(encoded(textless(1), "JPEG")[:-2000]),
    "IMAGE_TOO_LARGE": _picture(_png(10_000, 10_000)),
    "IMAGE_TOO_SMALL": _picture(TINY),
    "IMAGE_ASPECT": _picture(_png(40_000, 8)),
    "IMAGE_FORMAT_UNSUPPORTED": _picture(b"%PDF-1.7\n%"),
    "IMAGE_DECODE_FAILED": _picture(_bad_checksum()),
    "OCR_LANGUAGE_UNAVAILABLE": _upsert(
        Item(id="cat-1", caption="a cat"), ocr=OcrOptions(language="tlh")
    ),
    "PANEL_UNSUPPORTED": _upsert(Item(id="cat-1", caption="a cat"), collection=LOOKS),
    "PAYLOAD_TOO_DEEP": _upsert(nested(16)),
    "PAYLOAD_TOO_LARGE": _payload(t="x" * 69_992),
    "PAYLOAD_RESERVED_KEY": _payload(_triptych=1),
    "PAYLOAD_KEY_INVALID": _payload(**{"": 1}),
    "PAYLOAD_TYPE": _payload(price="cheap"),
    "NUMBER_NOT_EXACT": _payload(serial=2.0**53),
    "NUMBER_NOT_FINITE": _payload(price=NAN),
    "VECTOR_EMPTY": _vector(dense()),
    "VECTOR_DIM": _upsert(Item(id="a", vectors={"audio": dense(*[1.0] * 384)}), collection=SOUNDS),
    "VECTOR_KIND": _upsert(
        Item(id="a", vectors={"audio": Vector(sparse=SparseVector(indices=[1], values=[1]))}),
        collection=SOUNDS,
    ),
    "VECTOR_NOT_FINITE": _vector(dense(*range(7), NAN)),
    "VECTOR_ZERO": _vector(dense(0, 0, 0)),
    "VECTOR_SPARSE_MALFORMED": _vector(
        Vector(sparse=SparseVector(indices=[1, 2, 3], values=[1, 2]))
    ),
    "VECTOR_NAME_UNKNOWN": _search(vectors=[VectorQuery(vector_name="looks")]),
    "VECTOR_NAME_DUPLICATE": _spaces(_IMAGE, _CAPTION, _OCR, _IMAGE),
    "QUERY_EMPTY": SearchRequest(collection_id=ALBUM),
    "QUERY_UNANSWERABLE": _search(collection_id=SOUNDS),
    "WEIGHT_NEGATIVE": _leg(vector_name="ocr", weight=-0.5),
    "WEIGHT_NOT_FINITE": _leg(vector_name="ocr", weight=NAN),
    "WEIGHT_TOO_LARGE": _leg(vector_name="ocr", weight=1e308),
    "WEIGHTS_ALL_ZERO": _search(vectors=[VectorQuery(vector_name="ocr", weight=0)]),
    "SCORE_THRESHOLD_INVALID": _search(
        vectors=[VectorQuery(vector_name="image", score_threshold=30)]
    ),
    "MEASURES_UNLIKE": _search(
        vectors=[VectorQuery(vector_name=name) for name in ("image", "terms")],
        fusion=Fusion(weighted_sum=WeightedSum(normalization=Fusion.NORMALIZATION_NONE)),
    ),
    "STORAGE_UNSUPPORTED": create(storage=StorageSettings(shard_number=2)),
    "LIMIT_INVALID": _search(limit=-1),
    "LIMIT_TOO_LARGE": _search(limit=10**9),
    "PAGE_TOKEN_INVALID": ListItemsRequest(collection_id=ALBUM, page_token="abc"),
    "FILTER_EMPTY_CONDITION": _search(filter=where(field())),
    "FILTER_TYPE": _search(filter=where(field(equals=None))),
    "FILTER_FIELD_INVALID": _search(filter=where(field('"a.b', exists=True))),
    "FILTER_TOO_MANY_CONDITIONS": _search(filter=where(*[field(exists=True)] * 10_000)),
    "FILTER_TOO_DEEP": deep(17),
    "FILTER_DATETIME": by(time_range=TimeRange(gte=Timestamp(seconds=400_000_000_000))),
    "FILTER_GEO": by(geo_radius=GeoRadius(center=at(91, 0), radius_m=1)),
    "FILTER_FIELD_UNINDEXED": _search(
        collection_id=STRICT, filter=where(field("price", exists=True))
    ),
    "FILTER_EXPRESSION_INVALID": _search(filter=Filter(expression="category = poster")),
    "DELETE_NEEDS_FILTER": DeleteItemsRequest(collection_id=ALBUM, filter=Filter()),
    "ENCODER_UNKNOWN": create(default_encoder_id="siglip"),
    "PARTS_CANCEL_OUT": _composed(-1),
    "WEIGHT_ZERO": _composed(0),
    "PAIR_IDENTICAL": DiscoverRequest(
        collection_id=ALBUM,
        target=QueryInput(item_id="mug"),
        pairs=[ContextPair(positive=QueryInput(item_id="mug"), negative=QueryInput(item_id="mug"))],
    ),
    "TOO_MANY_EXAMPLES": RecommendRequest(
        collection_id=ALBUM, positives=[QueryInput(text="a cup")] * 65
    ),
    "POSITIVES_MISSING": RecommendRequest(
        collection_id=ALBUM, negatives=[QueryInput(text="a cup")]
    ),
}
"""A request for every reason that one request can cause, on a server with ``COLLECTIONS``."""
