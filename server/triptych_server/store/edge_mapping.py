"""The domain's types as Qdrant Edge objects, and its answers as the domain's.

One habit of the engine is met here, found by running it: the IDF of a sparse space counts deleted
points until the folder is opened again. Those of its filters are met in edge_filters.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from triptych_server.domain.legs import Ask, LegQuery
from triptych_server.domain.paths import parse_path
from triptych_server.domain.ports import Point, StoredPoint
from triptych_server.domain.questions import Context, Discover, Pair, Recommend, Strategy
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.store.edge_tuning import SEARCH_EF
from triptych_server.store.engine_checks import check_payload, check_vector
from triptych_server.store.json_path import json_path

EdgeVector = list[float] | list[list[float]] | edge.SparseVector

_DISTANCE = {Distance.COSINE: edge.Distance.Cosine, Distance.DOT: edge.Distance.Dot}

_INDEX: dict[FieldType, edge.PayloadSchemaType | edge.TextIndexParams] = {
    FieldType.KEYWORD: edge.PayloadSchemaType.Keyword,
    FieldType.INTEGER: edge.PayloadSchemaType.Integer,
    FieldType.FLOAT: edge.PayloadSchemaType.Float,
    FieldType.BOOL: edge.PayloadSchemaType.Bool,
    # Its words are those that the engine takes from a field without an index.
    FieldType.TEXT: edge.TextIndexParams(
        tokenizer=edge.TokenizerType.Word, lowercase=True, phrase_matching=True
    ),
    FieldType.DATETIME: edge.PayloadSchemaType.Datetime,
    FieldType.GEO: edge.PayloadSchemaType.Geo,
    FieldType.UUID: edge.PayloadSchemaType.Uuid,
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
        query=_asked(space, leg.ask),
        filter=filter,
        score_threshold=leg.at_least,
        params=edge.SearchParams(
            hnsw_ef=max(SEARCH_EF, leg.limit), exact=leg.exact or leg.within is not None, idf=idf
        ),
        with_payload=False,
        with_vector=False,
    )


def _asked(space: VectorSpace, ask: Ask) -> edge.Query:
    """Raises ValueError as ``edge_vector``, and for the strategy AVERAGE_VECTOR."""
    match ask:
        case Recommend(strategy, positives, negatives):
            query = edge.RecommendQuery(_all(space, positives), _all(space, negatives))
            if strategy is Strategy.BEST_SCORE:
                return edge.Query.RecommendBestScore(query, using=space.name)
            if strategy is Strategy.SUM_SCORES:
                return edge.Query.RecommendSumScores(query, using=space.name)
            raise ValueError(f"no query of the engine's own: {strategy}")
        case Discover(target, pairs):
            discover = edge.DiscoverQuery(edge_vector(space, target), _pairs(space, pairs))
            return edge.Query.Discover(discover, using=space.name)
        case Context(pairs):
            return edge.Query.Context(edge.ContextQuery(_pairs(space, pairs)), using=space.name)
        case _:
            return edge.Query.Nearest(edge_vector(space, ask), using=space.name)


def _all(space: VectorSpace, vectors: Sequence[Vector]) -> list[EdgeVector]:
    return [edge_vector(space, vector) for vector in vectors]


def _pairs(space: VectorSpace, pairs: Sequence[Pair[Vector]]) -> list[edge.ContextPair]:
    return [
        edge.ContextPair(edge_vector(space, pair.positive), edge_vector(space, pair.negative))
        for pair in pairs
    ]


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
