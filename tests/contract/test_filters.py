"""The store contract: what a filter lets through, against plain Python.

The collection holds one point for every payload value below, under every indexed field, an
unindexed one, one inside an object, and one whose name has a dot in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import pytest_asyncio

from tests.support.filter_oracle import asks_undeclared_words, passes
from tests.support.stores import (
    AUDIO,
    check_refused,
    collection,
    pid,
    point,
    refuses_undeclared_words,
)
from triptych_server.domain.collections import FieldType, PayloadField
from triptych_server.domain.filters import (
    AnyOf,
    Condition,
    Elements,
    Equals,
    Exists,
    FieldCondition,
    FieldPath,
    Filter,
    GeoBox,
    GeoRadius,
    Group,
    HasVector,
    IsNull,
    NoneOf,
    NumberRange,
    Phrase,
    PointIds,
    Test,
    TextMatch,
    TimeRange,
    ValueCount,
)
from triptych_server.domain.items import Json
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.ports import Point, VectorStore

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
    [None, None],
    ["x", "y", "z"],
    "summer sale",
    "Sale! Of the SUMMER.",
    ["a summer day", "no sale"],
    ["summer", "sale"],
    "summersale",
    "été, ÉTÉ",
    {"lat": 52.52, "lon": 13.405},
    {"lat": 48.8566, "lon": 2.3522, "label": "Paris"},
    [{"lat": -33.87, "lon": 151.21}, {"lat": 52.52, "lon": 13.405}],
    {"lat": 0, "lon": 180},
    {"lat": 0, "lon": -180},
    {"lat": -17.8, "lon": -179.5},
    {"lat": 90, "lon": 45},
    {"lat": "52.52", "lon": "13.405"},
    {"lat": 52.52},
]
FRACTIONS: list[object] = [5.5, -2.75, 1e300, float(2**60), [1, 5.5]]
TIMES: list[object] = [
    "2025-06-01",
    "2025-06-01T02:00:00+02:00",
    "2025-06-01T12:00:00",
    ["2024-01-01", "2026-01-01T00:00:00Z"],
    "2025-06-01T00:00:00.0000019Z",
    "2025-06-31",
]


def kept_out(value: object, type_: FieldType | None) -> bool:
    """Whether the wire keeps it out of such a field, whose index would misunderstand it."""
    if type_ is FieldType.DATETIME:
        elements = value if isinstance(value, list) else [value]
        return any(isinstance(e, int | float) and not isinstance(e, bool) for e in elements)
    if type_ in (FieldType.INTEGER, FieldType.FLOAT) and value in TIMES:
        return True
    return type_ is FieldType.INTEGER and value in FRACTIONS


FIELDS: dict[str, FieldType | None] = {
    "keyword": FieldType.KEYWORD,
    "integer": FieldType.INTEGER,
    "float": FieldType.FLOAT,
    "bool": FieldType.BOOL,
    "text": FieldType.TEXT,
    "datetime": FieldType.DATETIME,
    "geo": FieldType.GEO,
    "plain": None,
}
PATHS: dict[FieldPath, FieldType | None] = {
    **{path: type_ for name, type_ in FIELDS.items() for path in ((name,), ("in", name))},
    **{
        path: FIELDS[name]
        for name in ("keyword", "text", "plain")
        for path in ((f"dot.{name}",), ("in", f"a {name}"))
    },
}

DAY = datetime(2025, 6, 1, tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
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
    IsNull(True),
    IsNull(False),
    NoneOf(("x",)),
    NoneOf((5, "y")),
    NoneOf((True, 1, "absent")),
    *(ValueCount(gte=n, lte=n) for n in range(4)),
    ValueCount(gt=1),
    ValueCount(lt=1),
    *(TextMatch(text) for text in ("summer", "SALE summer", "sale, sale!", "été", "ete", "x y")),
    *(TextMatch(text) for text in ("summersale", "of the x", "2025 06")),
    *(Phrase(text) for text in ("summer sale", "sale summer", "of the Summer", "été été", "x")),
    TimeRange(gte=DAY, lt=DAY + timedelta(days=1)),
    TimeRange(gte=DAY, lte=DAY),
    TimeRange(gt=DAY),
    TimeRange(lt=DAY),
    TimeRange(gt=DAY, lte=DAY + timedelta(microseconds=1)),
    TimeRange(gt=LAST),
    TimeRange(gte=DAY, lte=LAST),
    TimeRange(),
    GeoRadius(52.5, 13.4, 5_000),
    GeoRadius(52.5, 13.4, 900_000),
    GeoRadius(0, 179.99, 2_000),
    GeoRadius(89.99, -135, 5_000),
    GeoRadius(0, 0, 20_015_116),
    GeoBox(48, 2, 53, 14),
    GeoBox(52.52, 13.405, 52.52, 13.405),
    GeoBox(-20, 170, 10, -170),
    GeoBox(-20, 170, 10, 180),
    GeoBox(-20, -180, 10, -170),
    GeoBox(-90, -180, 90, 180),
    GeoBox(80, 0, 90, 1),
    GeoBox(-1, 180, 1, 180),
    GeoBox(-1, -180, 1, -180),
    GeoBox(-1, 180, 1, -180),
]


def _points() -> list[Point]:
    points = []
    for number, value in enumerate([*VALUES, *FRACTIONS, *TIMES]):
        payload: dict[str, Json] = {"in": {}}
        for path, type_ in PATHS.items():
            if value is MISSING or kept_out(value, type_):
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
    """Scroll, count and search let through what plain Python does, or all refuse to answer."""
    if await _is_refused(store, filter, PATHS):
        await check_refused(store, values, filter)
        return
    wanted = await _check_scroll(store, values, filter)
    assert await store.count(values, filter) == len(wanted)
    leg = LegQuery("audio", np.ones(4, np.float32), 1000, filter)
    ((*hits,),) = await store.query(values, [leg])
    assert [hit.id for hit in hits] == wanted


async def _is_refused(
    store: VectorStore, filter: Filter, declared: Mapping[FieldPath, FieldType | None]
) -> bool:
    return asks_undeclared_words(filter, declared) and await refuses_undeclared_words(store)


async def _check_scroll(store: VectorStore, values: str, filter: Filter) -> list[str]:
    wanted = [p.id for p in POINTS if passes(filter, p.id, p.payload, p.vectors)]
    page = await store.scroll(values, filter, limit=1000, start_id=None)
    assert [found.id for found in page.points] == wanted
    return wanted


@pytest.mark.parametrize("test", TESTS, ids=repr)
async def test_a_condition_finds_what_plain_python_finds(
    store: VectorStore, values: str, test: Test
) -> None:
    for path in PATHS:
        condition = FieldCondition(path, test)
        await _check(store, values, Filter(must=(condition,)))
        negated = Filter(must_not=(condition,))
        if not await _is_refused(store, negated, PATHS):
            await _check_scroll(store, values, negated)


async def test_five_is_found_among_fives_whatever_the_index(
    store: VectorStore, values: str
) -> None:
    fives = [p.id for p in POINTS if p.payload.get("plain") in (5, [5], [1, 5], ["y", True, 5])]
    assert len(fives) == 5
    for path, type_ in PATHS.items():
        if type_ is FieldType.DATETIME:
            continue  # it holds no numbers
        for test in (Equals(5), Equals(5.0), AnyOf((5,)), NumberRange(gte=5, lte=5)):
            condition = FieldCondition(path, test)
            page = await store.scroll(values, Filter(must=(condition,)), limit=99, start_id=None)
            assert [found.id for found in page.points] == fives


async def test_none_of_keeps_points_without_the_field(store: VectorStore, values: str) -> None:
    for path in PATHS:
        condition = FieldCondition(path, NoneOf(("x", 5)))
        page = await store.scroll(values, Filter(must=(condition,)), limit=99, start_id=None)
        kept = {found.id for found in page.points}
        assert pid(0) in kept  # the one that has no field at all
        assert pid(VALUES.index("x")) not in kept


async def test_uuids_are_found_with_and_without_an_index(store: VectorStore) -> None:
    first, other = "550e8400-e29b-41d4-a716-446655440000", "00000000-0000-0000-0000-000000000001"
    held: list[Json] = [first, other, [other, first], None, [], [None, other]]
    points = [point(n, {}, {"serial": value, "plain": value}) for n, value in enumerate(held)]
    await store.create_collection(
        collection("serials", [AUDIO], [PayloadField("serial", FieldType.UUID)])
    )
    await store.upsert("serials", points)
    tests = (Equals(first), AnyOf((first, 5)), NoneOf((first,)), Exists(), IsNull(), Equals("x"))
    for path in (("serial",), ("plain",)):
        for test in tests:
            filter = Filter(must=(FieldCondition(path, test),))
            wanted = [p.id for p in points if passes(filter, p.id, p.payload)]
            page = await store.scroll("serials", filter, limit=99, start_id=None)
            assert [found.id for found in page.points] == wanted
    await store.drop_collection("serials")


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
    Filter(should=(X, FIVE, FULL), min_should_count=2),
    Filter(should=(X, FIVE, FULL), min_should_count=3),
    Filter(should=(FULL, FULL, X), min_should_count=2),
    Filter(must=(FULL,), should=(X, FIVE, SOME), must_not=(NONE,), min_should_count=2),
    Filter(must=(Group(Filter(should=(X, FIVE))), Group(Filter(should=(SOME, FULL))))),
    Filter(should=(Group(Filter(must=(X, FULL))), Group(Filter(must_not=(FULL,))))),
    Filter(must_not=(Group(Filter(must=(FULL,), must_not=(X,))),)),
    Filter(must=(HasVector("audio"),)),
    Filter(must=(HasVector("image"),)),
    Filter(must_not=(HasVector("image"),), must=(X,)),
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
        wanted = [p.id for p in POINTS if passes(filter, p.id, p.payload, p.vectors)]
        assert [hit.id for hit in hits] == wanted


ORDERS: list[dict[str, Json]] = [
    {},
    {"lines": None},
    {"lines": []},
    {"lines": {"sku": "a", "count": 9}},
    {"lines": [{"sku": "a", "count": 1}, {"sku": "b", "count": 9}]},
    {"lines": [{"sku": "a", "count": 9}]},
    {"lines": ["a", 9, None, {"sku": ["x", "a"], "count": 9.0}]},
    {"lines": [[{"sku": "a", "count": 9}]]},
    {"lines": [{"sku": None}, {}]},
    {"lines": [{"sku": "c", "parts": [{"n": 1, "on": True}, {"n": 2, "on": False}]}]},
    {"in": {"lines": [{"sku": "a", "count": 9}]}},
    {"lines": [{"note": "a summer day"}, {"note": "no sale"}]},
    {"lines": [{"note": ["summer", "sale"], "spot": {"lat": 52.52, "lon": 13.405}}]},
]
SKU, COUNT = FieldCondition(("sku",), Equals("a")), FieldCondition(("count",), NumberRange(gt=5))
BOTH = Filter(must=(SKU, COUNT))
INNER: list[Filter] = [
    BOTH,
    Filter(should=(SKU, COUNT)),
    Filter(should=(SKU, COUNT), min_should_count=2),
    Filter(must_not=(SKU,)),
    Filter(must=(FieldCondition(("sku",), NoneOf(("a",))),)),
    Filter(must=(FieldCondition(("sku",), Exists(False)),)),
    Filter(must=(FieldCondition(("sku",), IsNull()),)),
    Filter(must=(FieldCondition(("sku",), ValueCount(gte=2)),)),
    Filter(must=(Group(Filter(must_not=(Group(BOTH),))),)),
    Filter(must=(FieldCondition(("note",), TextMatch("sale summer")),)),
    Filter(must=(FieldCondition(("spot",), GeoRadius(52.5, 13.4, 5_000)),)),
    Filter(must=(FieldCondition(("spot",), GeoBox(52, 13, 53, 14)),)),
    Filter(
        must=(
            Elements(
                ("parts",),
                Filter(
                    must=(
                        FieldCondition(("n",), Equals(1)),
                        FieldCondition(("on",), Equals(True)),
                    )
                ),
            ),
        )
    ),
]


@pytest.mark.parametrize("inner", INNER, ids=range(len(INNER)))
async def test_the_elements_of_a_list(store: VectorStore, things: str, inner: Filter) -> None:
    points = [point(n, {}, payload) for n, payload in enumerate(ORDERS)]
    await store.upsert(things, points)
    for path in (("lines",), ("in", "lines")):
        condition = Elements(path, inner)
        for filter in (Filter(must=(condition,)), Filter(must_not=(condition,))):
            if await _is_refused(store, filter, {}):
                await check_refused(store, things, filter)
                continue
            wanted = [p.id for p in points if passes(filter, p.id, p.payload)]
            page = await store.scroll(things, filter, limit=99, start_id=None)
            assert [found.id for found in page.points] == wanted


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
