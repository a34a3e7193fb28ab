"""Bad names, ids, collections and pages."""

from __future__ import annotations

import grpc

from tests.support.bad_input.build import (
    CAPTION,
    FP,
    IA,
    ID,
    IMAGE,
    NF,
    SUPPLIED,
    Row,
    create,
    search,
    space,
)
from triptych.v1.collection_pb2 import PayloadField, VectorSpace
from triptych.v1.collection_service_pb2 import (
    CreateCollectionRequest,
    DeleteCollectionRequest,
    GetCollectionRequest,
    ListCollectionsRequest,
    OptimizeCollectionRequest,
)
from triptych.v1.filter_pb2 import Condition, Filter
from triptych.v1.item_pb2 import Item
from triptych.v1.item_service_pb2 import (
    CountItemsRequest,
    DeleteItemsRequest,
    GetItemRequest,
    ListItemsRequest,
    UpsertItemsRequest,
)

ROWS: dict[str, Row] = {
    # Names
    "collection id in letters of no accepted alphabet": Row(
        search(collection_id="Bücher"), IA, "COLLECTION_ID_INVALID", "collection_id"
    ),
    "collection id empty": Row(
        GetCollectionRequest(), IA, "COLLECTION_ID_INVALID", "collection_id"
    ),
    "collection id that climbs": Row(
        DeleteCollectionRequest(collection_id="../x"), IA, "COLLECTION_ID_INVALID", "collection_id"
    ),
    "collection id too long": Row(
        create(collection_id="a" * 64), IA, "COLLECTION_ID_INVALID", "collection_id"
    ),
    "no such collection, search": Row(
        search(collection_id="none"), NF, "COLLECTION_NOT_FOUND", "collection_id"
    ),
    "no such collection, get": Row(
        GetCollectionRequest(collection_id="none"), NF, "COLLECTION_NOT_FOUND", "collection_id"
    ),
    "collection id that climbs, optimize": Row(
        OptimizeCollectionRequest(collection_id="../x"),
        IA,
        "COLLECTION_ID_INVALID",
        "collection_id",
    ),
    "no such collection, optimize": Row(
        OptimizeCollectionRequest(collection_id="none"),
        NF,
        "COLLECTION_NOT_FOUND",
        "collection_id",
    ),
    "no such collection, delete": Row(
        DeleteCollectionRequest(collection_id="none"), NF, "COLLECTION_NOT_FOUND", "collection_id"
    ),
    "no such collection, upsert": Row(
        UpsertItemsRequest(collection_id="none", items=[Item(id="a", caption="b")]),
        NF,
        "COLLECTION_NOT_FOUND",
        "collection_id",
    ),
    "no such collection, list": Row(
        ListItemsRequest(collection_id="none"), NF, "COLLECTION_NOT_FOUND", "collection_id"
    ),
    "no such collection, count": Row(
        CountItemsRequest(collection_id="none"), NF, "COLLECTION_NOT_FOUND", "collection_id"
    ),
    "no such collection, delete items": Row(
        DeleteItemsRequest(collection_id="none", all=True),
        NF,
        "COLLECTION_NOT_FOUND",
        "collection_id",
    ),
    "no such item": Row(GetItemRequest(collection_id=ID, id="none"), NF, "ITEM_NOT_FOUND", "id"),
    "no id": Row(GetItemRequest(collection_id=ID), IA, "ID_EMPTY", "id"),
    "id of 10 kB": Row(GetItemRequest(collection_id=ID, id="x" * 10_240), IA, "ID_TOO_LONG", "id"),
    "id with a newline": Row(GetItemRequest(collection_id=ID, id="a\nb"), IA, "ID_INVALID", "id"),
    # Collections
    "collection that is there": Row(
        CreateCollectionRequest(collection_id=ID),
        grpc.StatusCode.ALREADY_EXISTS,
        "COLLECTION_EXISTS",
        "collection_id",
    ),
    "unknown encoder": Row(
        create(default_encoder_id="siglip"), FP, "ENCODER_UNKNOWN", "default_encoder_id"
    ),
    "unknown encoder of a space": Row(
        space(sources=[IMAGE], encoder_id="siglip"),
        FP,
        "ENCODER_UNKNOWN",
        "vector_spaces[0].encoder_id",
    ),
    "unknown image retention": Row(
        create(image_retention=9), IA, "FIELD_INVALID", "image_retention"
    ),
    "unknown language": Row(create(language="tlh"), IA, "LANGUAGE_UNSUPPORTED", "language"),
    "space without a source": Row(space(), IA, "VECTOR_SPACE_INVALID", "vector_spaces[0].sources"),
    "space of pictures and texts": Row(
        space(sources=[IMAGE, CAPTION]), IA, "VECTOR_SPACE_INVALID", "vector_spaces[0].sources"
    ),
    "space of a source of the future": Row(
        space(sources=[99]), IA, "VECTOR_SPACE_INVALID", "vector_spaces[0].sources"
    ),
    "sparse space of pictures": Row(
        space(sources=[IMAGE], kind=VectorSpace.KIND_SPARSE),
        IA,
        "VECTOR_SPACE_INVALID",
        "vector_spaces[0].kind",
    ),
    "sparse space by cosine": Row(
        space(
            sources=[CAPTION],
            kind=VectorSpace.KIND_SPARSE,
            distance=VectorSpace.DISTANCE_COSINE,
        ),
        IA,
        "VECTOR_SPACE_INVALID",
        "vector_spaces[0].distance",
    ),
    "supplied space without a dimension": Row(
        space(sources=[SUPPLIED]), IA, "VECTOR_SPACE_INVALID", "vector_spaces[0].dimension"
    ),
    "supplied space of a huge dimension": Row(
        space(sources=[SUPPLIED], dimension=70_000),
        IA,
        "VECTOR_SPACE_INVALID",
        "vector_spaces[0].dimension",
    ),
    "dimension that is not the encoder's": Row(
        space(sources=[IMAGE], dimension=7),
        IA,
        "VECTOR_SPACE_INVALID",
        "vector_spaces[0].dimension",
    ),
    "windows longer than the encoder reads": Row(
        space(sources=[CAPTION], windows={"tokens": 5000}),
        IA,
        "VECTOR_SPACE_INVALID",
        "vector_spaces[0].windows.tokens",
    ),
    "windows that overlap wholly": Row(
        space(sources=[CAPTION], windows={"tokens": 5, "overlap": 5}),
        IA,
        "VECTOR_SPACE_INVALID",
        "vector_spaces[0].windows.overlap",
    ),
    "no window at all": Row(
        space(sources=[CAPTION], windows={"max_windows": 0}),
        IA,
        "VECTOR_SPACE_INVALID",
        "vector_spaces[0].windows.max_windows",
    ),
    "one space twice": Row(
        create(vector_spaces=[VectorSpace(name="v", sources=[IMAGE])] * 2),
        IA,
        "VECTOR_NAME_DUPLICATE",
        "vector_spaces[1].name",
    ),
    "seventeen spaces": Row(
        create(vector_spaces=[VectorSpace(name=f"v{n}", sources=[IMAGE]) for n in range(17)]),
        IA,
        "LIMIT_TOO_LARGE",
        "vector_spaces",
    ),
    "payload field without a type": Row(
        create(payload_fields=[PayloadField(name="price")]),
        IA,
        "FIELD_INVALID",
        "payload_fields[0].type",
    ),
    "payload field of a type nobody knows": Row(
        create(payload_fields=[PayloadField(name="price", type=99)]),  # type: ignore[arg-type]
        IA,
        "FIELD_INVALID",
        "payload_fields[0].type",
    ),
    "policy nobody knows": Row(
        create(unindexed_filter_policy=9), IA, "FIELD_INVALID", "unindexed_filter_policy"
    ),
    "payload field of our own": Row(
        create(payload_fields=[PayloadField(name="_triptych.id", type=PayloadField.TYPE_KEYWORD)]),
        IA,
        "PAYLOAD_RESERVED_KEY",
        "payload_fields[0].name",
    ),
    **{
        f"item of no collection, {name}": Row(request, code, reason, "collection_id")
        for name, request, code, reason in (
            (
                "get of none",
                GetItemRequest(collection_id="none", id="a"),
                NF,
                "COLLECTION_NOT_FOUND",
            ),
            ("get", GetItemRequest(collection_id="a b", id="a"), IA, "COLLECTION_ID_INVALID"),
            ("list", ListItemsRequest(collection_id="-"), IA, "COLLECTION_ID_INVALID"),
            ("count", CountItemsRequest(), IA, "COLLECTION_ID_INVALID"),
        )
    },
    **{
        f"return field {field!r} of {name}": Row(request, IA, "FIELD_INVALID", "return_fields[0]")
        for field in ("colour", "", "vectors.", "Caption", "a\x00" * 3000)
        for name, request in (
            ("get", GetItemRequest(collection_id=ID, id="good", return_fields=[field])),
            ("list", ListItemsRequest(collection_id=ID, return_fields=[field])),
        )
    },
    "unknown vector as return field of get": Row(
        GetItemRequest(collection_id=ID, id="good", return_fields=["vectors.looks"]),
        FP,
        "VECTOR_NAME_UNKNOWN",
        "return_fields",
    ),
    "count by half a condition": Row(
        CountItemsRequest(collection_id=ID, filter=Filter(should=[Condition()])),
        IA,
        "FILTER_EMPTY_CONDITION",
        "filter.should[0]",
    ),
    "list by half a condition": Row(
        ListItemsRequest(collection_id=ID, filter=Filter(must=[Condition()])),
        IA,
        "FILTER_EMPTY_CONDITION",
        "filter.must[0]",
    ),
    # Pages
    "negative page size of collections": Row(
        ListCollectionsRequest(page_size=-1), IA, "LIMIT_INVALID", "page_size"
    ),
    "page size of 1,001": Row(
        ListItemsRequest(collection_id=ID, page_size=1001), IA, "LIMIT_TOO_LARGE", "page_size"
    ),
    "page token in base64 that nobody made": Row(
        ListItemsRequest(collection_id=ID, page_token="QUFBQUFBQUFBQUFBQUFBQUFB"),
        IA,
        "PAGE_TOKEN_INVALID",
        "page_token",
    ),
    "page token of 1 MB": Row(
        ListCollectionsRequest(page_token="A" * 2**20), IA, "PAGE_TOKEN_INVALID", "page_token"
    ),
    "negative page size": Row(
        ListItemsRequest(collection_id=ID, page_size=-1), IA, "LIMIT_INVALID", "page_size"
    ),
    "huge page size": Row(
        ListCollectionsRequest(page_size=10**9), IA, "LIMIT_TOO_LARGE", "page_size"
    ),
    "made-up page token": Row(
        ListItemsRequest(collection_id=ID, page_token="???"),
        IA,
        "PAGE_TOKEN_INVALID",
        "page_token",
    ),
    "page token with letters of no base64": Row(
        ListCollectionsRequest(page_token="ünläßig"), IA, "PAGE_TOKEN_INVALID", "page_token"
    ),
}
