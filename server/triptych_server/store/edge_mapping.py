"""The domain's types as Qdrant Edge objects, and its answers as the domain's.

Three habits of the engine are met here, all found by running it:

- Its binding takes a Python ``bool`` for the integer it also is, so that a match on True would
  find 1. ``numpy.bool_`` is taken for what it is.
- What a match on a number finds depends on the index of the field. A closed range finds 5 and 5.0
  alike under every index but one: the integer index knows whole numbers only.
- The IDF of a sparse space counts deleted points until the folder is opened again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np
import qdrant_edge as edge

from triptych_server.domain.collections import (
    Collection,
    Distance,
    FieldType,
    PayloadField,
    SpaceKind,
    VectorSpace,
)
from triptych_server.domain.filters import (
    AnyOf,
    Condition,
    Equals,
    Exists,
    FieldCondition,
    Filter,
    NumberRange,
    PointIds,
    Scalar,
)
from triptych_server.domain.paths import parse_path
from triptych_server.domain.ports import LegQuery, Point, StoredPoint
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.store.engine_checks import check_payload, check_vector
from triptych_server.store.json_path import json_path

EdgeVector = list[float] | list[list[float]] | edge.SparseVector
EdgeCondition = (
    edge.FieldCondition
    | edge.IsEmptyCondition
    | edge.IsNullCondition
    | edge.HasIdCondition
    | edge.HasVectorCondition
    | edge.NestedCondition
    | edge.Filter
)

_DISTANCE = {Distance.COSINE: edge.Distance.Cosine, Distance.DOT: edge.Distance.Dot}

_INDEX = {
    FieldType.KEYWORD: edge.PayloadSchemaType.Keyword,
    FieldType.INTEGER: edge.PayloadSchemaType.Integer,
    FieldType.FLOAT: edge.PayloadSchemaType.Float,
    FieldType.BOOL: edge.PayloadSchemaType.Bool,
}


def shard_config(collection: Collection) -> edge.EdgeConfig:
    """The engine's configuration of a collection: one named vector a space, all else default."""
    max_sim = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
    vectors: dict[str, edge.EdgeVectorParams] = {}
    sparse_vectors: dict[str, edge.EdgeSparseVectorParams] = {}
    for space in collection.vector_spaces:
        if space.kind is SpaceKind.SPARSE:
            sparse_vectors[space.name] = edge.EdgeSparseVectorParams(
                modifier=edge.Modifier.Idf if space.has_idf else None
            )
            continue
        if space.dimension is None:
            raise ValueError(f"space {space.name!r} has no dimension")
        vectors[space.name] = edge.EdgeVectorParams(
            size=space.dimension,
            distance=_DISTANCE[space.distance],
            multivector_config=max_sim if space.kind is SpaceKind.MULTI else None,
        )
    return edge.EdgeConfig(vectors=vectors, sparse_vectors=sparse_vectors)


def create_index(field: PayloadField) -> edge.UpdateOperation:
    """The operation that gives a declared field its payload index. Raises UnaddressableField."""
    path = json_path(parse_path(field.name))
    return edge.UpdateOperation.create_field_index(path, _INDEX[field.type])


def edge_point(collection: Collection, point: Point) -> edge.Point:
    """A point to be written whole.

    Raises ValueError, KeyError or TypeError for what the engine must not be given.
    """
    check_payload(point.payload)
    vectors = {
        name: edge_vector(_space(collection, name), vector)
        for name, vector in point.vectors.items()
    }
    return edge.Point(point.id, vectors, dict(point.payload))


def edge_vector(space: VectorSpace, vector: Vector) -> EdgeVector:
    """A vector as ``space`` wants it: a dense one for a multivector space is a single row.

    Raises ValueError for one that the space cannot take.
    """
    check_vector(space, vector)
    if isinstance(vector, SparseVector):
        return edge.SparseVector(vector.indices.tolist(), vector.values.tolist())
    if space.kind is SpaceKind.MULTI:
        vector = np.atleast_2d(vector)
    numbers: list[float] | list[list[float]] = vector.tolist()
    return numbers


def edge_query(
    collection: Collection, leg: LegQuery, filter: edge.Filter | None
) -> edge.QueryRequest:
    """One leg; ``filter`` is that of the leg, compiled, with its choice of ids."""
    space = _space(collection, leg.vector_name)
    # The engine's own counts for the IDF keep deleted points until the next start. Counted over
    # all that a corpus filter lets through they are exact, for 2 ms at 100,000 points.
    idf = edge.IdfParams(corpus=edge.Filter()) if space.has_idf else None
    return edge.QueryRequest(
        limit=leg.limit,
        query=edge.Query.Nearest(edge_vector(space, leg.vector), using=space.name),
        filter=filter,
        params=edge.SearchParams(exact=leg.within is not None, idf=idf),
        with_payload=False,
        with_vector=False,
    )


def edge_filter(filter: Filter, within: Sequence[str] | None = None) -> edge.Filter | None:
    """The filter, joined with a choice of point ids; None where everything passes.

    Raises UnaddressableField.
    """
    if filter.is_empty and within is None:
        return None
    must: list[EdgeCondition] = [_condition(condition) for condition in filter.must]
    if within is not None:
        must.append(edge.HasIdCondition(set(within)))
    return edge.Filter(
        must=must or None,
        should=[_condition(condition) for condition in filter.should] or None,
        must_not=[_condition(condition) for condition in filter.must_not] or None,
    )


def stored_point(record: edge.Record) -> StoredPoint:
    """A point as read; vectors as float32 arrays, multivectors of shape (n, dimension)."""
    vectors: dict[str, Vector] = {}
    if isinstance(record.vector, dict):
        vectors = {name: _domain_vector(vector) for name, vector in record.vector.items()}
    return StoredPoint(str(record.id), record.payload or {}, vectors)


def _space(collection: Collection, name: str) -> VectorSpace:
    space = collection.space(name)
    if space is None:
        raise KeyError(f"no vector space {name!r}")
    return space


def _domain_vector(vector: object) -> Vector:
    if isinstance(vector, edge.SparseVector):
        return SparseVector(
            np.asarray(vector.indices, dtype=np.uint32),
            np.asarray(vector.values, dtype=np.float32),
        )
    return np.asarray(vector, dtype=np.float32)


def _condition(condition: Condition) -> EdgeCondition:
    match condition:
        case PointIds(ids):
            return edge.HasIdCondition(set(ids))
        case FieldCondition(path, test):
            key = json_path(path)
        case _:
            assert_never(condition)
    match test:
        case Equals(value):
            return _equals(key, value)
        case AnyOf(values):
            return _any_of(key, values)
        case NumberRange(gt, gte, lt, lte):
            return edge.FieldCondition(key, range=edge.RangeFloat(gt=gt, gte=gte, lt=lt, lte=lte))
        case Exists(expected):
            empty = edge.IsEmptyCondition(key)
            return edge.Filter(must_not=[empty]) if expected else empty
        case _:
            assert_never(test)


def _equals(key: str, value: Scalar) -> edge.FieldCondition:
    if isinstance(value, bool):
        # The stub says bool; the binding reads a Python bool as 0 or 1, and this one as a bool.
        truth: bool = np.bool_(value)  # type: ignore[assignment]
        return edge.FieldCondition(key, match=edge.MatchValue(truth))
    if isinstance(value, str):
        return edge.FieldCondition(key, match=edge.MatchValue(value))
    number = float(value)
    return edge.FieldCondition(key, range=edge.RangeFloat(gte=number, lte=number))


def _any_of(key: str, values: Sequence[Scalar]) -> edge.Filter:
    words = [value for value in values if isinstance(value, str)]
    others = [_equals(key, value) for value in values if not isinstance(value, str)]
    group: list[EdgeCondition] = [*others]
    if words:
        group.append(edge.FieldCondition(key, match=edge.MatchAny(words)))
    if not group:
        # The engine lets everything through an empty group, but nothing equals one of no values.
        group.append(edge.HasIdCondition(set()))
    return edge.Filter(should=group)
