"""What a filter means, in plain Python: the oracle of the store's tests."""

from __future__ import annotations

from collections.abc import Mapping

from triptych_server.domain.filters import (
    AnyOf,
    Condition,
    Equals,
    Exists,
    FieldCondition,
    FieldPath,
    Filter,
    NumberRange,
    PointIds,
    Scalar,
)

_MISSING = object()


def passes(filter: Filter, point_id: str, payload: Mapping[str, object]) -> bool:
    """Whether a point with that id and payload passes the filter."""

    def holds(condition: Condition) -> bool:
        if isinstance(condition, PointIds):
            return point_id in condition.ids
        return _holds(condition, payload)

    return (
        all(holds(condition) for condition in filter.must)
        and (not filter.should or any(holds(condition) for condition in filter.should))
        and not any(holds(condition) for condition in filter.must_not)
    )


def _holds(condition: FieldCondition, payload: Mapping[str, object]) -> bool:
    found = _at(payload, condition.path)
    elements = found if isinstance(found, list) else [found]
    test = condition.test
    if isinstance(test, Exists):
        return (found is not _MISSING and found is not None and found != []) == test.expected
    if isinstance(test, Equals):
        return any(_same(element, test.value) for element in elements)
    if isinstance(test, AnyOf):
        return any(_same(element, value) for element in elements for value in test.values)
    return any(_within(element, test) for element in elements)


def _at(payload: Mapping[str, object], path: FieldPath) -> object:
    found: object = payload
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return _MISSING
        found = found[key]
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(element: object, value: Scalar) -> bool:
    if _is_number(value):
        return _is_number(element) and element == value
    return type(element) is type(value) and element == value


def _within(element: object, test: NumberRange) -> bool:
    if not isinstance(element, int | float) or isinstance(element, bool):
        return False
    return (
        (test.gt is None or element > test.gt)
        and (test.gte is None or element >= test.gte)
        and (test.lt is None or element < test.lt)
        and (test.lte is None or element <= test.lte)
    )
