"""What a filter means, in plain Python: the oracle of the store's tests.

It shares nothing with the service but the tree's types: times, distances, boxes and words are
worked out here anew, from what filter.proto says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

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
    TextMatch,
    TimeRange,
    ValueCount,
)

_MISSING = object()
_EARTH_RADIUS_M = 6_371_008.8


def passes(
    filter: Filter, point_id: str, payload: Mapping[str, object], vectors: Collection[str] = ()
) -> bool:
    """Whether a point with that id, that payload and those named vectors passes the filter."""

    def holds(condition: Condition) -> bool:
        if isinstance(condition, PointIds):
            return point_id in condition.ids
        if isinstance(condition, HasVector):
            return condition.vector_name in vectors
        if isinstance(condition, Group):
            return passes(condition.filter, point_id, payload, vectors)
        if isinstance(condition, Elements):
            found = _at(payload, condition.path)
            objects = (
                [e for e in found if isinstance(e, Mapping)] if isinstance(found, list) else []
            )
            return any(passes(condition.filter, "", element) for element in objects)
        return _holds(condition, payload)

    return (
        all(holds(condition) for condition in filter.must)
        and (not filter.should or sum(map(holds, filter.should)) >= filter.min_should_count)
        and not any(holds(condition) for condition in filter.must_not)
    )


def asks_undeclared_words(
    filter: Filter, declared: Mapping[FieldPath, FieldType | None], *, inside: bool = False
) -> bool:
    """Whether the filter looks for words in a field that is not declared TEXT.

    ``inside`` the elements of a list nothing is declared.
    """
    for condition in (*filter.must, *filter.should, *filter.must_not):
        match condition:
            case FieldCondition(path, TextMatch() | Phrase()):
                if inside or declared.get(path) is not FieldType.TEXT:
                    return True
            case Group(group) if asks_undeclared_words(group, declared, inside=inside):
                return True
            case Elements(_, each) if asks_undeclared_words(each, declared, inside=True):
                return True
    return False


def _holds(condition: FieldCondition, payload: Mapping[str, object]) -> bool:
    found = _at(payload, condition.path)
    elements = found if isinstance(found, list) else [found]
    test = condition.test
    match test:
        case Exists(expected):
            return (found is not _MISSING and found is not None and found != []) == expected
        case IsNull(expected):
            return any(element is None for element in elements) == expected
        case Equals(value):
            return any(_same(element, value) for element in elements)
        case AnyOf(values):
            return any(_same(element, value) for element in elements for value in values)
        case NoneOf(values):
            return not any(_same(element, value) for element in elements for value in values)
        case NumberRange():
            return any(_number_within(element, test) for element in elements)
        case TimeRange():
            return any(_time_within(element, test) for element in elements)
        case TextMatch(text):
            return set(_words(text)) <= {word for element in elements for word in _words(element)}
        case Phrase(text):
            return any(_side_by_side(_words(text), _words(element)) for element in elements)
        case GeoRadius():
            return any(_in_circle(element, test) for element in elements)
        case GeoBox():
            return any(_in_box(element, test) for element in elements)
        case ValueCount():
            return _within(_count(found), test)


def _at(payload: Mapping[str, object], path: FieldPath) -> object:
    found: object = payload
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return _MISSING
        found = found[key]
    return found


def _count(found: object) -> int:
    if isinstance(found, list):
        return len(found)
    return int(found is not _MISSING and found is not None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(element: object, value: Scalar) -> bool:
    if _is_number(value):
        return _is_number(element) and element == value
    return type(element) is type(value) and element == value


def _number_within(element: object, test: NumberRange) -> bool:
    return _is_number(element) and _within(element, test)


def _within(value: object, test: NumberRange | TimeRange | ValueCount) -> bool:
    found: float = value  # type: ignore[assignment]  # a number, or a time with its like
    return (
        (test.gt is None or found > test.gt)  # type: ignore[operator]
        and (test.gte is None or found >= test.gte)  # type: ignore[operator]
        and (test.lt is None or found < test.lt)  # type: ignore[operator]
        and (test.lte is None or found <= test.lte)  # type: ignore[operator]
    )


# -- times ----------------------------------------------------------------------------------------

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))?)?",
    re.ASCII,
)


def _time_within(element: object, test: TimeRange) -> bool:
    moment = _time(element)
    return moment is not None and _within(moment, test)


def _time(element: object) -> datetime | None:
    """The time in UTC, whole microseconds; None for what is none."""
    found = _TIME.fullmatch(element) if isinstance(element, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = found.groups("0")
    try:
        day_begins = datetime(int(year), int(month), int(day), tzinfo=UTC)
        clock = day_begins.replace(hour=int(hour), minute=int(minute), second=int(second))
    except ValueError:
        return None
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    clock += timedelta(microseconds=int(f"{fraction:0<6}"[:6]))
    return clock + offset if sign == "-" else clock - offset


# -- texts ----------------------------------------------------------------------------------------


def _words(element: object) -> list[str]:
    """Runs of letters and digits, in lower case."""
    if not isinstance(element, str):
        return []
    spaced = "".join(letter if letter.isalnum() else " " for letter in element)
    return [word.lower() for word in spaced.split(" ") if word]


def _side_by_side(wanted: list[str], found: list[str]) -> bool:
    return any(
        found[start : start + len(wanted)] == wanted
        for start in range(len(found) - len(wanted) + 1)
    )


# -- places ---------------------------------------------------------------------------------------


def _place(element: object) -> tuple[float, float] | None:
    if not isinstance(element, Mapping):
        return None
    lat, lon = element.get("lat"), element.get("lon")
    if not (isinstance(lat, int | float) and isinstance(lon, int | float)):
        return None
    return None if isinstance(lat, bool) or isinstance(lon, bool) else (float(lat), float(lon))


def _in_circle(element: object, test: GeoRadius) -> bool:
    place = _place(element)
    if place is None:
        return False
    lat, lon, there, east = map(math.radians, (*place, test.lat, test.lon))
    # The haversine formula.
    half = (
        math.sin((there - lat) / 2) ** 2
        + math.cos(lat) * math.cos(there) * math.sin((east - lon) / 2) ** 2
    )
    return 2 * _EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, half))) <= test.radius_m


def _in_box(element: object, test: GeoBox) -> bool:
    place = _place(element)
    if place is None or not test.south <= place[0] <= test.north:
        return False
    if abs(place[0]) == 90:
        return True
    meridians = [-180.0, 180.0] if abs(place[1]) == 180 else [place[1]]
    if test.west <= test.east:
        return any(test.west <= meridian <= test.east for meridian in meridians)
    return any(meridian >= test.west or meridian <= test.east for meridian in meridians)
