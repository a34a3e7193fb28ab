"""The domain's filters as those of Qdrant's Python client.

The server is the engine that Qdrant Edge is, with the same habits; `edge_filters` tells them. Found
on a server of 1.18.3 besides:

- Words are looked for as parts of the text, in its own case, where a field has no text index. They
  are refused there: the embedded engine would find others.
- Where every condition of a filter is one that an index has just answered, it takes what the index
  found without a further look, whichever part a condition stands in: "x, and not x" finds x. Not so
  for a group, so a filter of several parts is sent as one.
- A count of values never finds points without the field where it has an index.
- Its condition for null does not look into a list where the field has no index. The test of a field
  for null, which reads the same in the index, does.
- Times are whole microseconds in an index, and finer in a field that has none. Bounds that take a
  microsecond whole or not at all find the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import assert_never

from qdrant_client import models

from triptych_server.domain.collections import Collection, FieldType
from triptych_server.domain.errors import Reason, WrongState, clip
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
from triptych_server.domain.paths import parse_path
from triptych_server.domain.payload import field_types
from triptych_server.domain.words import words_of
from triptych_server.store.engine_checks import check_filter
from triptych_server.store.json_path import json_path
from triptych_server.store.qdrant_geo import POLE_RADIUS_M, open_boxes, poles

# The declared types; None inside the elements of a list, where nothing can be declared.
Types = Mapping[FieldPath, FieldType] | None
_NUMBERS = (FieldType.INTEGER, FieldType.FLOAT)
_MICROSECOND = timedelta(microseconds=1)
_LAST_TIME = datetime.max.replace(tzinfo=UTC)


def qdrant_filter(
    collection: Collection, filter: Filter, within: Sequence[str] | None = None
) -> models.Filter | None:
    """The filter, joined with a choice of point ids; None where everything passes.

    Raises UnaddressableField, WrongState (FILTER_FIELD_UNINDEXED) for words of a field without a
    text index, and ValueError where the filter is nested too deep.
    """
    if filter.is_empty and within is None:
        return None
    check_filter(filter)
    also = () if within is None else (models.HasIdCondition(has_id=list(within)),)
    made = _filter(filter, field_types(collection.payload_fields, parse_path), also)
    parts = (made.must, made.should, made.must_not, made.min_should)
    return models.Filter(must=[made]) if sum(map(bool, parts)) > 1 else made


def _filter(filter: Filter, types: Types, also: Sequence[models.Condition] = ()) -> models.Filter:
    must: list[models.Condition] = [*(_condition(c, types) for c in filter.must), *also]
    should = [_condition(condition, types) for condition in filter.should]
    several = filter.min_should_count > 1
    return models.Filter(
        must=must or None,
        should=None if several else should or None,
        must_not=[_condition(condition, types) for condition in filter.must_not] or None,
        min_should=models.MinShould(conditions=should, min_count=filter.min_should_count)
        if several
        else None,
    )


def _condition(condition: Condition, types: Types) -> models.Condition:
    match condition:
        case FieldCondition(path, test):
            declared = types.get(path) if types is not None else None
            if isinstance(test, TextMatch | Phrase) and declared is not FieldType.TEXT:
                raise _wordless(path, inside=types is None)
            return _test(json_path(path), test, declared)
        case PointIds(ids):
            return models.HasIdCondition(has_id=list(ids))
        case HasVector(name):
            return models.HasVectorCondition(has_vector=name)
        case Group(filter):
            return _filter(filter, types)
        case Elements(path, filter):
            nested = models.Nested(key=json_path(path), filter=_filter(filter, None))
            return models.NestedCondition(nested=nested)
        case _:
            assert_never(condition)


def _test(key: str, test: Test, declared: FieldType | None) -> models.Condition:
    match test:
        case Equals(value):
            return _any_of(key, (value,), declared)
        case AnyOf(values):
            return _any_of(key, values, declared)
        case NoneOf(values):
            return models.Filter(must_not=[_any_of(key, values, declared)])
        case NumberRange(gt, gte, lt, lte):
            return _numbers(key, models.Range(gt=gt, gte=gte, lt=lt, lte=lte), declared)
        case TimeRange():
            in_time = models.FieldCondition(key=key, range=_whole_times(test))
            return _nothing() if declared in _NUMBERS else in_time
        case TextMatch(text):
            words = [models.MatchText(text=word) for word in words_of(text)]
            return models.Filter(must=[models.FieldCondition(key=key, match=m) for m in words])
        case Phrase(text):
            return models.FieldCondition(key=key, match=models.MatchPhrase(phrase=text))
        case GeoRadius(lat, lon, radius_m):
            return _checked([_circle(key, lat, lon, radius_m)])
        case GeoBox():
            return _box(key, test)
        case ValueCount(gt, gte, lt, lte):
            count = models.ValuesCount(gt=gt, gte=gte, lt=lt, lte=lte)
            counted = models.FieldCondition(key=key, values_count=count)
            if (gt is not None and gt >= 0) or (gte is not None and gte > 0):
                return counted
            if (lt is not None and lt <= 0) or (lte is not None and lte < 0):
                return counted
            return models.Filter(should=[counted, _empty(key)])
        case Exists(expected):
            return models.Filter(must_not=[_empty(key)]) if expected else _empty(key)
        case IsNull(expected):
            null = models.FieldCondition(key=key, is_null=True)
            return null if expected else models.Filter(must_not=[null])
        case _:
            assert_never(test)


def _any_of(key: str, values: Sequence[Scalar], declared: FieldType | None) -> models.Condition:
    group: list[models.Condition] = []
    words = [value for value in values if isinstance(value, str)]
    if words:
        group.append(models.FieldCondition(key=key, match=models.MatchAny(any=words)))
    for value in values:
        if isinstance(value, bool):
            group.append(models.FieldCondition(key=key, match=models.MatchValue(value=value)))
        elif not isinstance(value, str):
            # What a match on a number finds depends on the index; a closed range does not.
            number = float(value)
            group.append(_numbers(key, models.Range(gte=number, lte=number), declared))
    # Qdrant lets everything through an empty group, but nothing equals one of no values.
    return models.Filter(should=group) if len(group) > 1 else next(iter(group), _nothing())


def _numbers(key: str, bounds: models.Range, declared: FieldType | None) -> models.Condition:
    if declared is FieldType.DATETIME:
        return _nothing()
    return models.FieldCondition(key=key, range=bounds)


def _whole_times(test: TimeRange) -> models.DatetimeRange:
    """The range of times that, cut to microseconds, lie in ``test``."""
    gt, gte, lt, lte = test.gt, test.gte, test.lt, test.lte
    if gt is not None and gt < _LAST_TIME:
        next_to = gt + _MICROSECOND
        gt, gte = None, next_to if gte is None else max(gte, next_to)
    if lte is not None and lte < _LAST_TIME:
        next_to = lte + _MICROSECOND
        lte, lt = None, next_to if lt is None else min(lt, next_to)
    return models.DatetimeRange(gt=gt, gte=gte, lt=lt, lte=lte)


def _empty(key: str) -> models.IsEmptyCondition:
    return models.IsEmptyCondition(is_empty=models.PayloadField(key=key))


def _wordless(path: FieldPath, *, inside: bool) -> WrongState:
    name = clip(".".join(path))
    remedy = (
        "the elements of a list can have none"
        if inside
        else "declare the field TEXT in payload_fields when the collection is made"
    )
    return WrongState(
        Reason.FILTER_FIELD_UNINDEXED,
        f"filter: {name} has no text index, and a Qdrant server tells words apart by it alone: "
        f"{remedy}",
        subject=f"fields/{name}",
    )


def _nothing() -> models.HasIdCondition:
    return models.HasIdCondition(has_id=[])


def _box(key: str, box: GeoBox) -> models.Filter:
    parts = [
        models.FieldCondition(
            key=key,
            geo_bounding_box=models.GeoBoundingBox(
                top_left=models.GeoPoint(lon=part.west, lat=part.north),
                bottom_right=models.GeoPoint(lon=part.east, lat=part.south),
            ),
        )
        for part in open_boxes(box)
    ]
    return _checked([*parts, *(_circle(key, pole, 0.0, POLE_RADIUS_M) for pole in poles(box))])


def _circle(key: str, lat: float, lon: float, radius_m: float) -> models.FieldCondition:
    center = models.GeoPoint(lon=lon, lat=lat)
    circle = models.GeoRadius(center=center, radius=radius_m)
    return models.FieldCondition(key=key, geo_radius=circle)


def _checked(conditions: Sequence[models.FieldCondition]) -> models.Filter:
    """One of the conditions holds; checked point by point, on what the index keeps of each."""
    return models.Filter(must_not=[models.Filter(must_not=list(conditions))])
