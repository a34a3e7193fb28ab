"""Filters as Qdrant Edge objects.

What passes depends on the values alone, with an index and without. These habits of the engine
would make a difference, all found by running it:

- Its binding takes a Python ``bool`` for the integer it also is, so that a match on True would
  find 1. ``numpy.bool_`` is taken for what it is.
- What a match on a number finds depends on the index of the field. A closed range finds 5 and 5.0
  alike under every index but one: the integer index knows whole numbers only.
- A range of numbers asked of a datetime index compares microseconds since 1970, and a range of
  times asked of an index of numbers the same the other way round. Fields that are declared so hold
  no such values: nothing passes.
- ``MatchExcept`` leaves out points without the field.
- A text of several words may be spread over a list where there is an index, and has to stand in
  one string of it where there is none. Words asked for one by one are found alike.
- The geo index misses points: near the poles, in boxes over the antimeridian, a few at the rim of
  large circles. It looks for the cells that a place may be in, and takes too few. A condition
  under two negations is not looked for but checked, on the exact places that the index keeps.
- Its boxes leave out their edges.
- A payload key can be addressed between quotes whatever it holds, but for a quote and a backslash:
  for those its paths have no escape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

import numpy as np
import qdrant_edge as edge

from triptych_server.domain.collections import FieldType
from triptych_server.domain.filters import (
    AnyOf,
    Condition,
    Elements,
    Equals,
    Exists,
    FieldCondition,
    FieldPath,
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
    Scalar,
    Test,
    TextMatch,
    TimeRange,
    ValueCount,
)
from triptych_server.domain.words import words_of
from triptych_server.store.engine_checks import check_filter
from triptych_server.store.json_path import json_path
from triptych_server.store.qdrant_geo import POLE_RADIUS_M, open_boxes, poles

EdgeCondition = (
    edge.FieldCondition
    | edge.IsEmptyCondition
    | edge.IsNullCondition
    | edge.HasIdCondition
    | edge.HasVectorCondition
    | edge.NestedCondition
    | edge.Filter
)

Types = Mapping[FieldPath, FieldType]
_NUMBERS = (FieldType.INTEGER, FieldType.FLOAT)


def edge_filter(
    filter: Filter, types: Types, within: Sequence[str] | None = None
) -> edge.Filter | None:
    """The filter, joined with a choice of point ids; None where everything passes.

    ``types`` are those that the collection declares. Raises UnaddressableField, and ValueError
    where the filter is nested too deep.
    """
    if filter.is_empty and within is None:
        return None
    check_filter(filter)
    return _filter(filter, types, () if within is None else (edge.HasIdCondition(set(within)),))


def _filter(filter: Filter, types: Types, also: Sequence[EdgeCondition] = ()) -> edge.Filter:
    must: list[EdgeCondition] = [*(_condition(c, types) for c in filter.must), *also]
    should = [_condition(condition, types) for condition in filter.should]
    several = filter.min_should_count > 1
    return edge.Filter(
        must=must or None,
        should=None if several else should or None,
        must_not=[_condition(condition, types) for condition in filter.must_not] or None,
        min_should=edge.MinShould(should, filter.min_should_count) if several else None,
    )


def _condition(condition: Condition, types: Types) -> EdgeCondition:
    match condition:
        case FieldCondition(path, test):
            return _test(json_path(path), test, types.get(path))
        case PointIds(ids):
            return edge.HasIdCondition(set(ids))
        case HasVector(name):
            return edge.HasVectorCondition(name)
        case Group(filter):
            return _filter(filter, types)
        case Elements(path, filter):
            # A path names no place inside a list, so nothing in there is declared.
            return edge.NestedCondition(json_path(path), _filter(filter, {}))
        case _:
            assert_never(condition)


def _test(key: str, test: Test, declared: FieldType | None) -> EdgeCondition:
    match test:
        case Equals(value):
            return _any_of(key, (value,), declared)
        case AnyOf(values):
            return _any_of(key, values, declared)
        case NoneOf(values):
            return edge.Filter(must_not=[_any_of(key, values, declared)])
        case NumberRange(gt, gte, lt, lte):
            return _numbers(key, edge.RangeFloat(gt=gt, gte=gte, lt=lt, lte=lte), declared)
        case TimeRange(gt, gte, lt, lte):
            times = edge.RangeDateTime(gt=_time(gt), gte=_time(gte), lt=_time(lt), lte=_time(lte))
            return _nothing() if declared in _NUMBERS else edge.FieldCondition(key, range=times)
        case TextMatch(text):
            words = words_of(text)
            return edge.Filter(
                must=[edge.FieldCondition(key, match=edge.MatchText(word)) for word in words]
            )
        case Phrase(text):
            return edge.FieldCondition(key, match=edge.MatchPhrase(text))
        case GeoRadius(lat, lon, radius_m):
            return _checked([_circle(key, lat, lon, radius_m)])
        case GeoBox():
            return _box(key, test)
        case ValueCount(gt, gte, lt, lte):
            count = edge.ValuesCount(gt=gt, gte=gte, lt=lt, lte=lte)
            return edge.FieldCondition(key, values_count=count)
        case Exists(expected):
            empty = edge.IsEmptyCondition(key)
            return edge.Filter(must_not=[empty]) if expected else empty
        case IsNull(expected):
            null = edge.IsNullCondition(key)
            return null if expected else edge.Filter(must_not=[null])
        case _:
            assert_never(test)


def _any_of(key: str, values: Sequence[Scalar], declared: FieldType | None) -> EdgeCondition:
    group: list[EdgeCondition] = []
    words = [value for value in values if isinstance(value, str)]
    if words:
        group.append(edge.FieldCondition(key, match=edge.MatchAny(words)))
    for value in values:
        if isinstance(value, bool):
            # The stub says bool; the binding reads a Python bool as 0 or 1, this one as a bool.
            truth: bool = np.bool_(value)  # type: ignore[assignment]
            group.append(edge.FieldCondition(key, match=edge.MatchValue(truth)))
        elif not isinstance(value, str):
            number = float(value)
            group.append(_numbers(key, edge.RangeFloat(gte=number, lte=number), declared))
    # The engine lets everything through an empty group, but nothing equals one of no values.
    return edge.Filter(should=group) if len(group) > 1 else next(iter(group), _nothing())


def _numbers(key: str, bounds: edge.RangeFloat, declared: FieldType | None) -> EdgeCondition:
    if declared is FieldType.DATETIME:
        return _nothing()
    return edge.FieldCondition(key, range=bounds)


def _nothing() -> edge.HasIdCondition:
    return edge.HasIdCondition(set())


def _time(bound: datetime | None) -> str | None:
    return None if bound is None else bound.isoformat()


def _box(key: str, box: GeoBox) -> edge.Filter:
    parts = [
        edge.FieldCondition(
            key,
            geo_bounding_box=edge.GeoBoundingBox(
                top_left=edge.GeoPoint(lon=part.west, lat=part.north),
                bottom_right=edge.GeoPoint(lon=part.east, lat=part.south),
            ),
        )
        for part in open_boxes(box)
    ]
    return _checked([*parts, *(_circle(key, pole, 0.0, POLE_RADIUS_M) for pole in poles(box))])


def _circle(key: str, lat: float, lon: float, radius_m: float) -> edge.FieldCondition:
    center = edge.GeoPoint(lon=lon, lat=lat)
    return edge.FieldCondition(key, geo_radius=edge.GeoRadius(center, radius_m))


def _checked(conditions: Sequence[edge.FieldCondition]) -> edge.Filter:
    """One of the conditions holds; checked point by point, on what the index keeps of each."""
    return edge.Filter(must_not=[edge.Filter(must_not=list(conditions))])
