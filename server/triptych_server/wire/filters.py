"""Filters: from the contract into the domain's tree."""

from __future__ import annotations

import math
from collections.abc import Sequence

from triptych.v1 import filter_pb2 as pb
from triptych_server.domain.errors import Reason
from triptych_server.domain.filters import (
    AnyOf,
    Condition,
    Equals,
    Exists,
    FieldCondition,
    FieldPath,
    Filter,
    NumberRange,
    Test,
)
from triptych_server.domain.layout import RESERVED_KEY
from triptych_server.domain.limits import Limits
from triptych_server.domain.paths import parse_path
from triptych_server.wire.values import parse_scalar
from triptych_server.wire.violations import Violations


def parse_filter(
    message: pb.Filter, limits: Limits, violations: Violations, path: str = "filter"
) -> Filter:
    """The filter, or as much of it as is right, with a violation for the rest."""
    count = len(message.must) + len(message.should) + len(message.must_not)
    if count > limits.max_filter_conditions:
        violations.add(
            path,
            Reason.FILTER_TOO_MANY_CONDITIONS,
            "too many conditions",
            got=count,
            allowed=limits.max_filter_conditions,
        )
        return Filter()
    return Filter(
        must=_conditions(message.must, limits, violations, f"{path}.must"),
        should=_conditions(message.should, limits, violations, f"{path}.should"),
        must_not=_conditions(message.must_not, limits, violations, f"{path}.must_not"),
    )


def _conditions(
    messages: Sequence[pb.Condition], limits: Limits, violations: Violations, path: str
) -> tuple[Condition, ...]:
    parsed = []
    for place, message in enumerate(messages):
        here = f"{path}[{place}]"
        if message.WhichOneof("condition") is None:
            violations.add(here, Reason.FILTER_EMPTY_CONDITION, "is empty; set field")
            continue
        condition = _field(message.field, limits, violations, f"{here}.field")
        if condition is not None:
            parsed.append(condition)
    return tuple(parsed)


def _field(
    message: pb.FieldCondition, limits: Limits, violations: Violations, path: str
) -> FieldCondition | None:
    keys = parse_field_name(message.name, violations, f"{path}.name")
    test = _test(message, limits, violations, path)
    return None if keys is None or test is None else FieldCondition(keys, test)


def parse_field_name(name: str, violations: Violations, path: str) -> FieldPath | None:
    """The keys of a field's path; None, and a violation, where it is malformed or reserved."""
    try:
        keys = parse_path(name)
    except ValueError as problem:
        violations.add(path, Reason.FILTER_FIELD_INVALID, str(problem), got=name or "nothing")
        return None
    if keys[0] == RESERVED_KEY:
        violations.add(path, Reason.PAYLOAD_RESERVED_KEY, "is reserved", got=name)
        return None
    return keys


def _test(
    message: pb.FieldCondition, limits: Limits, violations: Violations, path: str
) -> Test | None:
    kind = message.WhichOneof("test")
    if kind == "equals":
        value = parse_scalar(message.equals, violations, f"{path}.equals")
        return None if value is None else Equals(value)
    if kind == "any_of":
        return _any_of(message.any_of, limits, violations, f"{path}.any_of")
    if kind == "number_range":
        return _number_range(message.number_range, violations, f"{path}.number_range")
    if kind == "exists":
        return Exists(message.exists)
    violations.add(
        path, Reason.FILTER_EMPTY_CONDITION, "set one of equals, any_of, number_range, exists"
    )
    return None


def _any_of(
    message: pb.ValueList, limits: Limits, violations: Violations, path: str
) -> AnyOf | None:
    if not message.values:
        violations.add(f"{path}.values", Reason.FILTER_EMPTY_CONDITION, "holds no value")
        return None
    if len(message.values) > limits.max_filter_conditions:
        violations.add(
            f"{path}.values",
            Reason.FILTER_TOO_MANY_CONDITIONS,
            "too many values",
            got=len(message.values),
            allowed=limits.max_filter_conditions,
        )
        return None
    values = [
        parse_scalar(value, violations, f"{path}.values[{place}]")
        for place, value in enumerate(message.values)
    ]
    found = tuple(value for value in values if value is not None)
    return AnyOf(found) if len(found) == len(values) else None


def _number_range(message: pb.NumberRange, violations: Violations, path: str) -> NumberRange | None:
    bounds = {
        name: getattr(message, name)
        for name in ("gt", "gte", "lt", "lte")
        if message.HasField(name)
    }
    before = len(violations)
    for name, bound in bounds.items():
        if not math.isfinite(bound):
            violations.add(f"{path}.{name}", Reason.NUMBER_NOT_FINITE, "is not finite", got=bound)
    if not bounds:
        violations.add(path, Reason.FILTER_EMPTY_CONDITION, "set one of gt, gte, lt, lte")
    for one, other in (("gt", "gte"), ("lt", "lte")):
        if one in bounds and other in bounds:
            violations.add(path, Reason.FILTER_TYPE, f"set {one} or {other}, not both")
    return NumberRange(**bounds) if len(violations) == before else None
