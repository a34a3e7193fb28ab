"""What a payload must be like in a collection that declares types for some of its fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeGuard

from triptych_server.domain.collections import FieldType, PayloadField
from triptych_server.domain.errors import Reason, Violation, violation
from triptych_server.domain.filters import FieldPath, Scalar
from triptych_server.domain.items import Json, Payload
from triptych_server.domain.paths import step_into
from triptych_server.domain.times import is_time

# From here on a double no longer holds every whole number: JSON has already rounded it.
FIRST_INEXACT = 2**53

# A path names no place inside a list of structs, so these keys are those of no declared field.
_IN_LIST = "\x00"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_uuid(text: str) -> bool:
    """Whether ``text`` is a UUID in the one form that UUID fields hold: lower case, hyphens.

    An index compares UUIDs, whatever their form; without one, texts are compared. In this form
    both are the same.
    """
    return _UUID.fullmatch(text) is not None


def _is_degrees(value: Json, most: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= most


def _is_place(value: Json | Payload) -> bool:
    return (
        isinstance(value, Mapping)
        and _is_degrees(value.get("lat"), 90)
        and _is_degrees(value.get("lon"), 180)
    )


_ACCEPTS: dict[FieldType, Callable[[Json | Payload], bool]] = {
    FieldType.KEYWORD: lambda v: isinstance(v, str),
    FieldType.INTEGER: lambda v: isinstance(v, int) and not isinstance(v, bool),
    FieldType.FLOAT: lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    FieldType.BOOL: lambda v: isinstance(v, bool),
    FieldType.TEXT: lambda v: isinstance(v, str),
    FieldType.DATETIME: lambda v: isinstance(v, str) and is_time(v),
    FieldType.GEO: _is_place,
    FieldType.UUID: lambda v: isinstance(v, str) and is_uuid(v),
}
# What the value has to look like, where the type's name does not say it.
_FORMS = {
    FieldType.DATETIME: "such as 2025-06-01T12:00:00Z or 2025-06-01",
    FieldType.GEO: 'such as {"lat": 52.52, "lon": 13.4}, lat from -90 to 90, lon from -180 to 180',
    FieldType.UUID: "in lower case with hyphens",
}


def check_payload(
    payload: Payload, types: Mapping[FieldPath, FieldType], path: str
) -> list[Violation]:
    """Everything that is wrong with ``payload``, whose own request path is ``path``.

    Whole numbers of 2^53 or more are refused unless their field is declared FLOAT; values of
    declared fields must be of that type, be null, or be lists of such values.
    """
    return list(_walk(payload, (), path, types))


def field_types(
    fields: Sequence[PayloadField], parse: Callable[[str], FieldPath]
) -> dict[FieldPath, FieldType]:
    """The declared types by path."""
    return {parse(field.name): field.type for field in fields}


def is_inexact(value: Json | Scalar) -> TypeGuard[float]:
    """Whether ``value`` is a whole number that a double may hold rounded."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return float(value).is_integer() and abs(value) >= FIRST_INEXACT


def _mistyped(declared: FieldType, value: Json | Payload, text: str) -> Iterator[Violation]:
    """What is wrong with the value of a declared field: a scalar, null, or a list of them."""
    entries: list[tuple[str, Json | Payload]] = [(text, value)]
    if isinstance(value, list):
        entries = [(f"{text}[{place}]", entry) for place, entry in enumerate(value)]
    for where, entry in entries:
        if entry is not None and not _ACCEPTS[declared](entry):
            form = _FORMS.get(declared)
            what = f"needs {declared.name}, {form}" if form else f"needs {declared.name}"
            # A string that is none of its kind says more than that it is one.
            got = entry if form and entry and isinstance(entry, str) else _type_name(entry)
            yield violation(where, Reason.PAYLOAD_TYPE, what, got=got)


def _walk(
    value: Json | Payload, keys: FieldPath, text: str, types: Mapping[FieldPath, FieldType]
) -> Iterator[Violation]:
    declared = types.get(keys)
    if declared is not None:
        yield from _mistyped(declared, value, text)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _walk(inner, (*keys, key), step_into(text, key), types)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            here = f"{text}[{place}]"
            if isinstance(inner, dict | list):
                yield from _walk(inner, (*keys, _IN_LIST), here, types)
            elif is_inexact(inner) and declared is not FieldType.FLOAT:
                yield _inexact(here, inner)
    elif is_inexact(value) and declared is not FieldType.FLOAT:
        yield _inexact(text, value)


def _inexact(text: str, value: float) -> Violation:
    return violation(
        text,
        Reason.NUMBER_NOT_EXACT,
        "may already have been rounded; send it as text, or declare the field FLOAT",
        got=f"{value:.0f}",
        allowed="below 2^53",
    )


def _type_name(value: Json | Payload) -> str:
    names: dict[type, str] = {bool: "a boolean", str: "a string", dict: "a struct", list: "a list"}
    return names.get(type(value), "a number")
