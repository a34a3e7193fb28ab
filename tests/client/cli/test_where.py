"""Filters at the command line."""

import pytest
from google.protobuf.json_format import MessageToDict

from triptych.cli.output import CommandError
from triptych.cli.where import parse_scalar, parse_where


def as_dict(*comparisons: str) -> object:
    where = parse_where(comparisons)
    assert where is not None
    return MessageToDict(where.to_filter(), preserving_proto_field_name=True)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("price<20", {"name": "price", "number_range": {"lt": 20.0}}),
        ("price <= 2.5", {"name": "price", "number_range": {"lte": 2.5}}),
        ("price>-3", {"name": "price", "number_range": {"gt": -3.0}}),
        ("price>=1e3", {"name": "price", "number_range": {"gte": 1000.0}}),
        ("category=poster", {"name": "category", "equals": "poster"}),
        ("note=a = b < c", {"name": "note", "equals": "a = b < c"}),
        ("zip=01234", {"name": "zip", "equals": 1234.0}),
        ('zip="01234"', {"name": "zip", "equals": "01234"}),
        ("sold=true", {"name": "sold", "equals": True}),
        ("sold:exists", {"name": "sold", "exists": True}),
        ('size."inner width" > 3', {"name": 'size."inner width"', "number_range": {"gt": 3.0}}),
        ('"a<b".c:exists', {"name": '"a<b".c', "exists": True}),
        ("größe=5", {"name": "größe", "equals": 5.0}),
        ("day=2025-06-01", {"name": "day", "equals": "2025-06-01"}),
        ("day>=2025-06-01", {"name": "day", "time_range": {"gte": "2025-06-01T00:00:00Z"}}),
        ("day > 2025-06-01", {"name": "day", "time_range": {"gt": "2025-06-01T23:59:59.999999Z"}}),
        (
            "day<=2025-06-01T12:00:00+02:00",
            {"name": "day", "time_range": {"lte": "2025-06-01T10:00:00Z"}},
        ),
        ("day<2025-06-01 12:30Z", {"name": "day", "time_range": {"lt": "2025-06-01T12:30:00Z"}}),
    ],
)
def test_one_comparison(text: str, field: object) -> None:
    assert as_dict(text) == {"must": [{"field": field}]}


def test_several_are_joined_and_unequal_is_the_opposite() -> None:
    found = as_dict("price<20", "category!=poster")
    assert found == {
        "must": [{"field": {"name": "price", "number_range": {"lt": 20.0}}}],
        "must_not": [{"field": {"name": "category", "equals": "poster"}}],
    }


def test_none_is_no_filter() -> None:
    assert parse_where([]) is None


@pytest.mark.parametrize(
    "text",
    [
        "day<2025-02-30",
        'day<"2025-06-01"',
        "day>2025-06",
        "price",
        "=5",
        "price=",
        "price<cheap",
        "sold>true",
        "price:missing",
        "",
        "a b=5",
        '"a=5',
    ],
)
def test_what_is_no_comparison_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--where"):
        parse_where([text])


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(CommandError, match="has no time zone"):
        parse_where(["day<2025-06-01T12:00"])


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("5.0", 5.0), (".5", 0.5), ("1e", "1e"), ("nan", "nan"), ('"', '"')],
)
def test_values(text: str, value: object) -> None:
    parsed = parse_scalar(text)
    assert parsed == value
    assert type(parsed) is type(value)
