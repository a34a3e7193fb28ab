"""Short forms of requests for the tables of bad input."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message
from PIL import Image as PillowImage

from tests.support.pictures import encoded
from triptych.v1.collection_pb2 import VectorSpace
from triptych.v1.collection_service_pb2 import (
    CreateCollectionRequest,
)
from triptych.v1.common_pb2 import Image
from triptych.v1.filter_pb2 import (
    Condition,
    FieldCondition,
    Filter,
    GeoPoint,
    ValueList,
)
from triptych.v1.item_pb2 import Item, OcrOptions
from triptych.v1.item_service_pb2 import UpsertItemsRequest
from triptych.v1.search_service_pb2 import (
    QueryInput,
    SearchRequest,
    VectorQuery,
)
from triptych.v1.vector_pb2 import DenseVector, Vector

ID = "bad-input"
# A collection that refuses filters which no index serves.
STRICT = "bad-input-strict"
# One of pictures alone, and one of supplied vectors alone.
LOOKS, SOUNDS = "bad-input-looks", "bad-input-sounds"
OK, IA, NF, FP = (
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
)
RE = grpc.StatusCode.RESOURCE_EXHAUSTED
NAN, INFINITY = math.nan, math.inf


@dataclass(frozen=True)
class Raw:
    """Bytes for a method, which may be no message at all."""

    method: str
    data: bytes


@dataclass(frozen=True)
class Row:
    """One request that is wrong, or nearly so: what it is, and what it has to be answered with.

    ``code`` and ``reason`` are the call's, or those of the first item of an upsert. With OK,
    ``reason`` is a warning's code, or empty where nothing is to be said. What gRPC itself refuses
    has no reason. ``field`` is the path that the answer names; empty where there is none to name.
    ``how`` says how the call is made: metadata, compression, timeout.
    """

    request: Message | Raw
    code: grpc.StatusCode
    reason: str
    field: str = ""
    how: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def upsert(item: Item, **given: Any) -> UpsertItemsRequest:
    """The item, and a good one beside it."""
    beside = Item(id="beside", caption="a good one beside")
    return UpsertItemsRequest(collection_id=ID, items=[item, beside], **given)


def picture(data: bytes) -> UpsertItemsRequest:
    """An item that is a picture, which is not read."""
    item = Item(id="picture", image=Image(data=data))
    return upsert(item, ocr=OcrOptions(mode=OcrOptions.MODE_SKIP))


def search(**given: Any) -> SearchRequest:
    return SearchRequest(**{"collection_id": ID, "input": QueryInput(text="a cup"), **given})


def dense(*values: float) -> Vector:
    return Vector(dense=DenseVector(values=values))


def by_vector(vector: Vector, name: str = "audio") -> SearchRequest:
    return SearchRequest(
        collection_id=ID,
        input=QueryInput(vector=vector),
        vectors=[VectorQuery(vector_name=name)],
    )


def leg(**given: Any) -> SearchRequest:
    return search(vectors=[VectorQuery(vector_name="caption"), VectorQuery(**given)])


def where(*conditions: FieldCondition) -> Filter:
    return Filter(must=[Condition(field=c) for c in conditions])


def about(**condition: Any) -> SearchRequest:
    """A search by one condition of any kind."""
    return search(filter=Filter(must=[Condition(**condition)]))


def by(name: str = "price", **test: Any) -> SearchRequest:
    """A search by one test of a field."""
    return search(filter=where(field(name, **test)))


def deep(levels: int, *, lists: bool = False) -> SearchRequest:
    """A search by so many filters inside one another; in place, since protobuf copies no such."""
    request = search()
    inner = request.filter
    for _ in range(levels - 1):
        condition = inner.must.add()
        if lists:
            condition.elements.name = "lines"
        inner = condition.elements.filter if lists else condition.group
    inner.must.add().field.CopyFrom(field(exists=True))
    return request


def at(lat: float | None, lon: float | None) -> GeoPoint:
    return GeoPoint(lat=lat, lon=lon)


def field(name: str = "price", **test: Any) -> FieldCondition:
    """A condition; plain values become protobuf Values."""
    condition = FieldCondition(name=name)
    for key, value in test.items():
        if key == "equals":
            _set(condition.equals, value)
        elif isinstance(value, Message):
            getattr(condition, key).CopyFrom(value)
        else:
            setattr(condition, key, value)
    return condition


def _set(into: Any, value: object) -> None:
    if value is None:
        into.null_value = 0
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int | float):
        into.number_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, list):
        into.list_value.SetInParent()
    else:
        into.struct_value.SetInParent()


def any_of(*values: object) -> ValueList:
    made = ValueList()
    for value in values:
        _set(made.values.add(), value)
    return made


def create(**given: Any) -> CreateCollectionRequest:
    return CreateCollectionRequest(**{"collection_id": "never-made", **given})


def space(**given: Any) -> CreateCollectionRequest:
    return create(vector_spaces=[VectorSpace(**{"name": "v", **given})])


IMAGE, CAPTION = VectorSpace.SOURCE_IMAGE, VectorSpace.SOURCE_CAPTION
SUPPLIED = VectorSpace.SOURCE_SUPPLIED
TINY = encoded(PillowImage.new("RGB", (1, 1)), "PNG")
STRIP = encoded(PillowImage.new("L", (5000, 1)), "PNG")
