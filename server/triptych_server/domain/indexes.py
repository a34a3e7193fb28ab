"""Which tests of a payload field its index serves: the table in collection.proto."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from triptych_server.domain.collections import FieldType
from triptych_server.domain.filters import (
    AnyOf,
    Equals,
    Exists,
    GeoBox,
    GeoRadius,
    IsNull,
    NoneOf,
    NumberRange,
    Phrase,
    Scalar,
    Test,
    TextMatch,
    TimeRange,
    ValueCount,
)

_NUMBERS = (FieldType.INTEGER, FieldType.FLOAT)
_STRINGS = (FieldType.KEYWORD, FieldType.UUID)


def serves(declared: FieldType, test: Test) -> bool:
    """Whether the index of a field of that type answers the test without reading every point."""
    match test:
        case Equals(value):
            return _compares(declared, (value,))
        case AnyOf(values) | NoneOf(values):
            return _compares(declared, values)
        case NumberRange():
            return declared in _NUMBERS
        case TimeRange():
            return declared is FieldType.DATETIME
        case TextMatch() | Phrase():
            return declared is FieldType.TEXT
        case GeoRadius() | GeoBox():
            return declared is FieldType.GEO
        case Exists() | IsNull():
            return True
        case ValueCount():
            return False
        case _:
            assert_never(test)


def name_of(test: Test) -> str:
    """The name of the test in the contract."""
    return _NAMES[type(test)]


_NAMES: dict[type[Test], str] = {
    Equals: "equals",
    AnyOf: "any_of",
    NoneOf: "none_of",
    NumberRange: "number_range",
    TimeRange: "time_range",
    TextMatch: "text_match",
    Phrase: "phrase",
    GeoRadius: "geo_radius",
    GeoBox: "geo_box",
    ValueCount: "value_count",
    Exists: "exists",
    IsNull: "is_null",
}


def _compares(declared: FieldType, values: Sequence[Scalar]) -> bool:
    return all(_compares_one(declared, value) for value in values)


def _compares_one(declared: FieldType, value: Scalar) -> bool:
    if isinstance(value, bool):
        return declared is FieldType.BOOL
    return declared in (_STRINGS if isinstance(value, str) else _NUMBERS)
