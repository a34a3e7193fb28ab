"""What a declared payload field may hold, and which tests its index serves."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych_server.domain.collections import FieldType
from triptych_server.domain.filters import (
    AnyOf,
    Equals,
    Exists,
    FieldPath,
    GeoBox,
    GeoRadius,
    IsNull,
    NoneOf,
    NumberRange,
    Phrase,
    Test,
    TextMatch,
    TimeRange,
    ValueCount,
)
from triptych_server.domain.indexes import serves
from triptych_server.domain.items import Json
from triptych_server.domain.payload import check_payload
from triptych_server.domain.times import is_time

UUID = "550e8400-e29b-41d4-a716-446655440000"
FITS: dict[FieldType, list[Json]] = {
    FieldType.KEYWORD: ["", "x"],
    FieldType.INTEGER: [0, -5],
    FieldType.FLOAT: [0, 2.5, 2.0**60],
    FieldType.BOOL: [True, False],
    FieldType.TEXT: ["", "summer sale"],
    FieldType.DATETIME: ["2025-06-01", "2025-06-01T12:00:00Z", "2025-06-01 12:00:00.5-01:30"],
    FieldType.GEO: [{"lat": 90, "lon": -180}, {"lat": 0.5, "lon": 0, "label": "here"}],
    FieldType.UUID: [UUID],
}
NOWHERE: list[Json] = [[[1]], [["x"]], {"x": 1}, [{"x": 1}], [[]]]


@pytest.mark.parametrize("type_", FieldType)
def test_every_type_takes_its_own(type_: FieldType) -> None:
    types: dict[FieldPath, FieldType] = {("a", "b"): type_}

    def refused(value: Json) -> list[str]:
        return [v.field for v in check_payload({"a": {"b": value}}, types, "p")]

    for value in FITS[type_]:
        for fit in (value, [value], [value, None], [], None):
            assert not refused(fit)
        assert "p.a.b[1]" in refused([value, [value]])
    for value in NOWHERE:
        assert refused(value)
    assert not check_payload({"b": "elsewhere", "a": {}}, types, "p")


def test_what_is_wrong_is_shown() -> None:
    types: dict[FieldPath, FieldType] = {
        ("t",): FieldType.DATETIME,
        ("g",): FieldType.GEO,
        ("u",): FieldType.UUID,
        ("k",): FieldType.TEXT,
        ("n",): FieldType.INTEGER,
    }
    payload: dict[str, Json] = {"t": "2026-02-30", "g": {"lat": 1}, "u": UUID.upper(), "k": 5}
    payload["n"] = [1.5, "5"]
    assert {v.field: v.message for v in check_payload(payload, types, "p")} == {
        "p.t": "needs DATETIME, such as 2025-06-01T12:00:00Z or 2025-06-01 (got 2026-02-30)",
        "p.g": 'needs GEO, such as {"lat": 52.52, "lon": 13.4}, lat from -90 to 90, lon from -180 '
        "to 180 (got a struct)",
        "p.u": f"needs UUID, in lower case with hyphens (got {UUID.upper()})",
        "p.k": "needs TEXT (got a number)",
        "p.n[0]": "needs INTEGER (got 1.5)",
        "p.n[1]": "needs INTEGER (got a string)",
    }


ZONES = st.none() | st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.datetimes(timezones=ZONES), st.sampled_from("Tt "))
def test_a_time_needs_its_offset(moment: datetime, separator: str) -> None:
    assert is_time(moment.isoformat(separator)) == (moment.tzinfo is not None)
    assert is_time(moment.date().isoformat())


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]?[0-9:.Zz+-]{0,15}"))
def test_any_text_is_a_time_or_none(text: str) -> None:
    if is_time(text):
        assert datetime.fromisoformat(text[:10]).year >= 1


SERVED: list[tuple[Test, set[FieldType]]] = [
    (Equals("x"), {FieldType.KEYWORD, FieldType.UUID}),
    (Equals(5), {FieldType.INTEGER, FieldType.FLOAT}),
    (Equals(True), {FieldType.BOOL}),
    (AnyOf(("x", "y")), {FieldType.KEYWORD, FieldType.UUID}),
    (AnyOf(("x", 5)), set()),
    (NoneOf((1, 2.5)), {FieldType.INTEGER, FieldType.FLOAT}),
    (NumberRange(gt=1), {FieldType.INTEGER, FieldType.FLOAT}),
    (TimeRange(), {FieldType.DATETIME}),
    (TextMatch("x"), {FieldType.TEXT}),
    (Phrase("x"), {FieldType.TEXT}),
    (GeoRadius(0, 0, 1), {FieldType.GEO}),
    (GeoBox(0, 0, 1, 1), {FieldType.GEO}),
    (ValueCount(gt=1), set()),
    (Exists(), set(FieldType)),
    (IsNull(False), set(FieldType)),
]


@pytest.mark.parametrize(("test", "types"), [pytest.param(*one, id=repr(one[0])) for one in SERVED])
def test_what_an_index_serves(test: Test, types: set[FieldType]) -> None:
    assert {type_ for type_ in FieldType if serves(type_, test)} == types
