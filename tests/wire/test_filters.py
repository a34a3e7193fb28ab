"""Filters of the contract as the domain's trees."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from triptych.v1.filter_pb2 import FieldCondition as FieldMessage
from triptych.v1.filter_pb2 import Filter as Message
from triptych_server.domain.filters import (
    AnyOf,
    Condition,
    Elements,
    Equals,
    Exists,
    FieldCondition,
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
from triptych_server.domain.indexes import name_of
from triptych_server.domain.layout import point_id
from triptych_server.domain.limits import Limits
from triptych_server.wire.filters import parse_filter
from triptych_server.wire.violations import Violations

LIMITS = Limits()
JUNE = datetime(2025, 6, 1, tzinfo=UTC)


def parsed(json: dict[str, object]) -> Filter:
    """The tree of a filter in its JSON form, which is what grpcurl sends."""
    violations = Violations()
    tree = parse_filter(ParseDict(json, Message()), LIMITS, violations)
    violations.raise_if_any()
    return tree


TESTS: list[tuple[dict[str, object], Test]] = [
    ({"equals": "x"}, Equals("x")),
    ({"equals": 5.0}, Equals(5)),
    ({"any_of": {"values": [1, "x", True]}}, AnyOf((1, "x", True))),
    ({"none_of": {"values": [2.5]}}, NoneOf((2.5,))),
    ({"number_range": {"gt": 0, "lte": 5}}, NumberRange(gt=0, lte=5)),
    ({"time_range": {"gte": "2025-06-01T02:00:00+02:00"}}, TimeRange(gte=JUNE)),
    (
        {"time_range": {"lt": "2025-06-01T00:00:00.123456789Z"}},
        TimeRange(lt=JUNE.replace(microsecond=123_456)),
    ),
    ({"time_range": {"gt": "0001-01-01T00:00:00Z"}}, TimeRange(gt=datetime(1, 1, 1, tzinfo=UTC))),
    ({"text_match": "summer sale"}, TextMatch("summer sale")),
    ({"phrase": "summer sale"}, Phrase("summer sale")),
    (
        {"geo_radius": {"center": {"lat": 0, "lon": -180}, "radius_m": 0.5}},
        GeoRadius(0, -180, 0.5),
    ),
    (
        {"geo_box": {"south_west": {"lat": -1, "lon": 170}, "north_east": {"lat": 1, "lon": -170}}},
        GeoBox(-1, 170, 1, -170),
    ),
    ({"value_count": {"gte": 0, "lt": 3}}, ValueCount(gte=0, lt=3)),
    ({"exists": False}, Exists(False)),
    ({"is_null": True}, IsNull(True)),
    ({"is_null": False}, IsNull(False)),
]


@pytest.mark.parametrize(("json", "test"), TESTS, ids=lambda value: str(value)[:60])
def test_every_test(json: dict[str, object], test: Test) -> None:
    tree = parsed({"must": [{"field": {"name": "a.b", **json}}]})
    assert tree == Filter(must=(FieldCondition(("a", "b"), test),))
    assert [type(value) for value in _values(test)] == [type(value) for value in _values(tree)]
    assert name_of(test) in json


def _values(part: Test | Filter) -> tuple[object, ...]:
    """True equals 1: the types of what is compared with have to be seen, too."""
    if isinstance(part, Filter):
        (condition,) = part.must
        assert isinstance(condition, FieldCondition)
        part = condition.test
    match part:
        case Equals(value):
            return (value,)
        case AnyOf(values) | NoneOf(values):
            return values
        case _:
            return ()


def test_no_test_is_forgotten() -> None:
    contract = {f.name for f in FieldMessage.DESCRIPTOR.oneofs_by_name["test"].fields}
    assert contract == {name_of(test) for _, test in TESTS}


X: Condition = FieldCondition(("x",), Exists())
X_JSON = {"field": {"name": "x", "exists": True}}


def test_every_condition() -> None:
    conditions = [
        X_JSON,
        {"ids": {"values": ["cat-1", "cat-2"]}},
        {"has_vector": "ocr"},
        {"group": {"should": [X_JSON, X_JSON], "min_should_count": 2}},
        {"elements": {"name": "lines", "filter": {"must_not": [X_JSON]}}},
        # Only at the top is a key reserved.
        {
            "elements": {
                "name": "a",
                "filter": {"must": [{"field": {"name": "_triptych", "exists": True}}]},
            }
        },
    ]
    inner = Filter(must=(FieldCondition(("_triptych",), Exists()),))
    assert parsed({"must": conditions}).must == (
        X,
        PointIds((point_id("cat-1"), point_id("cat-2"))),
        HasVector("ocr"),
        Group(Filter(should=(X, X), min_should_count=2)),
        Elements(("lines",), Filter(must_not=(X,))),
        Elements(("a",), inner),
    )


def test_at_the_limits() -> None:
    values = {"field": {"name": "x", "any_of": {"values": [1] * LIMITS.max_filter_values}}}
    text = {"field": {"name": "x", "text_match": "é" * (LIMITS.max_filter_text_bytes // 2)}}
    deepest: dict[str, object] = {"must": [X_JSON]}
    for _ in range(LIMITS.max_filter_depth - 1):
        deepest = {"must": [{"group": deepest}]}
    most: list[dict[str, object]] = [
        {"must": [values]},
        {"must": [text]},
        {"must": [X_JSON] * LIMITS.max_filter_conditions},
        deepest,
    ]
    for json in most:
        assert not parsed(json).is_empty


@given(st.datetimes(), st.integers(0, 999))
def test_times_lose_what_is_finer_than_a_microsecond(moment: datetime, nanos: int) -> None:
    bound = Timestamp()
    bound.FromDatetime(moment)
    bound.nanos += nanos
    message = Message()
    field = message.must.add().field
    field.name = "t"
    field.time_range.gte.CopyFrom(bound)
    violations = Violations()
    tree = parse_filter(message, LIMITS, violations)
    violations.raise_if_any()
    wanted = TimeRange(gte=moment.replace(tzinfo=UTC))
    assert tree.must == (FieldCondition(("t",), wanted),)
