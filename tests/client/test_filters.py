"""Filters as Python expressions."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from triptych import ArgumentError, Field, Filter, Where, at_least, elements, has_vector, ids
from triptych.v1.filter_pb2 import Condition
from triptych.v1.search_service_pb2 import SearchRequest

NAMES = ("a", "b", "c", "d")
Truths = Mapping[str, bool]


def as_dict(where: Where) -> object:
    return MessageToDict(where.to_filter(), preserving_proto_field_name=True)


def one(where: Where) -> object:
    [condition] = where.to_filter().must
    return MessageToDict(condition.field, preserving_proto_field_name=True)


def test_every_comparison() -> None:
    price = Field("price")
    assert one(price < 20) == {"name": "price", "number_range": {"lt": 20.0}}
    assert one(price <= 20) == {"name": "price", "number_range": {"lte": 20.0}}
    assert one(price > 20) == {"name": "price", "number_range": {"gt": 20.0}}
    assert one(price >= 20) == {"name": "price", "number_range": {"gte": 20.0}}
    assert one(price.between(5, 20)) == {"name": "price", "number_range": {"gte": 5.0, "lte": 20.0}}
    assert one(price == 5) == {"name": "price", "equals": 5.0}
    assert one(Field("sold") == True) == {"name": "sold", "equals": True}  # noqa: E712
    assert one(Field("name") == "x") == {"name": "name", "equals": "x"}
    assert one(price.any_of([5, "x", False])) == {
        "name": "price",
        "any_of": {"values": [5.0, "x", False]},
    }
    assert one(price.exists()) == {"name": "price", "exists": True}
    assert one(~price.exists()) == {"name": "price", "exists": False}


def test_every_test_of_a_field() -> None:
    place, tags = Field("place"), Field("tags")
    assert one(tags.none_of(["draft"])) == {"name": "tags", "none_of": {"values": ["draft"]}}
    assert one(tags.matches("summer sale")) == {"name": "tags", "text_match": "summer sale"}
    assert one(tags.phrase("summer sale")) == {"name": "tags", "phrase": "summer sale"}
    assert one(tags.is_null()) == {"name": "tags", "is_null": True}
    assert one(tags.count_between(1, None)) == {"name": "tags", "value_count": {"gte": 1}}
    assert one(tags.count_between(0, 3)) == {"name": "tags", "value_count": {"gte": 0, "lte": 3}}
    assert one(place.near(52.5, -0.0, 500)) == {
        "name": "place",
        "geo_radius": {"center": {"lat": 52.5, "lon": -0.0}, "radius_m": 500.0},
    }
    assert one(place.within_box(south=-1, west=170, north=0, east=-170)) == {
        "name": "place",
        "geo_box": {
            "south_west": {"lat": -1.0, "lon": 170.0},
            "north_east": {"lat": 0.0, "lon": -170.0},
        },
    }


def test_what_is_no_test_of_a_field() -> None:
    assert as_dict(ids(["a", "b"])) == {"must": [{"ids": {"values": ["a", "b"]}}]}
    assert as_dict(~has_vector("ocr")) == {"must_not": [{"has_vector": "ocr"}]}
    inner = {"must": [{"field": {"name": "sku", "equals": "mug"}}]}
    assert as_dict(elements("lines", Field("sku") == "mug")) == {
        "must": [{"elements": {"name": "lines", "filter": inner}}]
    }


NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
DAY = date(2025, 6, 1)
BEGIN, END = "2025-06-01T00:00:00Z", "2025-06-01T23:59:59.999999Z"


@pytest.mark.parametrize(
    ("where", "time_range"),
    [
        (Field("t") >= NOON, {"gte": "2025-06-01T12:00:00Z"}),
        (Field("t") > NOON, {"gt": "2025-06-01T12:00:00Z"}),
        (Field("t") <= NOON, {"lte": "2025-06-01T12:00:00Z"}),
        (Field("t") < NOON, {"lt": "2025-06-01T12:00:00Z"}),
        (Field("t") == NOON, {"gte": "2025-06-01T12:00:00Z", "lte": "2025-06-01T12:00:00Z"}),
        (Field("t") >= DAY, {"gte": BEGIN}),
        (Field("t") > DAY, {"gt": END}),
        (Field("t") <= DAY, {"lte": END}),
        (Field("t") < DAY, {"lt": BEGIN}),
        (Field("t") == DAY, {"gte": BEGIN, "lte": END}),
        (Field("t").between(DAY, DAY), {"gte": BEGIN, "lte": END}),
        (Field("t").between(DAY, NOON), {"gte": BEGIN, "lte": "2025-06-01T12:00:00Z"}),
        (
            Field("t") < datetime(2025, 6, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            {"lt": "2025-05-31T23:00:00Z"},
        ),
        (Field("t") <= date.max, {"lte": "9999-12-31T23:59:59.999999Z"}),
        (Field("t") >= date.min, {"gte": "0001-01-01T00:00:00Z"}),
    ],
)
def test_times(where: Where, time_range: object) -> None:
    assert one(where) == {"name": "t", "time_range": time_range}


def test_the_lists_of_a_filter() -> None:
    a, b, c, d = (Field(name) == 1 for name in NAMES)
    lists = {name: [{"field": {"name": name, "equals": 1.0}}] for name in NAMES}
    assert as_dict(a & (b | c) & ~d) == {
        "must": lists["a"],
        "should": lists["b"] + lists["c"],
        "must_not": lists["d"],
    }
    assert as_dict(~(a | b)) == {"must_not": lists["a"] + lists["b"]}
    assert as_dict(~~a) == {"must": lists["a"]}
    assert as_dict(~(~a & ~b)) == {"should": lists["a"] + lists["b"]}
    assert as_dict(Field("a") != 1) == {"must_not": lists["a"]}


# An expression is built beside the function that says what it means.
Expression = tuple[Callable[[], Where], Callable[[Truths], bool]]


def _leaf(name: str) -> Expression:
    return (lambda: Field(name).exists()), (lambda truths: truths[name])


def _compared(name: str) -> Expression:
    return (lambda: Field(name) == 1), (lambda truths: truths[name])


def _not(inner: Expression) -> Expression:
    return (lambda: ~inner[0]()), (lambda truths: not inner[1](truths))


def _and(pair: tuple[Expression, Expression]) -> Expression:
    a, b = pair
    return (lambda: a[0]() & b[0]()), (lambda truths: a[1](truths) and b[1](truths))


def _or(pair: tuple[Expression, Expression]) -> Expression:
    a, b = pair
    return (lambda: a[0]() | b[0]()), (lambda truths: a[1](truths) or b[1](truths))


leaves = st.sampled_from(NAMES).map(_leaf) | st.sampled_from(NAMES).map(_compared)
expressions: st.SearchStrategy[Expression] = st.recursive(
    leaves,
    lambda inner: (
        inner.map(_not) | st.tuples(inner, inner).map(_and) | st.tuples(inner, inner).map(_or)
    ),
    max_leaves=6,
)


def passes(filter: Filter, truths: Truths) -> bool:
    """The contract's own meaning of the three lists."""

    def holds(condition: Condition) -> bool:
        if condition.HasField("group"):
            return passes(condition.group, truths)
        field = condition.field
        wanted = field.exists if field.WhichOneof("test") == "exists" else True
        return truths[field.name] == wanted

    return (
        all(map(holds, filter.must))
        and (not filter.should or sum(map(holds, filter.should)) >= max(1, filter.min_should_count))
        and not any(map(holds, filter.must_not))
    )


def _at_least(count: int, inner: list[Expression]) -> Expression:
    return (
        lambda: at_least(count, *(build() for build, _ in inner)),
        lambda truths: sum(meaning(truths) for _, meaning in inner) >= count,
    )


@given(expressions, st.fixed_dictionaries({name: st.booleans() for name in NAMES}))
def test_a_filter_means_what_was_written(expression: Expression, truths: dict[str, bool]) -> None:
    build, meaning = expression
    assert passes(build().to_filter(), truths) == meaning(truths)


@given(
    st.lists(expressions, min_size=1, max_size=4),
    expressions,
    st.data(),
    st.fixed_dictionaries({name: st.booleans() for name in NAMES}),
)
def test_so_many_alternatives_hold(
    inner: list[Expression], other: Expression, data: st.DataObject, truths: dict[str, bool]
) -> None:
    some = _at_least(data.draw(st.integers(1, len(inner))), inner)
    for expression in (
        some,
        _not(some),
        _and((some, other)),
        _and((other, some)),
        _or((some, other)),
    ):
        build, meaning = expression
        assert passes(build().to_filter(), truths) == meaning(truths)


def test_groups_are_made_only_where_they_are_needed() -> None:
    a, b, c, d = (Field(name) == 1 for name in NAMES)
    flat = (a & b & c & d, a | b | c | d, (a | b) & c & ~d, ~(a | b) & (c | d), ~a & ~b)
    for where in flat:
        assert where.depth == 1
        assert "group" not in str(where.to_filter())
    for where in ((a | b) & (c | d), (a & b) | c, a | ~b, ~(a & b), ~((a | b) & c)):
        assert where.depth == 2
    assert repr((a | b) & (c | d) & ~d) == "Where(1 of must, 2 of should, 1 of must_not)"


@pytest.mark.parametrize(
    "build", [lambda a: Where() | a, lambda a: a | Where(), lambda a: ~Where(), lambda a: ids([])]
)
def test_a_filter_of_nothing_is_no_alternative(build: Callable[[Where], Where]) -> None:
    with pytest.raises(ArgumentError, match=r"filter: |ids: "):
        build(Field("a") == 1)


@pytest.mark.parametrize(
    "step",
    [
        lambda where: ~(where & (Field("b") == 1)),
        lambda where: elements("lines", where),
        lambda where: elements("lines", ~(where & (Field("b") == 1))),
    ],
)
def test_the_deepest_filter_that_can_be_built_can_be_sent(step: Callable[[Where], Where]) -> None:
    where = Field("a").any_of([1])
    error = None
    while error is None:
        try:
            where = step(where)
        except ArgumentError as caught:
            error = caught
    assert error.reason == "FILTER_TOO_DEEP"
    request = SearchRequest(filter=where.to_filter())
    assert SearchRequest.FromString(request.SerializeToString()) == request


@pytest.mark.parametrize("count", [0, -1, 3])
def test_so_many_of_fewer(count: int) -> None:
    with pytest.raises(ArgumentError) as caught:
        at_least(count, Field("a") == 1, Field("b") == 1)
    assert caught.value.reason == "LIMIT_INVALID"


def test_python_s_own_and_or_and_chains_are_refused() -> None:
    price = Field("price")
    with pytest.raises(TypeError, match=r"&, \| and ~"):
        _ = (price < 5) and (price > 3)
    with pytest.raises(TypeError, match="between"):
        _ = 5 < price < 20


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda f: f == None, "FILTER_TYPE"),  # noqa: E711
        (lambda f: f == [1], "FILTER_TYPE"),
        (lambda f: f < "20", "FILTER_TYPE"),
        (lambda f: f < True, "FILTER_TYPE"),
        (lambda f: f < float("nan"), "NUMBER_NOT_FINITE"),
        (lambda f: f.between(0, float("inf")), "NUMBER_NOT_FINITE"),
        (lambda f: f == 2**53, "NUMBER_NOT_EXACT"),
        (lambda f: f >= -(2**53), "NUMBER_NOT_EXACT"),
        (lambda f: f.any_of([]), "FILTER_EMPTY_CONDITION"),
        (lambda f: f.any_of("red"), "FILTER_TYPE"),
        (lambda f: f.none_of([]), "FILTER_EMPTY_CONDITION"),
        (lambda f: f.none_of([None]), "FILTER_TYPE"),
        (lambda f: f >= datetime(2025, 6, 1), "FILTER_TYPE"),  # noqa: DTZ001 - no zone
        (lambda f: f.between(5, date(2025, 6, 1)), "FILTER_TYPE"),
        (lambda f: f.any_of([date(2025, 6, 1)]), "FILTER_TYPE"),
        (
            lambda f: f < datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
            "FILTER_DATETIME",
        ),
        (lambda f: f.near(0, 0, float("inf")), "NUMBER_NOT_FINITE"),
        (lambda f: f.near("0", 0, 5), "FILTER_TYPE"),
        (lambda f: f.count_between(None, None), "FILTER_EMPTY_CONDITION"),
        (lambda f: f.count_between(1.5, None), "FIELD_INVALID"),
        (lambda f: f.matches(None), "FIELD_INVALID"),
        (lambda f: f == "\ud800", "FIELD_INVALID"),
    ],
)
def test_a_value_that_can_t_be_compared_with(build: Callable[[Field], Where], reason: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        build(Field("price"))
    assert caught.value.reason == reason
    assert caught.value.violations[0].field == "price"


def test_none_is_pointed_to_exists() -> None:
    with pytest.raises(ArgumentError, match=r"exists\(\) or is_null\(\)"):
        _ = Field("price") == None  # noqa: E711


def test_a_path_by_its_keys() -> None:
    assert Field.of("size", "inner width", "a.b").name == 'size."inner width"."a.b"'
    for keys in ((), ('a"b',), ("\ud800",)):
        with pytest.raises(ArgumentError):
            Field.of(*keys)
    with pytest.raises(ArgumentError, match="is empty"):
        Field("")
