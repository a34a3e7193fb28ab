"""Payloads: Python values to `google.protobuf.Struct` and back."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from numbers import Integral, Real
from typing import Any

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from triptych._texts import checked_text, quoted
from triptych.errors import argument_error
from triptych.vectors import ArrayLike

__all__ = ["from_struct", "from_value", "to_struct", "to_value"]

EXACT_BELOW = 2**53
"""Every whole number of a smaller magnitude is exact as a double; larger ones may be rounded."""

MAX_DEPTH = 32
"""Levels of a payload that fit under protobuf's own limit of 100 nested messages."""


def to_struct(payload: Mapping[str, Any], *, field: str = "payload") -> Struct:
    """A payload as a `Struct`.

    Values are None, booleans, numbers, strings, mappings with string keys, lists, tuples, and
    numpy's numbers and arrays. A `datetime` becomes an RFC 3339 string in UTC, a `date` the same
    of a day alone.

    Raises:
        ArgumentError: a value of another type, a string with a lone surrogate or a `datetime`
            without a time zone (PAYLOAD_TYPE, FIELD_INVALID), an int of 2^53 or more of either
            sign (NUMBER_NOT_EXACT; a float of that size passes), NaN or infinity
            (NUMBER_NOT_FINITE), over 32 levels (PAYLOAD_TOO_DEEP); with the path of the value,
            which begins with `field`.

    >>> to_struct({"price": 12, "sold": False})["price"]
    12.0
    """
    if not isinstance(payload, Mapping):
        raise argument_error(field, "PAYLOAD_TYPE", "needs a mapping", got=type(payload).__name__)
    return _struct(payload, field, 1)


def to_value(value: object, *, field: str) -> Value:
    """One value as a `Value`; takes and raises what `to_struct` does."""
    return _value(value, field, 1)


def from_struct(struct: Struct) -> dict[str, Any]:
    """A `Struct` as a dict of None, bool, int, float, str, list and dict.

    A `Struct` knows doubles only, and no order of keys. Whole numbers below 2^53 come back as int,
    all others as float; keys come sorted.

    >>> from_struct(to_struct({"price": 12, "weight": 0.5}))
    {'price': 12, 'weight': 0.5}
    """
    return {key: from_value(struct.fields[key]) for key in sorted(struct.fields)}


def from_value(value: Value) -> Any:
    """A `Value` as from_struct's; one with nothing set is None."""
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            whole = number.is_integer() and abs(number) < EXACT_BELOW
            return int(number) if whole else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return from_struct(value.struct_value)
        case "list_value":
            return [from_value(element) for element in value.list_value.values]
        case _:
            return None


def _struct(payload: Mapping[str, Any], path: str, depth: int) -> Struct:
    struct = Struct()
    for key, value in payload.items():
        if not isinstance(key, str):
            raise argument_error(path, "PAYLOAD_KEY_INVALID", "keys must be strings", got=repr(key))
        checked_text(key, path)
        struct.fields[key].CopyFrom(_value(value, f"{path}.{quoted(key)}", depth))
    return struct


def _value(value: object, path: str, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise argument_error(
            path, "PAYLOAD_TOO_DEEP", "is nested too deep", allowed=f"{MAX_DEPTH} levels"
        )
    match value:
        case None:
            return Value(null_value=0)  # type: ignore[arg-type] # the enum's only number
        case bool():
            return Value(bool_value=value)
        case str():
            return Value(string_value=checked_text(value, path))
        case Integral():
            return Value(number_value=_exact(int(value), path))
        case Real():
            return Value(number_value=_finite(float(value), path))
        case datetime():
            return Value(string_value=_rfc3339(value, path))
        case date():
            return Value(string_value=value.isoformat())
        case ArrayLike() if not isinstance(value, memoryview):
            return _value(value.tolist(), path, depth)
        case Mapping():
            return Value(struct_value=_struct(value, path, depth + 1))
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            elements = (_value(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(value))
            return Value(list_value=ListValue(values=elements))
        case _:
            raise argument_error(
                path, "PAYLOAD_TYPE", "is of a type that JSON lacks", got=type(value).__name__
            )


def _exact(number: int, path: str) -> float:
    if abs(number) >= EXACT_BELOW:
        raise argument_error(
            path,
            "NUMBER_NOT_EXACT",
            "does not fit into a double exactly; send it as a string, or as a float",
            got=number if number.bit_length() < 1000 else "a very large number",
            allowed="below 2^53",
        )
    return float(number)


def _finite(number: float, path: str) -> float:
    if not math.isfinite(number):
        raise argument_error(path, "NUMBER_NOT_FINITE", "is not finite", got=number)
    return number


def _rfc3339(moment: datetime, path: str) -> str:
    if moment.tzinfo is None:
        raise argument_error(path, "PAYLOAD_TYPE", "has no time zone", got=moment.isoformat())
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise argument_error(
            path, "PAYLOAD_TYPE", "is out of range in UTC", got=moment.isoformat()
        ) from None
