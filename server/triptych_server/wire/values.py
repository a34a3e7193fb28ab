"""Payloads: between ``google.protobuf.Struct`` and plain JSON values."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping

from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value

from triptych_server.domain.errors import Reason
from triptych_server.domain.filters import Scalar
from triptych_server.domain.items import Json
from triptych_server.domain.layout import RESERVED_KEY
from triptych_server.domain.limits import Limits
from triptych_server.domain.paths import step_into
from triptych_server.domain.payload import FIRST_INEXACT
from triptych_server.wire.violations import Violations

_LONGEST_AS_MESSAGE = 8


def parse_payload(
    struct: Struct, limits: Limits, violations: Violations, path: str
) -> dict[str, Json]:
    """A payload with whole numbers as integers.

    Numbers of 2^53 or more stay floats here: whether they are refused depends on the collection.
    """
    if RESERVED_KEY in struct.fields:
        violations.add(f"{path}.{RESERVED_KEY}", Reason.PAYLOAD_RESERVED_KEY, "is reserved")
    # A message is at most six times as long as its JSON: what is longer need not be walked.
    if struct.ByteSize() > _LONGEST_AS_MESSAGE * limits.max_payload_bytes:
        violations.add(
            path, Reason.PAYLOAD_TOO_LARGE, "is too large", allowed=limits.max_payload_bytes
        )
        return {}
    before = len(violations)
    payload = _parse_struct(struct, limits, violations, path, 1)
    if len(violations) == before:
        size = len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode())
        if size > limits.max_payload_bytes:
            violations.add(
                path,
                Reason.PAYLOAD_TOO_LARGE,
                "is too large",
                got=f"{size} bytes",
                allowed=limits.max_payload_bytes,
            )
    return payload


def render_payload(payload: Mapping[str, Json], keys: frozenset[str] = frozenset()) -> Struct:
    """``payload`` as a Struct; only ``keys`` of its top level where any are given."""
    struct = Struct()
    for key, value in payload.items():
        if not keys or key in keys:
            _render(value, struct.fields[key])
    return struct


def parse_scalar(value: Value, violations: Violations, path: str) -> Scalar | None:
    """A string, number or boolean to compare with; None, and a violation, for anything else.

    Whether a whole number of 2^53 or more is refused depends on the collection.
    """
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "number_value":
        number = value.number_value
        if not math.isfinite(number):
            violations.add(path, Reason.NUMBER_NOT_FINITE, "is not finite", got=number)
            return None
        return int(number) if number.is_integer() else number
    names = {"null_value": "null", "struct_value": "a struct", "list_value": "a list"}
    violations.add(
        path,
        Reason.FILTER_TYPE,
        "needs a string, a number or a boolean",
        got=names.get(kind or "", "nothing"),
    )
    return None


def _parse_struct(
    struct: Struct, limits: Limits, violations: Violations, path: str, depth: int
) -> dict[str, Json]:
    if depth > limits.max_payload_depth:
        violations.add(
            path,
            Reason.PAYLOAD_TOO_DEEP,
            "is nested too deep",
            allowed=f"{limits.max_payload_depth} levels",
        )
        return {}
    parsed = {}
    for key, value in struct.fields.items():
        if not key or any(unicodedata.category(c) == "Cc" for c in key):
            what = "holds control characters" if key else "has an empty key"
            here = step_into(path, key) if key else path
            violations.add(here, Reason.PAYLOAD_KEY_INVALID, what)
        parsed[key] = _parse(value, limits, violations, step_into(path, key), depth)
    return parsed


def _parse(value: Value, limits: Limits, violations: Violations, path: str, depth: int) -> Json:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _parse_struct(value.struct_value, limits, violations, path, depth + 1)
    if kind == "list_value":
        return _parse_list(value.list_value, limits, violations, path, depth + 1)
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "number_value":
        number = value.number_value
        if not math.isfinite(number):
            violations.add(path, Reason.NUMBER_NOT_FINITE, "is not finite", got=number)
            return None
        is_exact_whole = number.is_integer() and abs(number) < FIRST_INEXACT
        return int(number) if is_exact_whole else number
    if kind is None:
        violations.add(path, Reason.FIELD_REQUIRED, "is a value of no kind")
    return None


def _parse_list(
    items: ListValue, limits: Limits, violations: Violations, path: str, depth: int
) -> Json:
    if depth > limits.max_payload_depth:
        violations.add(
            path,
            Reason.PAYLOAD_TOO_DEEP,
            "is nested too deep",
            allowed=f"{limits.max_payload_depth} levels",
        )
        return None
    return [
        _parse(value, limits, violations, f"{path}[{place}]", depth)
        for place, value in enumerate(items.values)
    ]


def _render(value: Json, into: Value) -> None:
    # bool before int: True is an int in Python.
    if value is None:
        into.null_value = NullValue.NULL_VALUE
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int | float):
        into.number_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, dict):
        into.struct_value.SetInParent()
        for key, inner in value.items():
            _render(inner, into.struct_value.fields[key])
    else:
        into.list_value.SetInParent()
        for inner in value:
            _render(inner, into.list_value.values.add())
