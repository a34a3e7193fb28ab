"""The domain's filters as those of Qdrant's Python client.

What a match on a number finds depends on the index of the field: numbers are asked for as closed
ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from qdrant_client import models

from triptych_server.domain.filters import (
    AnyOf,
    Condition,
    Equals,
    Exists,
    FieldCondition,
    Filter,
    NumberRange,
    PointIds,
    Scalar,
)
from triptych_server.store.json_path import json_path


def qdrant_filter(filter: Filter, within: Sequence[str] | None = None) -> models.Filter | None:
    """The filter, joined with a choice of point ids; None where everything passes.

    Raises UnaddressableField.
    """
    if filter.is_empty and within is None:
        return None
    must = [_condition(condition) for condition in filter.must]
    if within is not None:
        must.append(models.HasIdCondition(has_id=list(within)))
    return models.Filter(
        must=must or None,
        should=[_condition(condition) for condition in filter.should] or None,
        must_not=[_condition(condition) for condition in filter.must_not] or None,
    )


def _condition(condition: Condition) -> models.Condition:
    match condition:
        case PointIds(ids):
            return models.HasIdCondition(has_id=list(ids))
        case FieldCondition(path, test):
            key = json_path(path)
        case _:
            assert_never(condition)
    match test:
        case Equals(value):
            return _equals(key, value)
        case AnyOf(values):
            return _any_of(key, values)
        case NumberRange(gt, gte, lt, lte):
            return models.FieldCondition(
                key=key, range=models.Range(gt=gt, gte=gte, lt=lt, lte=lte)
            )
        case Exists(expected):
            empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=key))
            return models.Filter(must_not=[empty]) if expected else empty
        case _:
            assert_never(test)


def _equals(key: str, value: Scalar) -> models.FieldCondition:
    if isinstance(value, bool | str):
        return models.FieldCondition(key=key, match=models.MatchValue(value=value))
    return models.FieldCondition(key=key, range=models.Range(gte=value, lte=value))


def _any_of(key: str, values: Sequence[Scalar]) -> models.Filter:
    words = [value for value in values if isinstance(value, str)]
    group: list[models.Condition] = [
        _equals(key, value) for value in values if not isinstance(value, str)
    ]
    if words:
        group.append(models.FieldCondition(key=key, match=models.MatchAny(any=words)))
    if not group:
        # Qdrant lets everything through an empty group, but nothing equals one of no values.
        group.append(models.HasIdCondition(has_id=[]))
    return models.Filter(should=group)
