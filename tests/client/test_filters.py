"""Filters as Python expressions."""

from collections.abc import Callable, Mapping

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from triptych import ArgumentError, Field, Filter, Where
from triptych.v1.filter_pb2 import Condition

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
        field = condition.field
        wanted = field.exists if field.WhichOneof("test") == "exists" else True
        return truths[field.name] == wanted

    return (
        all(map(holds, filter.must))
        and (not filter.should or any(map(holds, filter.should)))
        and not any(map(holds, filter.must_not))
    )


@given(expressions, st.fixed_dictionaries({name: st.booleans() for name in NAMES}))
def test_a_filter_means_what_was_written_or_is_refused(
    expression: Expression, truths: dict[str, bool]
) -> None:
    build, meaning = expression
    try:
        where = build()
    except ArgumentError:
        return
    assert passes(where.to_filter(), truths) == meaning(truths)


def test_what_one_level_can_hold_is_not_refused() -> None:
    a, b, c, d = (Field(name) == 1 for name in NAMES)
    for where in (a & b & c & d, a | b | c | d, (a | b) & c & ~d, ~(a | b) & (c | d), ~a & ~b):
        assert where.to_filter().ByteSize()


@pytest.mark.parametrize(
    "build",
    [
        lambda a, b, c, d: (a | b) & (c | d),
        lambda a, b, c, d: (a & b) | c,
        lambda a, b, c, d: a | ~b,
        lambda a, b, c, d: ~(a & b),
        lambda a, b, c, d: ~((a | b) & c),
        lambda a, b, c, d: Where() | a,
        lambda a, b, c, d: ~Where(),
    ],
)
def test_what_does_not_fit_is_refused_while_it_is_built(build: Callable[..., Where]) -> None:
    with pytest.raises(ArgumentError, match="filter: "):
        build(*(Field(name) == 1 for name in NAMES))


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
        (lambda f: f == "\ud800", "FIELD_INVALID"),
    ],
)
def test_a_value_that_can_t_be_compared_with(build: Callable[[Field], Where], reason: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        build(Field("price"))
    assert caught.value.reason == reason
    assert caught.value.violations[0].field == "price"


def test_none_is_pointed_to_exists() -> None:
    with pytest.raises(ArgumentError, match=r"exists\(\)"):
        _ = Field("price") == None  # noqa: E711


def test_a_path_by_its_keys() -> None:
    assert Field.of("size", "inner width", "a.b").name == 'size."inner width"."a.b"'
    for keys in ((), ('a"b',), ("\ud800",)):
        with pytest.raises(ArgumentError):
            Field.of(*keys)
    with pytest.raises(ArgumentError, match="is empty"):
        Field("")
