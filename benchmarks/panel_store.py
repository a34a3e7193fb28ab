"""The items of ``panels`` in an engine, and the same legs asked of it without the service."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import panels
from benchmarks.frame import percentile
from tests.support.live import VARIABLE, live_prefix
from tests.support.qdrant_server import BINARY, RunningQdrant, qdrant_binary
from triptych.v1 import search_service_pb2 as pb
from triptych.vectors import to_vector
from triptych_server.domain.ports import VectorStore
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.encode.terms import Bm25Terms
from triptych_server.store.edge_store import EdgeStore

if TYPE_CHECKING:
    import qdrant_edge as edge

CANDIDATES = 100
HITS = 10
NO_QDRANT = f"needs a Qdrant server: set {BINARY} or {VARIABLE}"


async def fill(store: VectorStore, items: int) -> None:
    """Makes the collection and writes the items."""
    terms = Bm25Terms()
    await store.create_collection(panels.collection(terms.stamp("en")))
    terms.close()
    points = panels.points(items)
    while batch := list(itertools.islice(points, 256)):
        await store.upsert(panels.COLLECTION, batch)


async def embedded(folder: Path, items: int) -> None:
    """An embedded store with the items in ``folder``."""
    store = await EdgeStore.open(folder)
    try:
        await fill(store, items)
    finally:
        await store.close()


def request(asked: panels.Asked, legs: Sequence[str]) -> pb.SearchRequest:
    """The search as a caller sends it, with ready vectors."""
    message = pb.SearchRequest(collection_id=panels.COLLECTION, limit=HITS)
    for name in legs:
        vector = asked.vectors[name]
        given = (
            dict(zip(vector.indices.tolist(), vector.values.tolist(), strict=True))
            if isinstance(vector, SparseVector)
            else vector
        )
        leg = message.vectors.add(vector_name=name, weight=1.0, candidate_count=CANDIDATES)
        leg.input.vector.CopyFrom(to_vector(given))
    return message


def plain(vector: Vector) -> list[float] | list[list[float]]:
    """A dense vector or a multivector as an engine's client takes it."""
    assert not isinstance(vector, SparseVector)
    numbers: list[float] | list[list[float]] = vector.tolist()
    return numbers


def median_of(ask: Callable[[panels.Asked], object], asked: Sequence[panels.Asked]) -> float:
    """Seconds of one search, the median of all."""
    times = []
    for one in asked:
        begin = time.perf_counter()
        ask(one)
        times.append(time.perf_counter() - begin)
    return percentile(times, 0.5)


@contextmanager
def own_shard(folder: Path) -> Iterator[edge.EdgeShard]:
    """The engine on an embedded store's folder that no service has open."""
    import qdrant_edge as edge

    shard = edge.EdgeShard.load(str(folder / "collections" / panels.COLLECTION / "shard"))
    try:
        yield shard
    finally:
        shard.close()


def edge_legs(asked: panels.Asked, legs: Sequence[str]) -> list[tuple[str, edge.Query]]:
    """Each leg's query; the conversion of its numbers is the engine's own."""
    import qdrant_edge as edge

    queries = []
    for name in legs:
        vector = asked.vectors[name]
        given = (
            edge.SparseVector(vector.indices.tolist(), vector.values.tolist())
            if isinstance(vector, SparseVector)
            else plain(vector)
        )
        queries.append((name, edge.Query.Nearest(given, using=name)))
    return queries


def ask_edge(shard: edge.EdgeShard, asked: panels.Asked, legs: Sequence[str]) -> None:
    """The legs as one batch, ids and similarities alone."""
    import qdrant_edge as edge

    shard.query_batch(
        edge.QueryBatchRequest(
            [
                edge.QueryRequest(
                    limit=CANDIDATES, query=query, with_payload=False, with_vector=False
                )
                for _, query in edge_legs(asked, legs)
            ]
        )
    )


def fuse_edge(shard: edge.EdgeShard, asked: panels.Asked, legs: Sequence[str]) -> None:
    """The engine's own fusion of the same legs: ten hits with their payload."""
    import qdrant_edge as edge

    shard.query(
        edge.QueryRequest(
            limit=HITS,
            prefetches=[
                edge.Prefetch(limit=CANDIDATES, query=query) for _, query in edge_legs(asked, legs)
            ],
            query=edge.Fusion.Rrf(2),  # type: ignore[arg-type] # missing in its stub
            with_payload=True,
            with_vector=False,
        )
    )


@contextmanager
def qdrant(folder: Path) -> Iterator[str]:
    """The URL of a live Qdrant, as ``TRIPTYCH_STORE`` takes it; see ``has_qdrant``."""
    if VARIABLE in os.environ:
        with live_prefix() as (url, _):
            yield url
        return
    with RunningQdrant(folder / "qdrant") as running:
        yield f"qdrant://127.0.0.1:{running.port}"


def has_qdrant() -> bool:
    """Whether there is a Qdrant server to measure on."""
    return bool(qdrant_binary() or os.environ.get(VARIABLE))
