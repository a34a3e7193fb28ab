"""The store contract: what a filter lets through, against plain Python.

The collection holds one point for every payload value below, under every indexed field, an
unindexed one, one inside an object, and one whose name has a dot in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from tests.support.filter_oracle import passes
from tests.support.stores import AUDIO, collection, pid, point
from triptych_server.domain.collections import FieldType, PayloadField
from triptych_server.domain.filters import (
    AnyOf,
    Condition,
    Equals,
    Exists,
    FieldCondition,
    FieldPath,
    Filter,
    NumberRange,
    PointIds,
    Test,
)
from triptych_server.domain.items import Json
from triptych_server.domain.ports import LegQuery, Point, VectorStore

pytestmark = pytest.mark.asyncio(loop_scope="module")

MISSING = object()
VALUES: list[object] = [
    MISSING,
    None,
    [],
    [None],
    {},
    {"x": 1},
    "",
    "x",
    "X",
    "x y",
    "ünï",
    "5",
    "true",
    True,
    False,
    0,
    1,
    5,
    5.0,
    -3,
    2**53 - 1,
    [5],
    [1, 5.0],
    ["x", None],
    ["y", True, 5],
    [True],
    [[5]],
    [["x"]],
    [{"x": 1}],
]
# Values that the wire keeps out of a field that is declared INTEGER.
FRACTIONS: list[object] = [5.5, -2.75, 1e300, float(2**60), [1, 5.5]]

FIELDS: dict[str, FieldType | None] = {
    "keyword": FieldType.KEYWORD,
    "integer": FieldType.INTEGER,
    "float": FieldType.FLOAT,
    "bool": FieldType.BOOL,
    "plain": None,
}
PATHS: dict[FieldPath, FieldType | None] = {
    path: type_
    for name, type_ in FIELDS.items()
    for path in ((name,), ("in", name), (f"dot.{name}",), ("in", f"a {name}"))
}

TESTS: list[Test] = [
    *(Equals(value) for value in ("x", "X", "", "x y", "ünï", "5", "true", "absent")),
    *(Equals(value) for value in (True, False, 0, 1, 5, 5.0, 5.5, -3, 2**53 - 1, 1e300)),
    AnyOf(("x",)),
    AnyOf(("x", "ünï", "absent")),
    AnyOf((5,)),
    AnyOf((1, 5.5, -3)),
    AnyOf((True,)),
    AnyOf((True, False)),
    AnyOf(("x", 5, True)),
    AnyOf(("absent", 77)),
    NumberRange(),
    NumberRange(gte=5),
    NumberRange(gt=5),
    NumberRange(lte=5),
    NumberRange(lt=5),
    NumberRange(gte=0, lt=1),
    NumberRange(gt=4.5, lte=5.2),
    NumberRange(gt=5.0, lt=6.0),
    NumberRange(gte=-2.75, lte=-2.75),
    NumberRange(gt=5, lt=4),
    Exists(True),
    Exists(False),
]


def _points() -> list[Point]:
    points = []
    for number, value in enumerate([*VALUES, *FRACTIONS]):
        payload: dict[str, Json] = {"in": {}}
        for path, type_ in PATHS.items():
            if value is MISSING or (type_ is FieldType.INTEGER and number >= len(VALUES)):
                continue
            inner = payload
            if path[0] == "in":
                inner = payload["in"]  # type: ignore[assignment]
            inner[path[-1]] = value  # type: ignore[assignment]
        points.append(point(number, {"audio": np.ones(4, np.float32)}, payload))
    return points


POINTS = _points()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def values(store: VectorStore) -> AsyncIterator[str]:
    """The id of a collection with ``POINTS``; their fields are indexed by their types."""
    indexed = [
        PayloadField(".".join(key if key.isalpha() else f'"{key}"' for key in path), type_)
        for path, type_ in PATHS.items()
        if type_ is not None
    ]
    await store.create_collection(collection("values", [AUDIO], indexed))
    await store.upsert("values", POINTS)
    yield "values"
    await store.drop_collection("values")


async def _check(store: VectorStore, values: str, filter: Filter) -> None:
    """Scroll, count and search let through what plain Python does."""
    wanted = [p.id for p in POINTS if passes(filter, p.id, p.payload)]
    page = await store.scroll(values, filter, limit=1000, start_id=None)
    assert [found.id for found in page.points] == wanted
    assert await store.count(values, filter) == len(wanted)
    leg = LegQuery("audio", np.ones(4, np.float32), 1000, filter)
    ((*hits,),) = await store.query(values, [leg])
    assert [hit.id for hit in hits] == wanted


@pytest.mark.parametrize("test", TESTS, ids=repr)
async def test_a_condition_finds_what_plain_python_finds(
    store: VectorStore, values: str, test: Test
) -> None:
    for path in PATHS:
        condition = FieldCondition(path, test)
        await _check(store, values, Filter(must=(condition,)))
        await _check(store, values, Filter(must_not=(condition,)))


X = FieldCondition(("keyword",), Equals("x"))
FIVE = FieldCondition(("float",), Equals(5))
FULL = FieldCondition(("plain",), Exists())
SOME = PointIds((pid(1), pid(7), pid(17), pid(999)))
NONE = PointIds(())

GROUPS: list[Filter] = [
    Filter(),
    Filter(must=(SOME,)),
    Filter(must_not=(SOME,)),
    Filter(should=(SOME,)),
    Filter(must=(NONE,)),
    Filter(must_not=(NONE,)),
    Filter(should=(NONE, X)),
    Filter(must=(X, FULL)),
    Filter(must=(X, FIVE)),
    Filter(should=(X, FIVE)),
    Filter(must_not=(X, FIVE)),
    Filter(must=(FULL,), should=(X, FIVE)),
    Filter(must=(FULL,), should=(X, FIVE), must_not=(SOME,)),
    Filter(should=(X,), must_not=(X,)),
]


@pytest.mark.parametrize("filter", GROUPS, ids=range(len(GROUPS)))
async def test_the_parts_of_a_filter_are_joined(
    store: VectorStore, values: str, filter: Filter
) -> None:
    await _check(store, values, filter)


async def test_one_batch_may_ask_with_filters_that_python_finds_equal(
    store: VectorStore, values: str
) -> None:
    """1 == True, so Filter(1) == Filter(True): neither may be answered for the other."""
    filters = [
        Filter(must=(FieldCondition(("plain",), Equals(value)),)) for value in (1, True, 0, False)
    ]
    assert filters[0] == filters[1]
    one = np.ones(4, np.float32)
    answers = await store.query(values, [LegQuery("audio", one, 100, f) for f in filters])
    for filter, hits in zip(filters, answers, strict=True):
        wanted = [p.id for p in POINTS if passes(filter, p.id, p.payload)]
        assert [hit.id for hit in hits] == wanted


@pytest.mark.parametrize(
    "key", ["a-b", "a_b", "a.b", "a b", "a[b", "a]", "a[]", "a'b", "", "0", "é", "🔑", ".", "a:b"]
)
async def test_every_key_can_be_asked_about(store: VectorStore, things: str, key: str) -> None:
    await store.upsert(things, [point(1, {}, {key: "v", "in": {key: 5}}), point(2, {}, {"b": "v"})])
    top: Condition = FieldCondition((key,), Equals("v"))
    inner: Condition = FieldCondition(("in", key), Equals(5.0))
    for condition in (top, inner):
        page = await store.scroll(things, Filter(must=(condition,)), limit=9, start_id=None)
        assert [found.id for found in page.points] == [pid(1)]
