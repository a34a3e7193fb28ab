"""The store contract on random filters, against plain Python.

Whatever the values and whatever the index: few points with random payloads, and many points that
mostly hold what their fields are declared for, so that the engine looks things up in its indexes
instead of reading every point.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.filter_oracle import asks_undeclared_words, passes
from tests.support.random_filters import BOXES, CIRCLES, FIELDS, FILTERS, PAYLOADS, population
from tests.support.stores import (
    SPACES,
    check_refused,
    collection,
    dense,
    pid,
    point,
    refuses_undeclared_words,
    sparse,
)
from triptych_server.domain.filters import FieldCondition, Filter, GeoBox, GeoRadius
from triptych_server.domain.items import Json
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.paths import parse_path
from triptych_server.domain.ports import Point, VectorStore
from triptych_server.domain.vectors import Vector

SOAK = os.environ.get("TRIPTYCH_SOAK") == "1"
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.soak,
    pytest.mark.timeout(3600 if SOAK else 120),
]


def examples(count: int) -> settings:
    return settings(
        max_examples=50 * count if SOAK else count,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


ONES = np.ones(4, np.float32)
VECTORS: dict[str, Vector] = {"image": dense(1), "terms": sparse({1: 1.0})}
DECLARED = {parse_path(field.name): field.type for field in FIELDS}
MANY = 800


@dataclass(frozen=True, slots=True)
class Case:
    """A few points, with vectors beside the one that all have, and a few filters."""

    points: list[tuple[dict[str, Json], frozenset[str]]]
    filters: list[Filter]


CASES = st.builds(
    Case,
    st.lists(
        st.tuples(PAYLOADS, st.frozensets(st.sampled_from(sorted(VECTORS)))), min_size=1, max_size=8
    ),
    st.lists(FILTERS, min_size=1, max_size=6),
)


def _passing(filter: Filter, points: list[Point]) -> list[str]:
    return [p.id for p in points if passes(filter, p.id, p.payload, p.vectors)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def few(store: VectorStore) -> AsyncIterator[str]:
    """A collection that the examples fill and empty in turn."""
    await store.create_collection(collection("few", SPACES, FIELDS))
    yield "few"
    await store.drop_collection("few")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def many(store: VectorStore) -> AsyncIterator[list[Point]]:
    """The points of the collection `many`."""
    await store.create_collection(collection("many", SPACES, FIELDS))
    points = [
        point(n, {"audio": ONES, **(VECTORS if n % 3 else {})}, payload)
        for n, payload in enumerate(population(MANY, seed=20250601))
    ]
    await store.upsert("many", points)
    yield points
    await store.drop_collection("many")


@examples(60)
@given(case=CASES)
async def test_few_points(store: VectorStore, few: str, case: Case) -> None:
    await store.delete_matching(few, Filter())
    points = [
        point(n, {"audio": ONES, **{name: VECTORS[name] for name in names}}, payload)
        for n, (payload, names) in enumerate(case.points)
    ]
    await store.upsert(few, points)
    filters = [f for f in case.filters if not await _is_refused(store, few, f)]
    legs = [LegQuery("audio", ONES, 100, filter) for filter in filters]
    answers = await store.query(few, legs)
    for filter, hits in zip(filters, answers, strict=True):
        wanted = _passing(filter, points)
        assert [hit.id for hit in hits] == wanted
        assert await store.count(few, filter) == len(wanted)
    first = points[0]
    verdicts = [passes(f, first.id, first.payload, first.vectors) for f in filters]
    assert list(await store.passes(few, first.id, filters)) == verdicts
    if not filters:
        return
    doomed = filters[0]
    gone = _passing(doomed, points)
    assert await store.delete_matching(few, doomed) == len(gone)
    page = await store.scroll(few, Filter(), limit=100, start_id=None)
    assert [found.id for found in page.points] == [p.id for p in points if p.id not in gone]


@examples(25)
@given(filter=FILTERS)
async def test_many_points(store: VectorStore, many: list[Point], filter: Filter) -> None:
    await _check(store, many, filter)


@examples(30)
@given(
    test=CIRCLES | BOXES, path=st.sampled_from([("where",), ("shelf.spot",)]), negated=st.booleans()
)
async def test_many_places(
    store: VectorStore,
    many: list[Point],
    test: GeoRadius | GeoBox,
    path: tuple[str, ...],
    negated: bool,
) -> None:
    """The geo index misses places where it is asked the plain way."""
    condition = (FieldCondition(path, test),)
    filter = Filter(must_not=condition) if negated else Filter(must=condition)
    await _check(store, many, filter)


async def _is_refused(store: VectorStore, collection_id: str, filter: Filter) -> bool:
    """Whether the store refuses the filter, and then also that it does so in every call."""
    if not asks_undeclared_words(filter, DECLARED) or not await refuses_undeclared_words(store):
        return False
    await check_refused(store, collection_id, filter)
    return True


async def _check(store: VectorStore, points: list[Point], filter: Filter) -> None:
    if await _is_refused(store, "many", filter):
        return
    wanted = _passing(filter, points)
    assert await store.count("many", filter) == len(wanted)
    page = await store.scroll("many", filter, limit=MANY, start_id=None)
    assert [found.id for found in page.points] == wanted
    some = tuple(pid(n) for n in range(0, MANY, 7))
    legs = [
        LegQuery("audio", ONES, MANY, filter),
        LegQuery("audio", ONES, MANY, filter, within=some),
    ]
    free, chosen = await store.query("many", legs)
    assert [hit.id for hit in free] == wanted
    assert [hit.id for hit in chosen] == [id_ for id_ in some if id_ in set(wanted)]
