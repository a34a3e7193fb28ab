"""The store contract on random data: similarities against numpy.

The formulas are written out here and share nothing with the service's own arithmetic. With N
points that have the sparse vector, n of them with term t, Qdrant weighs the term of a query by
idf(t) = ln(1 + (N - n + 0.5) / (n + 0.5)).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.stores import DIMENSION, collection, counts_deleted_terms, pid, point, sparse
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.ports import VectorStore
from triptych_server.domain.vectors import SparseVector, Vector

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOLERANCE = 1e-5
SETTINGS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def oracle_things(store: VectorStore) -> str:
    """A collection that the examples fill and empty in turn, so that deletions leave no trace."""
    await store.create_collection(collection("oracle"))
    return "oracle"


# -- similarities ---------------------------------------------------------------------------------

NUMBERS = st.integers(-256, 256).map(lambda n: n / 64)


def rows(count: st.SearchStrategy[int], dimension: int) -> st.SearchStrategy[np.ndarray]:
    row = st.lists(NUMBERS, min_size=dimension, max_size=dimension).filter(any)
    return count.flatmap(lambda n: st.lists(row, min_size=n, max_size=n)).map(
        lambda found: np.array(found, np.float32)
    )


ONE = st.just(1)
TERMS = st.dictionaries(st.integers(0, 12), st.integers(1, 64).map(lambda n: n / 16), min_size=1)
VECTORS: dict[str, st.SearchStrategy[Vector]] = {
    "image": rows(ONE, DIMENSION).map(lambda found: found[0]),
    "audio": rows(ONE, 4).map(lambda found: found[0]),
    "ocr": rows(st.integers(1, 4), DIMENSION),
    "frames": rows(st.integers(1, 3), 4),
    "terms": TERMS.map(sparse),
}
SETS = st.lists(st.fixed_dictionaries({}, optional=VECTORS), min_size=1, max_size=12)
COSINE = {"image", "ocr"}


def expected(name: str, query: Vector, stored: dict[str, Vector]) -> dict[str, float]:
    """The similarity of every point that the leg should answer with."""
    if isinstance(query, SparseVector):
        return _idf_dot(query, stored)
    found = {}
    for id_, vector in stored.items():
        assert not isinstance(vector, SparseVector)
        left = np.atleast_2d(query).astype(np.float64)
        right = np.atleast_2d(vector).astype(np.float64)
        products = left @ right.T
        if name in COSINE:
            lengths = np.outer(np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1))
            products = products / lengths
        found[id_] = float(products.max(axis=1).sum())
    return found


def _idf_dot(query: SparseVector, stored: dict[str, Vector]) -> dict[str, float]:
    documents = {
        id_: dict(zip(vector.indices.tolist(), vector.values.tolist(), strict=True))
        for id_, vector in stored.items()
        if isinstance(vector, SparseVector)
    }
    terms = dict(zip(query.indices.tolist(), query.values.tolist(), strict=True))
    total = len(documents)

    def idf(term: int) -> float:
        having = sum(term in document for document in documents.values())
        return math.log(1 + (total - having + 0.5) / (having + 0.5))

    return {
        id_: sum(idf(t) * terms[t] * document[t] for t in terms.keys() & document.keys())
        for id_, document in documents.items()
        if terms.keys() & document.keys()
    }


@SETTINGS
@given(
    points=SETS,
    queries=st.fixed_dictionaries({**VECTORS, "ocr flat": VECTORS["image"]}),
    kept=st.sets(st.integers(0, 11)),
)
async def test_similarities_are_those_of_the_formulas(
    store: VectorStore,
    oracle_things: str,
    points: list[dict[str, Vector]],
    queries: dict[str, Vector],
    kept: set[int],
) -> None:
    await store.delete_matching(oracle_things, Filter())
    await store.upsert(oracle_things, [point(n, vectors) for n, vectors in enumerate(points)])
    await store.delete(oracle_things, [pid(n) for n in range(12) if n not in kept])
    left = {pid(n): vectors for n, vectors in enumerate(points) if n in kept}

    if await counts_deleted_terms(store):
        queries = {key: query for key, query in queries.items() if key != "terms"}
    names = {key: key.split()[0] for key in queries}
    within = tuple(pid(n) for n in range(0, 12, 2))
    free = await store.query(
        oracle_things, [LegQuery(names[key], query, 100) for key, query in queries.items()]
    )
    chosen = await store.query(
        oracle_things,
        [LegQuery(names[key], query, 100, within=within) for key, query in queries.items()],
    )
    for (key, query), hits, hits_within in zip(queries.items(), free, chosen, strict=True):
        name = names[key]
        stored = {id_: vectors[name] for id_, vectors in left.items() if name in vectors}
        wanted = expected(name, query, stored)
        assert {hit.id for hit in hits} == wanted.keys()
        assert {hit.id for hit in hits_within} == wanted.keys() & set(within)
        for hit in (*hits, *hits_within):
            assert hit.similarity == pytest.approx(wanted[hit.id], rel=TOLERANCE, abs=TOLERANCE)
        assert list(hits) == sorted(hits, key=lambda hit: (-hit.similarity, hit.id))
