"""What a payload must be like in a collection that declares types for some of its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from triptych_server.domain.collections import FieldType, PayloadField
from triptych_server.domain.errors import Reason, Violation, violation
from triptych_server.domain.filters import FieldPath
from triptych_server.domain.items import Json, Payload

# From here on a double no longer holds every whole number: JSON has already rounded it.
FIRST_INEXACT = 2**53

_ACCEPTS: dict[FieldType, Callable[[Json], bool]] = {
    FieldType.KEYWORD: lambda v: isinstance(v, str),
    FieldType.INTEGER: lambda v: isinstance(v, int) and not isinstance(v, bool),
    FieldType.FLOAT: lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    FieldType.BOOL: lambda v: isinstance(v, bool),
}


def check_payload(
    payload: Payload, types: Mapping[FieldPath, FieldType], path: str
) -> list[Violation]:
    """Everything that is wrong with ``payload``, whose own request path is ``path``.

    Whole numbers of 2^53 or more are refused unless their field is declared FLOAT; values of
    declared fields must be of that type, be null, or be lists of such values.
    """
    found = []
    for keys, text, value in _leaves(payload, (), path):
        declared = types.get(keys)
        if declared is not None and value is not None and not _ACCEPTS[declared](value):
            got = _type_name(value)
            found.append(violation(text, Reason.PAYLOAD_TYPE, f"needs {declared.name}", got=got))
        elif _is_inexact(value) and declared is not FieldType.FLOAT:
            found.append(
                violation(
                    text,
                    Reason.NUMBER_NOT_EXACT,
                    "may already have been rounded; send it as text, or declare the field FLOAT",
                    got=f"{value:.0f}",
                    allowed="below 2^53",
                )
            )
    return found


def field_types(
    fields: Sequence[PayloadField], parse: Callable[[str], FieldPath]
) -> dict[FieldPath, FieldType]:
    """The declared types by path."""
    return {parse(field.name): field.type for field in fields}


def _leaves(
    value: Json | Payload, keys: FieldPath, text: str
) -> Iterator[tuple[FieldPath, str, Json]]:
    """Every value that is no struct and no list, with its keys (lists add none) and its path."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*keys, key), f"{text}.{key}")
        if not value and keys:
            yield keys, text, {}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, keys, f"{text}[{place}]")
    else:
        yield keys, text, value


def _is_inexact(value: Json) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return float(value).is_integer() and abs(value) >= FIRST_INEXACT


def _type_name(value: Json) -> str:
    names: dict[type, str] = {bool: "a boolean", str: "a string", dict: "a struct", list: "a list"}
    return names.get(type(value), "a number")
