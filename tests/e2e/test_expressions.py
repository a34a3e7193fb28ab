"""Filters as one line, from the client down to the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.filter_oracle import passes
from tests.support.random_filters import FILTERS, population
from tests.support.server import RunningServer
from triptych import (
    Client,
    FailedPrecondition,
    Field,
    InvalidArgument,
    make_item,
)
from triptych.v1.filter_pb2 import Condition as ConditionMessage
from triptych.v1.filter_pb2 import Filter as FilterMessage
from triptych_server.domain.filter_text import filter_text
from triptych_server.domain.filters import (
    AnyOf,
    Condition,
    Elements,
    Equals,
    Exists,
    FieldCondition,
    Filter,
    Group,
    HasVector,
    NoneOf,
    NumberRange,
    PointIds,
    Scalar,
    Test,
    TimeRange,
    ValueCount,
)
from triptych_server.domain.layout import point_id

COUNT = 60
FIELDS = {
    "kind": "keyword",
    "pages": "integer",
    "price": "float",
    "sold": "bool",
    "note": "text",
    "where": "geo",
    "serial": "uuid",
}


def payloads() -> dict[str, dict[str, Any]]:
    """Payloads by item id; without numbers that an undeclared field refuses."""
    made = population(COUNT, seed=7)
    for payload in made:
        for name, value in payload.items():
            if name != "price" and 1e300 in (value if isinstance(value, list) else [value]):
                payload[name] = 1e15
    return {f"item-{number}": payload for number, payload in enumerate(made)}


class Filled:
    """The collection `lines`, and the payloads of its items by their ids."""

    def __init__(self, client: Client, made: dict[str, dict[str, Any]]) -> None:
        self.client = client
        self.made = made


@pytest.fixture(scope="module")
def filled(server: RunningServer) -> Iterator[Filled]:
    """A collection of random payloads."""
    with server.client() as client:
        client.create_collection("lines", payload_fields=FIELDS)
        made = payloads()
        items = [
            make_item(key, caption=f"the item {key}", payload=payload)
            for key, payload in made.items()
        ]
        assert not [o for o in client.upsert("lines", items) if o.error.code]
        yield Filled(client, made)


def sendable(filter: Filter) -> Filter:
    """The filter without what the wire refuses, and with ids that these items have."""
    must, should, must_not = (
        tuple(map(_sendable, part)) for part in (filter.must, filter.should, filter.must_not)
    )
    return Filter(must, should, must_not, filter.min_should_count)


def _sendable(condition: Condition) -> Condition:
    match condition:
        case FieldCondition(path, test):
            return FieldCondition(path, _test(test))
        case Group(inner) | Elements(_, inner) if inner.is_empty:
            return FieldCondition(("kind",), Exists())
        case Group(inner):
            return Group(sendable(inner))
        case Elements(path, inner):
            return Elements(path, sendable(inner))
        case PointIds(ids):
            names = tuple(f"item-{int(id_[-12:], 16)}" for id_ in ids) or ("nobody",)
            return PointIds(tuple(map(point_id, names)), names)
        case HasVector("audio" | "frames"):
            return HasVector("caption")
        case _:
            return condition


def _test(test: Test) -> Test:
    match test:
        case Equals(value):
            return Equals(_scalar(value))
        case AnyOf(values):
            return AnyOf(tuple(map(_scalar, values)))
        case NoneOf(values):
            return NoneOf(tuple(map(_scalar, values)))
        case NumberRange(gt, gte, lt, lte) | TimeRange(gt, gte, lt, lte):
            bounds = (gt, gte, lt, lte)
        case ValueCount(gt, gte, lt, lte):
            bounds = (gt, gte, lt, lte)
        case _:
            return test
    gt, gte, lt, lte = bounds
    if gte is not None:
        test = replace(test, gt=None)
    if lte is not None:
        test = replace(test, lt=None)
    return Exists() if bounds == (None, None, None, None) else test


def _scalar(value: Scalar) -> Scalar:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    # As the wire has it; and no field but a FLOAT may be asked for more than 2^53.
    return 10**15 if abs(value) >= 2**53 else int(value) if float(value).is_integer() else value


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(FILTERS)
def test_random_expressions_against_the_oracle(filled: Filled, filter: Filter) -> None:
    client, made = filled.client, filled.made
    filter = sendable(filter)
    if filter.is_empty:
        filter = Filter(must=(FieldCondition(("kind",), Exists()),))
    text = filter_text(filter)
    expected = {
        key
        for key, payload in made.items()
        if passes(filter, point_id(key), payload, ("caption", "terms"))
    }
    assert {item.id for item in client.list_items("lines", where=text)} == expected, text
    assert client.count_items("lines", where=f"NOT ({text})").count == COUNT - len(expected)
    found = client.search("lines", text="item", where=text, limit=COUNT)
    assert {hit.item.id for hit in found.hits} == expected
    assert found.canonical_filter == text


WRITTEN = 'kind IN ("a", "b") AND pages >= 1 AND NOT sold = true'


def test_what_search_answers(filled: Filled) -> None:
    client, made = filled.client, filled.made
    written = client.search("lines", text="item", where=WRITTEN.lower(), limit=COUNT)
    assert written.canonical_filter == WRITTEN.replace("NOT sold =", "sold !=")
    typed = Field("kind").any_of(["a", "b"]) & (Field("pages") >= 1) & (Field("sold") != True)  # noqa: E712
    same = client.search("lines", text="item", where=typed, limit=COUNT)
    assert same.canonical_filter == written.canonical_filter
    assert [hit.item.id for hit in same.hits] == [hit.item.id for hit in written.hits] != []
    # The item that is asked with is left out by the service, not by the caller's filter.
    assert client.search("lines", item_id="item-0").canonical_filter == ""
    assert client.search("lines", text="item").canonical_filter == ""
    both = FilterMessage(
        must=[ConditionMessage(has_vector="caption")], expression="price < 5 OR price > 7"
    )
    assert (
        client.search("lines", text="item", where=both).canonical_filter
        == "HAS caption AND AT LEAST 1 OF (price < 5, price > 7)"
    )
    assert len(made) == COUNT


def test_warnings_point_at_the_character(
    filled: Filled,
) -> None:
    client = filled.client
    counted = client.count_items("lines", where='kind = "a" AND plain = 5 AND count(kind) > 0')
    assert [(warning.field, warning.message) for warning in counted.warnings] == [
        (
            "filter.expression",
            "at character 16: plain has no index: right, but slow on many items",
        ),
        (
            "filter.expression",
            "at character 30: the index of kind, which is declared KEYWORD, does not serve "
            "value_count: right, but slow on many items",
        ),
    ]


def test_a_collection_that_refuses_says_where(client: Client, new_id: Callable[[], str]) -> None:
    name = client.create_collection(new_id(), unindexed_filter_policy="refuse").id
    with pytest.raises(FailedPrecondition) as caught:
        client.count_items(name, where="ID = 'a' OR price < 5")
    assert caught.value.reason == "FILTER_FIELD_UNINDEXED"
    assert str(caught.value).startswith("filter.expression: at character 13: price has no index")
    with pytest.raises(FailedPrecondition) as caught:
        client.count_items(name, where="NOT HAS looks")
    assert str(caught.value).startswith("filter.expression: at character 9: no such vector space")


def test_deleting_by_an_expression(client: Client, new_id: Callable[[], str]) -> None:
    name = client.create_collection(new_id()).id
    client.upsert(
        name,
        [
            make_item(str(month), caption="one of twelve", payload={"taken": date(2025, month, 1)})
            for month in range(1, 13)
        ],
    )
    for nothing in (FilterMessage(), FilterMessage(expression=""), FilterMessage(expression=" ")):
        with pytest.raises(InvalidArgument) as caught:
            client.delete_items(name, where=nothing)
        assert caught.value.reason in ("DELETE_NEEDS_FILTER", "FILTER_EXPRESSION_INVALID")
    with pytest.raises(InvalidArgument):
        client.delete_items(name, where="taken >= 2025-06-01 OR")
    assert client.count_items(name).count == 12
    gone = client.delete_items(name, where="2025-06-01 <= taken < 2025-09-01 OR ID = '12'")
    assert gone.deleted_count == 4
    assert {item.id for item in client.list_items(name, where="taken > 2025-09-01")} == {"10", "11"}
    assert client.count_items(name).count == 8


def test_pages_of_an_expression(filled: Filled) -> None:
    client = filled.client
    by_two = [item.id for item in client.list_items("lines", where="pages < 3", page_size=2)]
    at_once = [item.id for item in client.list_items("lines", where="pages < 3")]
    assert by_two == at_once
    assert len(by_two) > 2
