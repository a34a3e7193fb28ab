"""What a filter means in a given collection: what is refused, and what a caller should know."""

from __future__ import annotations

from collections.abc import Iterator

from triptych_server.domain.collections import Collection, FieldType
from triptych_server.domain.errors import InvalidInput, Reason, violation
from triptych_server.domain.filters import AnyOf, Equals, FieldCondition, Filter, Scalar
from triptych_server.domain.items import Notice, WarningCode
from triptych_server.domain.paths import format_path, parse_path
from triptych_server.domain.payload import field_types, is_inexact


def check_filter(collection: Collection, filter: Filter) -> tuple[Notice, ...]:
    """One warning for each payload field without an index that ``filter`` asks about.

    Raises InvalidInput (NUMBER_NOT_EXACT) for whole numbers of 2^53 or more, which no field but
    one declared FLOAT can hold.
    """
    types = field_types(collection.payload_fields, parse_path)
    problems = [
        violation(
            path,
            Reason.NUMBER_NOT_EXACT,
            "may already have been rounded, and only a FLOAT field holds such numbers",
            got=f"{value:.0f}",
            allowed="below 2^53",
        )
        for path, condition, value in _values(filter)
        if is_inexact(value) and types.get(condition.path) is not FieldType.FLOAT
    ]
    if problems:
        raise InvalidInput(problems)
    return tuple(
        Notice(
            WarningCode.FILTER_FIELD_UNINDEXED,
            f"the field {format_path(path)} has no index: right, but slow on many items",
            "filter",
        )
        for path in filter.field_paths()
        if path not in types
    )


def _values(filter: Filter) -> Iterator[tuple[str, FieldCondition, Scalar]]:
    """Every value compared with, its request path and its condition."""
    groups = {"must": filter.must, "should": filter.should, "must_not": filter.must_not}
    for name, conditions in groups.items():
        for place, condition in enumerate(conditions):
            if not isinstance(condition, FieldCondition):
                continue
            path = f"filter.{name}[{place}].field"
            if isinstance(condition.test, Equals):
                yield f"{path}.equals", condition, condition.test.value
            elif isinstance(condition.test, AnyOf):
                for number, value in enumerate(condition.test.values):
                    yield f"{path}.any_of.values[{number}]", condition, value
