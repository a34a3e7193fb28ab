"""The tests of a filter's fields: from the contract into the domain's types."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import assert_never

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from triptych.v1 import filter_pb2 as pb
from triptych_server.domain.errors import Reason
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
from triptych_server.domain.words import words_of
from triptych_server.wire.values import parse_scalar
from triptych_server.wire.violations import Violations

_TESTS = [field.name for field in pb.FieldCondition.DESCRIPTOR.oneofs_by_name["test"].fields]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The years 1 to 9999, as Timestamp has them.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_ALL_TIMES = "0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z"


def parse_test(message: pb.FieldCondition, violations: Violations, path: str) -> Test | None:
    """The one test of a condition; None, and a violation, where there is none or it is wrong."""
    kind = message.WhichOneof("test")
    here = f"{path}.{kind}"
    match kind:
        case None:
            what = f"set one of {', '.join(_TESTS)}"
            violations.add(path, Reason.FILTER_EMPTY_CONDITION, what)
            return None
        case "equals":
            value = parse_scalar(message.equals, violations, here)
            return None if value is None else Equals(value)
        case "any_of":
            values = _values(message.any_of, violations, here)
            return None if values is None else AnyOf(values)
        case "none_of":
            values = _values(message.none_of, violations, here)
            return None if values is None else NoneOf(values)
        case "number_range":
            return _number_range(message.number_range, violations, here)
        case "time_range":
            return _time_range(message.time_range, violations, here)
        case "text_match":
            return TextMatch(_text(message.text_match, violations, here))
        case "phrase":
            return Phrase(_text(message.phrase, violations, here))
        case "geo_radius":
            return _geo_radius(message.geo_radius, violations, here)
        case "geo_box":
            return _geo_box(message.geo_box, violations, here)
        case "value_count":
            return _value_count(message.value_count, violations, here)
        case "exists":
            return Exists(message.exists)
        case "is_null":
            return IsNull(message.is_null)
        case _:
            assert_never(kind)


def _values(message: pb.ValueList, violations: Violations, path: str) -> tuple[Scalar, ...] | None:
    if not message.values:
        violations.add(f"{path}.values", Reason.FILTER_EMPTY_CONDITION, "holds no value")
        return None
    values = [
        parse_scalar(value, violations, f"{path}.values[{place}]")
        for place, value in enumerate(message.values)
    ]
    found = tuple(value for value in values if value is not None)
    return found if len(found) == len(values) else None


def _text(text: str, violations: Violations, path: str) -> str:
    if not words_of(text):
        violations.add(path, Reason.FILTER_EMPTY_CONDITION, "holds no word", got=repr(text))
    return text


def _bounds(message: Message, violations: Violations, path: str) -> list[str]:
    """The bounds that are set; at least one, and at most one on either side."""
    names = [name for name in ("gt", "gte", "lt", "lte") if message.HasField(name)]
    if not names:
        violations.add(path, Reason.FILTER_EMPTY_CONDITION, "set one of gt, gte, lt, lte")
    for one, other in (("gt", "gte"), ("lt", "lte")):
        if one in names and other in names:
            violations.add(path, Reason.FILTER_TYPE, f"set {one} or {other}, not both")
    return names


def _number_range(message: pb.NumberRange, violations: Violations, path: str) -> NumberRange:
    bounds: dict[str, float] = {}
    for name in _bounds(message, violations, path):
        bounds[name] = getattr(message, name)
        _is_finite(bounds[name], violations, f"{path}.{name}")
    return NumberRange(**bounds)


def _value_count(message: pb.CountRange, violations: Violations, path: str) -> ValueCount:
    bounds: dict[str, int] = {}
    for name in _bounds(message, violations, path):
        bounds[name] = getattr(message, name)
        if bounds[name] < 0:
            violations.add(f"{path}.{name}", Reason.LIMIT_INVALID, "is negative", got=bounds[name])
    return ValueCount(**bounds)


def _time_range(message: pb.TimeRange, violations: Violations, path: str) -> TimeRange:
    bounds: dict[str, datetime] = {}
    for name in _bounds(message, violations, path):
        bounds[name] = _time(getattr(message, name), violations, f"{path}.{name}")
    return TimeRange(**bounds)


def _time(moment: Timestamp, violations: Violations, path: str) -> datetime:
    """The time in whole microseconds: what is finer falls away."""
    if not (_FIRST_SECOND <= moment.seconds <= _LAST_SECOND and 0 <= moment.nanos < 1_000_000_000):
        got = f"{moment.seconds} s and {moment.nanos} ns"
        violations.add(path, Reason.FILTER_DATETIME, "is no time", got=got, allowed=_ALL_TIMES)
        return _EPOCH
    return _EPOCH + timedelta(seconds=moment.seconds, microseconds=moment.nanos // 1000)


def _geo_radius(message: pb.GeoRadius, violations: Violations, path: str) -> GeoRadius:
    lat, lon = _place(message.center, violations, f"{path}.center")
    here = f"{path}.radius_m"
    if _is_finite(message.radius_m, violations, here) and message.radius_m <= 0:
        violations.add(
            here, Reason.FILTER_GEO, "no circle", got=message.radius_m, allowed="above 0"
        )
    return GeoRadius(lat, lon, message.radius_m)


def _geo_box(message: pb.GeoBox, violations: Violations, path: str) -> GeoBox:
    south, west = _place(message.south_west, violations, f"{path}.south_west")
    north, east = _place(message.north_east, violations, f"{path}.north_east")
    if north < south:
        violations.add(
            f"{path}.north_east.lat",
            Reason.FILTER_GEO,
            "is to the south of the other corner",
            got=north,
            allowed=f"{south} to 90",
        )
    return GeoBox(south, west, north, east)


def _place(message: pb.GeoPoint, violations: Violations, path: str) -> tuple[float, float]:
    """Latitude and longitude."""
    for name, most in (("lat", 90), ("lon", 180)):
        here = f"{path}.{name}"
        degrees: float = getattr(message, name)
        if not message.HasField(name):  # type: ignore[arg-type]  # the names above are its fields
            violations.add(here, Reason.FIELD_REQUIRED, "is not set")
        elif _is_finite(degrees, violations, here) and abs(degrees) > most:
            violations.add(
                here,
                Reason.FILTER_GEO,
                "is out of range",
                got=degrees,
                allowed=f"-{most} to {most}",
            )
    return message.lat, message.lon


def _is_finite(number: float, violations: Violations, path: str) -> bool:
    if not math.isfinite(number):
        violations.add(path, Reason.NUMBER_NOT_FINITE, "is not finite", got=number)
    return math.isfinite(number)
