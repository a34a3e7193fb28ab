"""Filters as models of Qdrant's own Python client, for the in-memory reference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import assert_never

from qdrant_client import models

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


def reference_filter(filter: Filter, within: Sequence[str] | None = None) -> models.Filter | None:
    """The filter, joined with a choice of point ids; None where everything passes."""
    if filter.is_empty and within is None:
        return None
    must = [_condition(condition) for condition in filter.must]
    if within is not None:
        must.append(models.HasIdCondition(has_id=list(within)))
    should = [_condition(condition) for condition in filter.should]
    several = filter.min_should_count > 1
    return models.Filter(
        must=must or None,
        should=None if several else should or None,
        must_not=[_condition(condition) for condition in filter.must_not] or None,
        min_should=models.MinShould(conditions=should, min_count=filter.min_should_count)
        if several
        else None,
    )


def _condition(condition: Condition) -> models.Condition:
    match condition:
        case FieldCondition(path, test):
            return _test(_key(path), test)
        case PointIds(ids):
            return models.HasIdCondition(has_id=list(ids))
        case HasVector(name):
            return models.HasVectorCondition(has_vector=name)
        case Group(filter):
            return reference_filter(filter) or models.Filter()
        case Elements(path, filter):
            inner = reference_filter(filter) or models.Filter()
            return models.NestedCondition(nested=models.Nested(key=_key(path), filter=inner))
        case _:
            assert_never(condition)


def _test(key: str, test: Test) -> models.Condition:
    match test:
        case Equals(value):
            return _equals(key, value)
        case AnyOf(values):
            return models.Filter(should=[_equals(key, value) for value in values])
        case NoneOf(values):
            return models.Filter(must_not=[_equals(key, value) for value in values])
        case NumberRange(gt, gte, lt, lte):
            return _range(key, gt=gt, gte=gte, lt=lt, lte=lte)
        case TimeRange(gt, gte, lt, lte):
            times = models.DatetimeRange(gt=gt, gte=gte, lt=lt, lte=lte)
            return models.FieldCondition(key=key, range=times)
        case TextMatch(text):
            matches = [models.MatchText(text=word) for word in re.findall(r"[^\W_]+", text)]
            return models.Filter(must=[models.FieldCondition(key=key, match=m) for m in matches])
        case Phrase(text):
            return models.FieldCondition(key=key, match=models.MatchPhrase(phrase=text))
        case GeoRadius(lat, lon, radius_m):
            center = models.GeoPoint(lat=lat, lon=lon)
            circle = models.GeoRadius(center=center, radius=radius_m)
            return models.FieldCondition(key=key, geo_radius=circle)
        case GeoBox():
            return _box(key, test)
        case ValueCount(gt, gte, lt, lte):
            count = models.ValuesCount(gt=gt, gte=gte, lt=lt, lte=lte)
            return models.FieldCondition(key=key, values_count=count)
        case Exists(expected):
            empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=key))
            return models.Filter(must_not=[empty]) if expected else empty
        case IsNull(expected):
            null = models.IsNullCondition(is_null=models.PayloadField(key=key))
            return null if expected else models.Filter(must_not=[null])
        case _:
            assert_never(test)


def _box(key: str, box: GeoBox) -> models.Filter:
    """The box by its coordinates, of one place and of each in a list: its own leaves out edges."""
    if box.west <= box.east:
        meridians = [(box.west, box.east)]
    else:
        meridians = [(box.west, 180.0), (-180.0, box.east)]
    # The antimeridian has two names, and a pole has every meridian.
    if -180 in (box.west, box.east) or 180 in (box.west, box.east) or box.west > box.east:
        meridians += [(-180.0, -180.0), (180.0, 180.0)]

    def inside(prefix: str) -> models.Filter:
        lat, lon = f"{prefix}lat", f"{prefix}lon"
        poles = [pole for pole in (box.south, box.north) if abs(pole) == 90]
        spans: list[models.Condition] = [
            _range(lon, gte=west, lte=east) for west, east in meridians
        ]
        spans += [_range(lat, gte=pole, lte=pole) for pole in poles]
        return models.Filter(
            must=[
                _range(lat, gte=box.south, lte=box.north),
                _range(lon, gte=-180, lte=180),
                models.Filter(should=spans),
            ]
        )

    each = models.NestedCondition(nested=models.Nested(key=key, filter=inside("")))
    return models.Filter(should=[inside(f"{key}."), each])


def _range(key: str, **bounds: float | None) -> models.FieldCondition:
    return models.FieldCondition(key=key, range=models.Range(**bounds))


def _equals(key: str, value: Scalar) -> models.FieldCondition:
    if isinstance(value, bool | str):
        return models.FieldCondition(key=key, match=models.MatchValue(value=value))
    return models.FieldCondition(key=key, range=models.Range(gte=value, lte=value))


def _key(path: FieldPath) -> str:
    return ".".join(f'"{key}"' for key in path)
