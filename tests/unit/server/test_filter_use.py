"""What a filter means in a given collection."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from triptych_server.domain.collections import (
    Collection,
    Distance,
    FieldType,
    PayloadField,
    Source,
    SpaceKind,
    UnindexedFilterPolicy,
    VectorSpace,
)
from triptych_server.domain.errors import InvalidInput, Reason, WrongState
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
    Test,
    TextMatch,
    TimeRange,
    ValueCount,
)
from triptych_server.usecases.filter_use import check_filter

ALLOW, WARN, REFUSE = UnindexedFilterPolicy


def collection(policy: UnindexedFilterPolicy = WARN) -> Collection:
    return Collection(
        id="pictures",
        vector_spaces=(VectorSpace("image", SpaceKind.DENSE, (Source.IMAGE,), Distance.COSINE, 8),),
        payload_fields=(
            PayloadField("kind", FieldType.KEYWORD),
            PayloadField("price", FieldType.FLOAT),
            PayloadField("taken", FieldType.DATETIME),
            PayloadField("serial", FieldType.UUID),
            PayloadField('"a.b"', FieldType.INTEGER),
        ),
        default_encoder_id="tiny-clip",
        language="en",
        create_time=datetime(2025, 6, 1, tzinfo=UTC),
        unindexed_filter_policy=policy,
    )


def on(*keys: str, test: Test) -> FieldCondition:
    return FieldCondition(keys, test)


SERVED = Filter(
    must=(
        on("kind", test=Equals("poster")),
        on("price", test=NumberRange(lt=5)),
        Group(Filter(should=(on("taken", test=TimeRange()), on("a.b", test=NoneOf((1, 2)))))),
        PointIds(("x",)),
        HasVector("image"),
    ),
    must_not=(on("serial", test=Exists()),),
)
LINES = Elements(("lines",), Filter(must=(on("kind", test=Equals("a")), on("x", test=Exists()))))
SLOW = Filter(
    must=(on("colour", test=Exists()), on("kind", test=NumberRange(lt=5))),
    should=(Group(Filter(must_not=(on("a", "b", test=Equals(1)), LINES))),),
    must_not=(on("colour", test=Equals("red")), on("price", test=ValueCount(gt=1))),
)
SLOW_FIELDS = {
    "filter.must[0].field": "colour has no index",
    "filter.must[1].field": "the index of kind, which is declared KEYWORD, does not serve "
    "number_range",
    "filter.should[0].group.must_not[0].field": "a.b has no index",
    "filter.should[0].group.must_not[1].elements": "no index serves the elements of lines",
    "filter.must_not[1].field": "the index of price, which is declared FLOAT, does not serve "
    "value_count",
}


def test_what_an_index_serves_is_silent() -> None:
    for policy in UnindexedFilterPolicy:
        assert check_filter(collection(policy), SERVED) == ()
        assert check_filter(collection(policy), Filter()) == ()


def test_each_field_is_warned_of_once() -> None:
    found = check_filter(collection(), SLOW)
    assert {notice.field: notice.message for notice in found} == {
        path: f"{why}: right, but slow on many items" for path, why in SLOW_FIELDS.items()
    }
    assert len(found) == len(SLOW_FIELDS)


def test_the_policy_decides() -> None:
    assert check_filter(collection(ALLOW), SLOW) == ()
    with pytest.raises(WrongState) as caught:
        check_filter(collection(REFUSE), SLOW)
    error = caught.value
    assert error.reason is Reason.FILTER_FIELD_UNINDEXED
    assert error.subject == "collections/pictures"
    assert error.message.startswith("filter.must[0].field: colour has no index; filter.must[1]")
    assert "and 2 more. This collection refuses filters that no index serves" in error.message
    assert "payload_fields" in error.message
    assert "unindexed_filter_policy" in error.message


def test_numbers_that_may_have_been_rounded() -> None:
    large = 2**53
    fine = on("price", test=AnyOf((large, -large)))
    wrong: list[Condition] = [
        on("kind", test=Equals(large)),
        Group(Filter(should=(on("price", test=Equals(1)), on("a.b", test=NoneOf((1, -large)))))),
        Elements(("lines",), Filter(must_not=(on("price", test=Equals(float(large))),))),
    ]
    assert check_filter(collection(), Filter(must=(fine,))) == ()
    with pytest.raises(InvalidInput) as caught:
        check_filter(collection(REFUSE), Filter(must=(fine, *wrong)))
    assert [(v.field, v.reason) for v in caught.value.violations] == [
        ("filter.must[1].field.equals", Reason.NUMBER_NOT_EXACT),
        ("filter.must[2].group.should[1].field.none_of.values[1]", Reason.NUMBER_NOT_EXACT),
        ("filter.must[3].elements.filter.must_not[0].field.equals", Reason.NUMBER_NOT_EXACT),
    ]


def test_a_uuid_field_is_compared_with_uuids() -> None:
    good = "550e8400-e29b-41d4-a716-446655440000"
    tests: tuple[Test, ...] = (Equals(good), AnyOf((good, 5, True)), TextMatch("x"))
    for test in tests:
        check_filter(collection(), Filter(must=(on("serial", test=test),)))
    with pytest.raises(InvalidInput) as caught:
        check_filter(collection(), Filter(must=(on("serial", test=AnyOf((good, good.upper()))),)))
    assert [(v.field, v.reason) for v in caught.value.violations] == [
        ("filter.must[0].field.any_of.values[1]", Reason.FILTER_TYPE)
    ]


def test_a_vector_that_the_collection_lacks() -> None:
    unknown = Filter(must=(Group(Filter(must_not=(HasVector("looks"),))),))
    with pytest.raises(WrongState) as caught:
        check_filter(collection(), unknown)
    assert caught.value.reason is Reason.VECTOR_NAME_UNKNOWN
    assert caught.value.message == (
        "filter.must[0].group.must_not[0].has_vector: no such vector space (got looks, allowed "
        "image)"
    )
