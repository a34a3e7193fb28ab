"""Requests that take more than naming their fields."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from triptych._kinds import checked_kind, checked_kinds, checked_mapping
from triptych._numbers import checked_count, checked_number
from triptych._texts import checked_text, checked_texts
from triptych.errors import argument_error
from triptych.filters import Where
from triptych.items import ocr_options
from triptych.v1.collection_pb2 import (
    Collection,
    PayloadField,
    StorageSettings,
    VectorSpace,
)
from triptych.v1.collection_service_pb2 import CreateCollectionRequest
from triptych.v1.encode_service_pb2 import EncodeInput, EncodeRequest
from triptych.v1.filter_pb2 import Filter
from triptych.v1.item_pb2 import OcrOptions
from triptych.v1.item_service_pb2 import DeleteItemsRequest, UpsertItemsRequest
from triptych.v1.search_service_pb2 import (
    Fusion,
    QueryInput,
    ReciprocalRank,
    SearchRequest,
    VectorQuery,
)
from triptych.vectors import ImageLike, to_image

FIELD_TYPES: Mapping[str, PayloadField.Type.ValueType] = MappingProxyType(
    {
        "keyword": PayloadField.TYPE_KEYWORD,
        "integer": PayloadField.TYPE_INTEGER,
        "float": PayloadField.TYPE_FLOAT,
        "bool": PayloadField.TYPE_BOOL,
        "text": PayloadField.TYPE_TEXT,
        "datetime": PayloadField.TYPE_DATETIME,
        "geo": PayloadField.TYPE_GEO,
        "uuid": PayloadField.TYPE_UUID,
    }
)
FILTER_POLICIES: Mapping[str, Collection.UnindexedFilterPolicy.ValueType] = MappingProxyType(
    {
        "allow": Collection.UNINDEXED_FILTER_POLICY_ALLOW,
        "warn": Collection.UNINDEXED_FILTER_POLICY_WARN,
        "refuse": Collection.UNINDEXED_FILTER_POLICY_REFUSE,
    }
)

IMAGE_RETENTIONS: Mapping[str, Collection.ImageRetention.ValueType] = MappingProxyType(
    {
        "original": Collection.IMAGE_RETENTION_ORIGINAL,
        "thumbnail": Collection.IMAGE_RETENTION_THUMBNAIL,
        "none": Collection.IMAGE_RETENTION_NONE,
    }
)


def create_collection(
    collection_id: str,
    vector_spaces: Sequence[VectorSpace],
    payload_fields: Mapping[str, str | PayloadField.Type.ValueType],
    default_encoder_id: str,
    language: str,
    storage: StorageSettings | None,
    unindexed_filter_policy: str | Collection.UnindexedFilterPolicy.ValueType,
    image_retention: str | Collection.ImageRetention.ValueType | None,
) -> CreateCollectionRequest:
    """The request of CreateCollection; field types, policy and retention by name or by the enum."""
    return CreateCollectionRequest(
        collection_id=checked_text(collection_id, "collection_id"),
        vector_spaces=checked_kinds(
            vector_spaces, VectorSpace, "vector_spaces", "triptych.VectorSpace"
        ),
        payload_fields=[
            PayloadField(name=checked_text(name, "payload_fields"), type=_field_type(kind, name))
            for name, kind in checked_mapping(payload_fields, "payload_fields").items()
        ],
        default_encoder_id=checked_text(default_encoder_id, "default_encoder_id"),
        language=checked_text(language, "language"),
        storage=storage,
        unindexed_filter_policy=_filter_policy(unindexed_filter_policy),
        image_retention=_image_retention(image_retention),
    )


def upsert_head(
    collection_id: str,
    ocr: str | OcrOptions.Mode.ValueType | None,
    ocr_language: str,
    ocr_time_limit_ms: int | None,
) -> UpsertItemsRequest:
    """A request of UpsertItems that still lacks its items."""
    return UpsertItemsRequest(
        collection_id=checked_text(collection_id, "collection_id"),
        ocr=ocr_options(ocr, ocr_language, ocr_time_limit_ms),
    )


def delete_items(
    collection_id: str, ids: Sequence[str], where: Where | Filter | str | None, everything: bool
) -> DeleteItemsRequest:
    """The request of DeleteItems; that exactly one of the three is given, the server checks."""
    return DeleteItemsRequest(
        collection_id=checked_text(collection_id, "collection_id"),
        ids=checked_texts(ids, "ids"),
        filter=filter_of(where),
        all=everything,
    )


def search(
    collection_id: str,
    found: QueryInput | None,
    legs: Sequence[VectorQuery],
    where: Where | Filter | str | None,
    k: float | None,
    limit: int,
    return_fields: Sequence[str],
    payload_keys: Sequence[str],
    *,
    fusion: Fusion | None = None,
    offset: int = 0,
    score_threshold: float | None = None,
    bypass_query_cache: bool = False,
) -> SearchRequest:
    """The request of Search; `k` is short for a reciprocal rank fusion."""
    if k is not None and fusion is not None:
        raise argument_error("k", "FIELD_INVALID", "give either k or fusion")
    return SearchRequest(
        collection_id=checked_text(collection_id, "collection_id"),
        input=found,
        vectors=legs,
        fusion=checked_fusion(fusion)
        if k is None
        else Fusion(reciprocal_rank=ReciprocalRank(k=checked_number(k, "k"))),
        filter=filter_of(where),
        limit=checked_count(limit, "limit"),
        offset=checked_count(offset, "offset"),
        score_threshold=checked_number(score_threshold, "score_threshold"),
        return_fields=checked_texts(return_fields, "return_fields"),
        payload_keys=checked_texts(payload_keys, "payload_keys"),
        bypass_query_cache=bypass_query_cache,
    )


def encode(texts: Sequence[str], images: Sequence[ImageLike], encoder_id: str) -> EncodeRequest:
    """The request of Encode: the texts, then the pictures."""
    if isinstance(images, bytes | bytearray | memoryview):
        raise argument_error(
            "images", "FIELD_INVALID", "needs a list of pictures, not the bytes of one"
        )
    inputs = [EncodeInput(text=text) for text in checked_texts(texts, "texts")]
    inputs += [
        EncodeInput(image=to_image(image, field=f"images[{index}]"))
        for index, image in enumerate(images)
    ]
    return EncodeRequest(encoder_id=checked_text(encoder_id, "encoder_id"), inputs=inputs)


def checked_fusion(fusion: Fusion | None) -> Fusion | None:
    """`fusion`, if it is one. Raises ArgumentError."""
    if fusion is None:
        return None
    makers = "reciprocal_rank, weighted_sum, max_score or min_score"
    return checked_kind(fusion, Fusion, "fusion", makers)


def filter_of(where: Where | Filter | str | None) -> Filter | None:
    """The message of a filter in any form that a caller may give it; a string is an expression.

    Raises:
        ArgumentError: the expression is empty (FILTER_EXPRESSION_INVALID): without a filter
            everything would pass.
    """
    if isinstance(where, str):
        if not where.strip():
            raise argument_error("where", "FILTER_EXPRESSION_INVALID", "is empty", got=repr(where))
        return Filter(expression=checked_text(where, "where"))
    if where is None or isinstance(where, Filter):
        return where
    if not isinstance(where, Where):
        what = "needs a filter made of Field and its like, or an expression such as 'price < 20'"
        raise argument_error("where", "FIELD_INVALID", what, got=repr(where))
    return where.to_filter()


def _filter_policy(
    policy: str | Collection.UnindexedFilterPolicy.ValueType,
) -> Collection.UnindexedFilterPolicy.ValueType:
    if not isinstance(policy, str):
        return policy
    if policy and policy not in FILTER_POLICIES:
        raise argument_error(
            "unindexed_filter_policy",
            "FIELD_INVALID",
            "is no policy",
            got=policy,
            allowed=", ".join(FILTER_POLICIES),
        )
    return FILTER_POLICIES.get(policy, Collection.UNINDEXED_FILTER_POLICY_UNSPECIFIED)


def _image_retention(
    kept: str | Collection.ImageRetention.ValueType | None,
) -> Collection.ImageRetention.ValueType:
    if kept is None:
        return Collection.IMAGE_RETENTION_UNSPECIFIED
    if not isinstance(kept, str):
        return kept
    if kept not in IMAGE_RETENTIONS:
        raise argument_error(
            "image_retention",
            "FIELD_INVALID",
            "is none",
            got=kept,
            allowed=", ".join(IMAGE_RETENTIONS),
        )
    return IMAGE_RETENTIONS[kept]


def _field_type(kind: str | PayloadField.Type.ValueType, name: str) -> PayloadField.Type.ValueType:
    if not isinstance(kind, str):
        return kind
    if kind not in FIELD_TYPES:
        raise argument_error(
            f"payload_fields[{name}]",
            "FIELD_INVALID",
            "is no type of a field",
            got=kind,
            allowed=", ".join(FIELD_TYPES),
        )
    return FIELD_TYPES[kind]
