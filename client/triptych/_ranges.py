"""Values that filters compare with: scalars, numbers, times and days."""

import math
from datetime import UTC, date, datetime, time
from numbers import Integral, Real
from typing import TypeAlias

from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from triptych.errors import argument_error
from triptych.v1.filter_pb2 import FieldCondition, NumberRange, TimeRange
from triptych.values import EXACT_BELOW, to_value

Scalar: TypeAlias = str | bool | int | float
Bound: TypeAlias = float | datetime | date


def scalar(value: object, name: str) -> Value:
    """A string, number or boolean as a `Value`.

    Raises:
        ArgumentError: it is something else (FILTER_TYPE), or as `to_value`.
    """
    if not isinstance(value, str | bool | Integral | Real):
        hint = "; use exists() or is_null()" if value is None else ""
        raise argument_error(
            name,
            "FILTER_TYPE",
            f"compares with a string, a number or a boolean{hint}",
            got=type(value).__name__,
        )
    return to_value(value, field=name)


def is_time(value: object) -> bool:
    """Whether it is a `datetime` or a `date`."""
    return isinstance(value, date)


def span(name: str, low: object, high: object) -> FieldCondition:
    """The field is a number or a time from `low` to `high`, both included.

    A `date` stands for its whole day in UTC.

    Raises:
        ArgumentError: the bounds are not two numbers or two times (FILTER_TYPE), or one of them is
            none that can be compared with.
    """
    if is_time(low) != is_time(high):
        raise argument_error(
            name, "FILTER_TYPE", "a range needs two numbers or two times", got=f"{low!r}, {high!r}"
        )
    if is_time(low):
        times = TimeRange(gte=_begin(low, name), lte=_end(high, name))
        return FieldCondition(name=name, time_range=times)
    numbers = NumberRange(gte=number(low, name), lte=number(high, name))
    return FieldCondition(name=name, number_range=numbers)


def below(name: str, bound: object, *, included: bool) -> FieldCondition:
    """The field is a number or a time below `bound`, or equal to it where that is included."""
    if is_time(bound):
        end = TimeRange(lte=_end(bound, name)) if included else TimeRange(lt=_begin(bound, name))
        return FieldCondition(name=name, time_range=end)
    most = number(bound, name)
    return FieldCondition(
        name=name, number_range=NumberRange(lte=most) if included else NumberRange(lt=most)
    )


def above(name: str, bound: object, *, included: bool) -> FieldCondition:
    """The field is a number or a time above `bound`, or equal to it where that is included."""
    if is_time(bound):
        begin = TimeRange(gte=_begin(bound, name)) if included else TimeRange(gt=_end(bound, name))
        return FieldCondition(name=name, time_range=begin)
    least = number(bound, name)
    return FieldCondition(
        name=name, number_range=NumberRange(gte=least) if included else NumberRange(gt=least)
    )


def number(value: object, name: str) -> float:
    """A finite number.

    Raises:
        ArgumentError: it is none (FILTER_TYPE, NUMBER_NOT_FINITE), or an int of 2^53 or more.
    """
    if isinstance(value, bool) or not isinstance(value, Integral | Real):
        raise argument_error(name, "FILTER_TYPE", "needs a number or a time", got=repr(value))
    if isinstance(value, Integral) and abs(int(value)) >= EXACT_BELOW:
        raise argument_error(
            name,
            "NUMBER_NOT_EXACT",
            "does not fit into a double exactly; give a float",
            got=value,
            allowed="below 2^53",
        )
    found = float(value)
    if math.isnan(found) or math.isinf(found):
        raise argument_error(name, "NUMBER_NOT_FINITE", "is not finite", got=found)
    return found


def _begin(moment: object, name: str) -> Timestamp:
    """The time, or the first moment of the day."""
    return _timestamp(moment, time.min, name)


def _end(moment: object, name: str) -> Timestamp:
    """The time, or the last microsecond of the day: filters compare by microseconds."""
    return _timestamp(moment, time.max, name)


def _timestamp(moment: object, of_day: time, name: str) -> Timestamp:
    if not isinstance(moment, datetime):
        assert isinstance(moment, date)  # see is_time
        moment = datetime.combine(moment, of_day, tzinfo=UTC)
    if moment.utcoffset() is None:
        raise argument_error(name, "FILTER_TYPE", "has no time zone", got=moment.isoformat())
    stamp = Timestamp()
    try:
        stamp.FromDatetime(moment.astimezone(UTC))
    except OverflowError:
        raise argument_error(
            name, "FILTER_DATETIME", "is out of range in UTC", got=moment.isoformat()
        ) from None
    return stamp
