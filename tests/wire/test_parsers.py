"""Parsers on arbitrary input: they parse back what was printed, or refuse with a path."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from triptych.v1.filter_pb2 import Filter as FilterMessage
from triptych.v1.item_service_pb2 import ListItemsRequest
from triptych_server.domain.errors import InvalidInput, Reason
from triptych_server.domain.filters import Equals, FieldCondition, NumberRange
from triptych_server.domain.limits import Limits
from triptych_server.domain.paths import format_path, parse_path
from triptych_server.wire.filters import parse_filter
from triptych_server.wire.pages import make_token, parse_token
from triptych_server.wire.texts import parse_text
from triptych_server.wire.values import parse_payload, parse_scalar, render_payload
from triptych_server.wire.violations import Violations

LIMITS = Limits()
KEYS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), min_size=1, max_size=8
)
NUMBERS = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@given(st.lists(KEYS, min_size=1, max_size=5))
def test_a_path_printed_and_parsed_is_the_same(keys: list[str]) -> None:
    assert parse_path(format_path(tuple(keys))) == tuple(keys)


@given(st.text(max_size=20))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        keys = parse_path(text)
    except ValueError:
        return
    assert parse_path(format_path(keys)) == keys


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", '"', '""', '"a', 'a"b"', "a..b", "a b", "a[]", "a\\b", '"a\\b"']
)
def test_paths_that_are_none(text: str) -> None:
    with pytest.raises(ValueError):
        parse_path(text)


@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_a_payload_comes_back_as_it_went(payload: dict[str, Any]) -> None:
    struct = Struct()
    struct.update(payload)
    violations = Violations()
    parsed = parse_payload(struct, LIMITS, violations, "payload")
    error = violations.error()
    if error is not None:
        # Deeper than 16 levels is the one thing that this strategy can do wrong.
        assert {v.reason for v in error.violations} <= {Reason.PAYLOAD_TOO_DEEP}
        return
    assert parsed == payload
    assert parse_payload(render_payload(parsed), LIMITS, Violations(), "payload") == parsed


@given(st.floats())
def test_whole_numbers_are_integers(number: float) -> None:
    struct = Struct()
    struct.fields["n"].number_value = number
    violations = Violations()
    parsed = parse_payload(struct, LIMITS, violations, "payload")["n"]
    if not math.isfinite(number):
        assert len(violations) == 1
    elif number.is_integer() and abs(number) < 2**53:
        assert isinstance(parsed, int)
        assert parsed == number
    else:
        assert isinstance(parsed, float)


def test_payload_keys_pick() -> None:
    picked = render_payload({"a": 1, "b": 2}, frozenset({"b", "c"}))
    assert dict(picked.items()) == {"b": 2}


@given(st.text(max_size=40))
def test_a_text_is_clean_or_refused(text: str) -> None:
    violations = Violations()
    cleaned = parse_text(text, LIMITS, violations, "caption", [])
    if len(violations):
        assert not any(c.isprintable() and not c.isspace() for c in text) or cleaned == ""
        return
    assert cleaned == unicodedata.normalize("NFC", cleaned).strip()
    assert not any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in cleaned)
    again = parse_text(cleaned, LIMITS, Violations(), "caption", [])
    assert again == cleaned


@given(st.text(max_size=30))
def test_composed_and_decomposed_text_is_the_same(text: str) -> None:
    composed, decomposed = (
        parse_text(unicodedata.normalize(form, text), LIMITS, Violations(), "caption", [])
        for form in ("NFC", "NFD")
    )
    assert composed == decomposed


@given(st.binary(max_size=60))
def test_any_bytes_as_a_filter(data: bytes) -> None:
    message = FilterMessage()
    try:
        message.ParseFromString(data)
    except Exception:  # noqa: BLE001 - protobuf's own refusal is not under test
        return
    violations = Violations()
    parse_filter(message, LIMITS, violations)
    error = violations.error()
    assert error is None or all(v.field.startswith("filter") for v in error.violations)


def test_a_filter_becomes_a_tree() -> None:
    message = FilterMessage()
    one = message.must.add().field
    one.name = 'size."inner width"'
    one.number_range.gte = 5
    two = message.must_not.add().field
    two.name = "tags"
    two.equals.string_value = "draft"
    violations = Violations()
    tree = parse_filter(message, LIMITS, violations)
    violations.raise_if_any()
    assert tree.must == (FieldCondition(("size", "inner width"), NumberRange(gte=5)),)
    assert tree.must_not == (FieldCondition(("tags",), Equals("draft")),)


def test_a_boolean_is_no_number() -> None:
    value = Value(bool_value=True)
    assert parse_scalar(value, Violations(), "x") is True


@given(st.text(max_size=40))
def test_any_text_is_a_page_token_or_refused(text: str) -> None:
    violations = Violations()
    listed = ListItemsRequest(collection_id="a")
    assert parse_token(text, violations, "a", listed) is None
    assert len(violations) == (1 if text else 0)


@given(st.uuids())
def test_a_page_token_is_bound_to_its_listing(next_id: object) -> None:
    listed = ListItemsRequest(collection_id="a").filter
    token = make_token(str(next_id), "a", listed)
    assert parse_token(token, Violations(), "a", listed) == str(next_id)
    violations = Violations()
    assert parse_token(token, violations, "b", listed) is None
    with pytest.raises(InvalidInput):
        violations.raise_if_any()
