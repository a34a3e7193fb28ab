"""The domain's types as those of Qdrant's Python client, and its answers as the domain's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from qdrant_client import models

from triptych_server.domain.collections import (
    Collection,
    Distance,
    FieldType,
    SpaceKind,
    VectorSpace,
)
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import Ask, LegQuery
from triptych_server.domain.ports import Point, StoredPoint
from triptych_server.domain.questions import Context, Discover, Pair, Recommend, Strategy
from triptych_server.domain.storage import Quantization, StorageSettings
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.store.engine_checks import check_payload, check_vector
from triptych_server.store.qdrant_filter import qdrant_filter

QdrantVector = list[float] | list[list[float]] | models.SparseVector
QdrantQuery = QdrantVector | models.RecommendQuery | models.DiscoverQuery | models.ContextQuery

_DISTANCE = {Distance.COSINE: models.Distance.COSINE, Distance.DOT: models.Distance.DOT}

INDEX: Mapping[FieldType, models.PayloadSchemaType | models.TextIndexParams] = MappingProxyType(
    {
        FieldType.KEYWORD: models.PayloadSchemaType.KEYWORD,
        FieldType.INTEGER: models.PayloadSchemaType.INTEGER,
        FieldType.FLOAT: models.PayloadSchemaType.FLOAT,
        FieldType.BOOL: models.PayloadSchemaType.BOOL,
        # Its words are those that Qdrant takes from a field without an index.
        FieldType.TEXT: models.TextIndexParams(
            type=models.TextIndexType.TEXT,
            tokenizer=models.TokenizerType.WORD,
            lowercase=True,
            phrase_matching=True,
        ),
        FieldType.DATETIME: models.PayloadSchemaType.DATETIME,
        FieldType.GEO: models.PayloadSchemaType.GEO,
        FieldType.UUID: models.PayloadSchemaType.UUID,
    }
)

_STRATEGY = {
    Strategy.BEST_SCORE: models.RecommendStrategy.BEST_SCORE,
    Strategy.SUM_SCORES: models.RecommendStrategy.SUM_SCORES,
}

# With quantized vectors so many times the candidates are taken, scored exactly, and cut down.
_OVERSAMPLING = {None: 2.0, Quantization.SCALAR_INT8: 2.0, Quantization.BINARY: 4.0}


@dataclass(frozen=True, slots=True)
class VectorsConfig:
    """The vectors of a collection as ``create_collection`` takes them."""

    dense: dict[str, models.VectorParams]
    sparse: dict[str, models.SparseVectorParams]


def vectors_config(collection: Collection) -> VectorsConfig:
    """One named vector for each space. Raises ValueError for a space without a dimension."""
    max_sim = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    dense: dict[str, models.VectorParams] = {}
    sparse: dict[str, models.SparseVectorParams] = {}
    for space in collection.vector_spaces:
        if space.kind is SpaceKind.SPARSE:
            sparse[space.name] = models.SparseVectorParams(
                modifier=models.Modifier.IDF if space.has_idf else None
            )
            continue
        if space.dimension is None:
            raise ValueError(f"space {space.name!r} has no dimension")
        dense[space.name] = models.VectorParams(
            size=space.dimension,
            distance=_DISTANCE[space.distance],
            multivector_config=max_sim if space.kind is SpaceKind.MULTI else None,
            on_disk=collection.storage.on_disk,
        )
    return VectorsConfig(dense, sparse)


def hnsw_config(storage: StorageSettings) -> models.HnswConfigDiff | None:
    """The graph as it was asked for; None where it was not."""
    if storage.hnsw_m is None and storage.hnsw_ef_construct is None:
        return None
    return models.HnswConfigDiff(m=storage.hnsw_m, ef_construct=storage.hnsw_ef_construct)


def quantization_config(storage: StorageSettings) -> models.QuantizationConfig | None:
    """The quantization as it was asked for; None where it was not."""
    match storage.quantization:
        case Quantization.SCALAR_INT8:
            int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
            return models.ScalarQuantization(scalar=int8)
        case Quantization.BINARY:
            bits = models.BinaryQuantizationConfig(always_ram=True)
            return models.BinaryQuantization(binary=bits)
        case None:
            return None


def qdrant_point(collection: Collection, point: Point) -> models.PointStruct:
    """A point to be written whole.

    Raises ValueError or KeyError for what Qdrant must not be given.
    """
    check_payload(point.payload)
    vectors: dict[str, models.Vector] = {
        name: qdrant_vector(_space(collection, name), vector)
        for name, vector in point.vectors.items()
    }
    return models.PointStruct(id=point.id, vector=vectors, payload=dict(point.payload))


def qdrant_vector(space: VectorSpace, vector: Vector) -> QdrantVector:
    """A vector as ``space`` wants it: a dense one for a multivector space is a single row.

    Raises ValueError for one that the space cannot take.
    """
    check_vector(space, vector)
    if isinstance(vector, SparseVector):
        return models.SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())
    if space.kind is SpaceKind.MULTI:
        vector = np.atleast_2d(vector)
    numbers: list[float] | list[list[float]] = vector.tolist()
    return numbers


def qdrant_query(collection: Collection, leg: LegQuery) -> models.QueryRequest:
    """One leg. Raises ValueError or KeyError as ``qdrant_point``, and UnaddressableField.

    A leg over a choice of points, or one that says so, is exact: no graph, and no quantized
    vectors. Any other may use both, and then scores what it found by the vectors as they were
    written.
    """
    space = _space(collection, leg.vector_name)
    exact = leg.exact or leg.within is not None
    # The engine's own counts for the IDF keep deleted points until it has cleaned up. Counted over
    # all that a corpus filter lets through they are exact. Servers before 1.19 pass over it.
    idf = models.IdfCorpusParams(corpus=models.Filter()) if space.has_idf else None
    quantization = models.QuantizationSearchParams(
        ignore=exact,
        rescore=True,
        oversampling=_OVERSAMPLING[collection.storage.quantization],
    )
    return models.QueryRequest(
        query=_asked(space, leg.ask),
        using=space.name,
        limit=leg.limit,
        filter=qdrant_filter(collection, leg.filter, leg.within),
        score_threshold=leg.at_least,
        params=models.SearchParams(exact=exact, quantization=quantization, idf=idf),
        with_payload=False,
        with_vector=False,
    )


def passing_query(collection: Collection, filter: Filter, point_id: str) -> models.QueryRequest:
    """One that finds the point if it passes ``filter``, and nothing else. Raises as
    ``qdrant_filter``."""
    return models.QueryRequest(
        filter=qdrant_filter(collection, filter, (point_id,)),
        limit=1,
        with_payload=False,
        with_vector=False,
    )


def _asked(space: VectorSpace, ask: Ask) -> QdrantQuery:
    """Raises ValueError as ``qdrant_vector``, and for the strategy AVERAGE_VECTOR."""
    match ask:
        case Recommend(strategy, positives, negatives):
            if strategy not in _STRATEGY:
                raise ValueError(f"asked for by its vector: {strategy}")
            return models.RecommendQuery(
                recommend=models.RecommendInput(
                    positive=[qdrant_vector(space, vector) for vector in positives],
                    negative=[qdrant_vector(space, vector) for vector in negatives],
                    strategy=_STRATEGY[strategy],
                )
            )
        case Discover(target, pairs):
            return models.DiscoverQuery(
                discover=models.DiscoverInput(
                    target=qdrant_vector(space, target), context=_pairs(space, pairs)
                )
            )
        case Context(pairs):
            return models.ContextQuery(context=_pairs(space, pairs))
        case _:
            return qdrant_vector(space, ask)


def _pairs(space: VectorSpace, pairs: Sequence[Pair[Vector]]) -> list[models.ContextPair]:
    return [
        models.ContextPair(
            positive=qdrant_vector(space, pair.positive),
            negative=qdrant_vector(space, pair.negative),
        )
        for pair in pairs
    ]


def stored_point(record: models.Record) -> StoredPoint:
    """A point as read; vectors as float32 arrays, multivectors of shape (n, dimension)."""
    vectors: dict[str, Vector] = {}
    if isinstance(record.vector, dict):
        vectors = {name: _domain_vector(vector) for name, vector in record.vector.items()}
    return StoredPoint(str(record.id), record.payload or {}, vectors)


def _domain_vector(vector: object) -> Vector:
    if isinstance(vector, models.SparseVector):
        return SparseVector(
            np.asarray(vector.indices, dtype=np.uint32), np.asarray(vector.values, dtype=np.float32)
        )
    return np.asarray(vector, dtype=np.float32)


def _space(collection: Collection, name: str) -> VectorSpace:
    space = collection.space(name)
    if space is None:
        raise KeyError(f"no vector space {name!r}")
    return space
