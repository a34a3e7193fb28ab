"""Python values to Struct and back."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from triptych import ArgumentError
from triptych.values import EXACT_BELOW, MAX_DEPTH, from_struct, from_value, to_struct, to_value

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
exact_ints = st.integers(1 - EXACT_BELOW, EXACT_BELOW - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | exact_ints | floats | texts
values = st.recursive(
    scalars,
    lambda v: st.lists(v, max_size=4) | st.dictionaries(texts, v, max_size=4),
    max_leaves=20,
)
payloads = st.dictionaries(texts, values, max_size=6)


def same(a: object, b: object) -> bool:
    """Equality that tells True from 1, and takes whole floats for ints."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and a == b


@given(payloads)
def test_a_payload_comes_back(payload: dict[str, Any]) -> None:
    assert same(from_struct(to_struct(payload)), payload)


@given(payloads)
def test_a_payload_comes_back_through_the_wire(payload: dict[str, Any]) -> None:
    struct = Struct.FromString(to_struct(payload).SerializeToString())
    assert same(from_struct(struct), payload)


@given(exact_ints)
def test_whole_numbers_come_back_as_ints(number: int) -> None:
    back = from_value(to_value(number, field="n"))
    assert type(back) is int
    assert back == number


@given(st.integers(min_value=EXACT_BELOW) | st.integers(max_value=-EXACT_BELOW))
def test_an_int_that_a_double_may_round_is_refused(number: int) -> None:
    with pytest.raises(ArgumentError) as caught:
        to_struct({"a": [{"serial no": number}]})
    [violation] = caught.value.violations
    assert violation.field == 'payload.a[0]."serial no"'
    assert violation.reason == caught.value.reason == "NUMBER_NOT_EXACT"


def test_a_float_of_that_size_passes_and_stays_a_float() -> None:
    back = from_value(to_value(2.0**60, field="n"))
    assert type(back) is float
    assert back == 2.0**60


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_numbers_that_are_not_finite_are_refused(number: float) -> None:
    with pytest.raises(ArgumentError) as caught:
        to_struct({"price": number})
    assert caught.value.reason == "NUMBER_NOT_FINITE"
    assert "payload.price: is not finite" in caught.value.message


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_becomes_rfc_3339(moment: datetime) -> None:
    try:
        text = from_value(to_value(moment, field="at"))
    except ArgumentError:
        # In the first and the last day of all time its UTC form does not exist.
        assert moment.year in (1, 9999)
        return
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == moment.astimezone(UTC)


def test_days_and_moments_as_text() -> None:
    zone = timezone(timedelta(hours=2))
    payload = {"day": date(2026, 2, 3), "at": datetime(2026, 2, 3, 14, 5, tzinfo=zone)}
    assert from_struct(to_struct(payload)) == {"day": "2026-02-03", "at": "2026-02-03T12:05:00Z"}


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"payload\.at: has no time zone \(got 2026-02-03T"):
        to_struct({"at": datetime(2026, 2, 3)})  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(7), 7),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ((1, "a"), [1, "a"]),
    ],
)
def test_numpy_and_tuples_become_plain_values(value: object, plain: object) -> None:
    assert same(from_value(to_value(value, field="v")), plain)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), 1j])
def test_a_value_that_json_lacks_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        to_struct({"a": {"b.c": value}})
    assert caught.value.reason == "PAYLOAD_TYPE"
    assert caught.value.violations[0].field == 'payload.a."b.c"'


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"note": "\ud800"}, "payload.note"),
        ({"\udc00": 1}, "payload"),
        ({"a": ["\ud83d"]}, "payload.a[0]"),
    ],
)
def test_a_lone_surrogate_is_refused_with_its_path(payload: dict[str, Any], path: str) -> None:
    with pytest.raises(ArgumentError, match="lone surrogate") as caught:
        to_struct(payload)
    assert caught.value.violations[0].field == path


def test_keys_are_strings() -> None:
    with pytest.raises(ArgumentError, match=r"payload\.a: keys must be strings \(got 1\)"):
        to_struct({"a": {1: "x"}})


def test_the_deepest_payload_that_protobuf_parses_is_the_deepest_that_passes() -> None:
    def nested(levels: int) -> dict[str, Any]:
        payload: dict[str, Any] = {"leaf": 1}
        for _ in range(levels - 1):
            payload = {"a": payload}
        return payload

    struct = to_struct(nested(MAX_DEPTH))
    assert Struct.FromString(struct.SerializeToString()) == struct
    with pytest.raises(ArgumentError) as caught:
        to_struct(nested(MAX_DEPTH + 1))
    assert caught.value.reason == "PAYLOAD_TOO_DEEP"


def test_a_payload_that_holds_itself_is_refused() -> None:
    payload: dict[str, Any] = {}
    payload["self"] = payload
    with pytest.raises(ArgumentError, match="nested too deep"):
        to_struct(payload)


def test_a_payload_is_a_mapping() -> None:
    with pytest.raises(ArgumentError, match=r"payload: needs a mapping \(got list\)"):
        to_struct([("a", 1)])  # type: ignore[arg-type]


def test_a_value_with_nothing_set_is_none() -> None:
    assert from_value(Value()) is None
