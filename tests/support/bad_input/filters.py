"""Bad filters."""

from __future__ import annotations

from tests.support.bad_input.build import (
    IA,
    NAN,
    Row,
    any_of,
    field,
    search,
    where,
)
from triptych.v1.filter_pb2 import Condition, Filter, NumberRange, ValueList

ROWS: dict[str, Row] = {
    # Filters
    "condition of nothing": Row(
        search(filter=Filter(must=[Condition()])), IA, "FILTER_EMPTY_CONDITION", "filter.must[0]"
    ),
    "field without a test": Row(
        search(filter=where(field())), IA, "FILTER_EMPTY_CONDITION", "filter.must[0].field"
    ),
    "field without a name": Row(
        search(filter=where(field("", exists=True))),
        IA,
        "FILTER_FIELD_INVALID",
        "filter.must[0].field.name",
    ),
    "field with an unclosed quote": Row(
        search(filter=where(field('"a.b', exists=True))),
        IA,
        "FILTER_FIELD_INVALID",
        "filter.must[0].field.name",
    ),
    "field of our own": Row(
        search(filter=where(field("_triptych.id", exists=True))),
        IA,
        "PAYLOAD_RESERVED_KEY",
        "filter.must[0].field.name",
    ),
    "equals null": Row(
        search(filter=where(field(equals=None))), IA, "FILTER_TYPE", "filter.must[0].field.equals"
    ),
    "equals a list": Row(
        search(filter=where(field(equals=[]))), IA, "FILTER_TYPE", "filter.must[0].field.equals"
    ),
    "equals a struct": Row(
        search(filter=where(field(equals={}))), IA, "FILTER_TYPE", "filter.must[0].field.equals"
    ),
    "equals NaN": Row(
        search(filter=where(field(equals=NAN))),
        IA,
        "NUMBER_NOT_FINITE",
        "filter.must[0].field.equals",
    ),
    "equals 2^53": Row(
        search(filter=where(field("count", equals=2.0**53))),
        IA,
        "NUMBER_NOT_EXACT",
        "filter.must[0].field.equals",
    ),
    "any of nothing": Row(
        search(filter=where(field(any_of=ValueList()))),
        IA,
        "FILTER_EMPTY_CONDITION",
        "filter.must[0].field.any_of.values",
    ),
    "any of a null": Row(
        search(filter=where(field(any_of=any_of("a", None)))),
        IA,
        "FILTER_TYPE",
        "filter.must[0].field.any_of.values[1]",
    ),
    "range without a bound": Row(
        search(filter=where(field(number_range=NumberRange()))),
        IA,
        "FILTER_EMPTY_CONDITION",
        "filter.must[0].field.number_range",
    ),
    "range from NaN": Row(
        search(filter=where(field(number_range=NumberRange(gt=NAN)))),
        IA,
        "NUMBER_NOT_FINITE",
        "filter.must[0].field.number_range.gt",
    ),
    "range with two lower bounds": Row(
        search(filter=where(field(number_range=NumberRange(gt=1, gte=2)))),
        IA,
        "FILTER_TYPE",
        "filter.must[0].field.number_range",
    ),
    "10,000 conditions": Row(
        search(filter=where(*[field(exists=True)] * 10_000)),
        IA,
        "FILTER_TOO_MANY_CONDITIONS",
        "filter",
    ),
}
