"""Random payloads and filters: hypothesis strategies, and the pools of values behind them.

Fields of every declared type are filled with values of almost every type. What the wire keeps out
and the engine's index would take for something else is left out: fractions of INTEGER fields,
times of fields of numbers, numbers of DATETIME fields, strings that are no UUIDs of UUID fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import strategies as st

from tests.support.stores import pid
from triptych_server.domain.collections import FieldType, PayloadField
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
    Test,
    TextMatch,
    TimeRange,
    ValueCount,
)
from triptych_server.domain.items import Json

FIELDS = (
    PayloadField("kind", FieldType.KEYWORD),
    PayloadField("pages", FieldType.INTEGER),
    PayloadField("price", FieldType.FLOAT),
    PayloadField("sold", FieldType.BOOL),
    PayloadField("note", FieldType.TEXT),
    PayloadField("taken", FieldType.DATETIME),
    PayloadField("where", FieldType.GEO),
    PayloadField("serial", FieldType.UUID),
    PayloadField("place.city", FieldType.TEXT),
    PayloadField("place.since", FieldType.DATETIME),
    PayloadField('"shelf.mark"', FieldType.KEYWORD),
    PayloadField('"shelf.spot"', FieldType.GEO),
)
VECTOR_NAMES = ("image", "ocr", "terms", "audio", "frames")

# -- values ---------------------------------------------------------------------------------------

WORDS = ("", "a", "b", "A", "5", "true", "ä", "a b")
# A loose accent (U+0301) parts words; it stands in payloads and in no question, see words_of.
TEXTS = (
    "summer sale",
    "SUMMER-Sale!",
    "sale of the summer",
    "sale",
    "summer_",
    "été soldé",
    "e\u0301te\u0301",
    "ete",
    "don't, don't",
    "12.5 kg x²",
    "ΣΊΣΥΦΟΣ σίσυφος",
    "straße STRASSE",
    "İstanbul istanbul",
    "日本 語",
    "🔑key",
    "a a b",
)
TIMES = (
    "2025-06-01",
    "2025-06-01T00:00:00Z",
    "2025-06-01T02:00:00+02:00",
    "2025-05-31 23:59:59.9999999Z",
    "2025-06-01T12:00:00",
    "2025-06-01t12:00:00.000001z",
    "2025-06-01T12:00:00.123456789-01:30",
    "1969-12-31T23:59:59.9999995Z",
    "1904-02-29",
    "9999-12-31T23:59:59Z",
    "2025-02-30",
    "2025-06-01T25:00:00Z",
    "soon",
)
UUIDS = ("550e8400-e29b-41d4-a716-446655440000", "00000000-0000-0000-0000-000000000001")
WHOLE = (-3, -1, 0, 1, 2, 3, 5, 2**31, 2**53 - 1, -(2**53) + 1)
REAL = (-2.5, -1.0, 0.0, 0.5, 1.0, 2.0, 2.5, 5.0, 1e300)
LATITUDES = (-90, -89.999, -45.25, -0.001, 0, 0.5, 52.52, 52.521, 89.999, 90)
LONGITUDES = (-180, -179.999, -90, -0.001, 0, 13.4, 13.41, 90, 179.999, 180)
PLACES: tuple[Json, ...] = tuple({"lat": a, "lon": b} for a in LATITUDES for b in LONGITUDES)
NO_PLACES: tuple[Json, ...] = (
    {},
    {"lat": 1},
    {"lat": "1", "lon": "2"},
    {"lat": True, "lon": 0},
    {"latitude": 0, "longitude": 0},
)

_no_strings: st.SearchStrategy[Json] = (
    st.none() | st.booleans() | st.sampled_from((*PLACES, *NO_PLACES))
)
_texts: st.SearchStrategy[Json] = st.sampled_from((*WORDS, *UUIDS)) | st.sampled_from(TEXTS)
_times: st.SearchStrategy[Json] = st.sampled_from(TIMES)
_whole: st.SearchStrategy[Json] = st.sampled_from((*WHOLE,))
_real: st.SearchStrategy[Json] = st.sampled_from((*WHOLE, *REAL))
_any: st.SearchStrategy[Json] = _no_strings | _texts | _times | _real


def _values(scalars: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return scalars | st.lists(scalars, max_size=3) | st.just([[True]])


_VALUES: dict[str, st.SearchStrategy[Json]] = {
    "kind": _values(_any),
    "pages": _values(_whole | _texts | _no_strings),
    "price": _values(_real | _texts | _no_strings),
    "sold": _values(_any),
    "note": _values(_any),
    "taken": _values(_times | _texts | _no_strings),
    "where": _values(_any),
    "serial": _values(_whole | _no_strings | st.sampled_from(UUIDS)),
    "shelf.mark": _values(_any),
    "shelf.spot": _values(_any),
    "plain": _values(_any),
}
_inner: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "sku": _values(st.sampled_from((*WORDS, *WHOLE))),
        "note": _values(st.sampled_from(TEXTS)),
        "at": _values(st.sampled_from(TIMES)),
        "spot": _values(st.sampled_from(PLACES)),
        # A declared field of that name stands at the top, and means nothing in here.
        "taken": _values(_times | _real),
        "lines": st.lists(st.fixed_dictionaries({"sku": st.sampled_from(WORDS)}), max_size=2),
    },
)
PAYLOADS: st.SearchStrategy[dict[str, Json]] = st.fixed_dictionaries(
    {},
    optional={
        **_VALUES,
        "place": _values(_any)
        | st.fixed_dictionaries({}, optional={"city": _values(_any), "since": _values(_times)}),
        "lines": st.lists(_inner | _any, max_size=3) | _inner | _any,
    },
)

# -- filters --------------------------------------------------------------------------------------

_BASE = datetime(2025, 6, 1, tzinfo=UTC)
_MOMENTS = (
    _BASE,
    _BASE - timedelta(microseconds=1),
    _BASE + timedelta(hours=12),
    _BASE + timedelta(hours=12, microseconds=1),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)
_scalars: st.SearchStrategy[Scalar] = st.booleans() | st.sampled_from((*WORDS, *WHOLE, *REAL))
_comparable: st.SearchStrategy[Scalar] = _scalars | st.sampled_from((*TEXTS, *TIMES))
_bound = st.none() | st.sampled_from((*map(float, WHOLE), *REAL))
_moment = st.none() | st.sampled_from(_MOMENTS)
_count = st.none() | st.integers(0, 4)
_questions = st.sampled_from(
    (
        *(text for text in TEXTS if "\u0301" not in text),
        "summer",
        "SALE summer!",
        "sale, sale",
        "sale summer",
        "of the",
        "the of",
        "Don",
        "t don t",
        "été",
        "x² 12",
        "key",
        "ete e",
    )
)
_degrees = (st.sampled_from(LATITUDES), st.sampled_from(LONGITUDES))
_metres = st.sampled_from((0.5, 1000.0, 150_000.0, 5e6, 1.2e7, 2.001e7, 3e7))


@st.composite
def _boxes(draw: st.DrawFn) -> GeoBox:
    south, north = sorted(draw(st.tuples(_degrees[0], _degrees[0])))
    west, east = draw(st.tuples(_degrees[1], _degrees[1]))
    return GeoBox(float(south), float(west), float(north), float(east))


CIRCLES = st.builds(
    GeoRadius, lat=_degrees[0].map(float), lon=_degrees[1].map(float), radius_m=_metres
)
BOXES = _boxes()


def _tests(comparable: st.SearchStrategy[Scalar]) -> st.SearchStrategy[Test]:
    several = st.lists(comparable, min_size=1, max_size=4).map(tuple)
    return (
        st.builds(Equals, comparable)
        | st.builds(AnyOf, several)
        | st.builds(NoneOf, several)
        | st.builds(NumberRange, gt=_bound, gte=_bound, lt=_bound, lte=_bound)
        | st.builds(TimeRange, gt=_moment, gte=_moment, lt=_moment, lte=_moment)
        | st.builds(TextMatch, _questions)
        | st.builds(Phrase, _questions)
        | CIRCLES
        | BOXES
        | st.builds(ValueCount, gt=_count, gte=_count, lt=_count, lte=_count)
        | st.builds(Exists, st.booleans())
        | st.builds(IsNull, st.booleans())
    )


_PATHS: tuple[FieldPath, ...] = (
    *((key,) for key in _VALUES if key != "serial"),
    ("place", "city"),
    ("place", "since"),
    ("place", "street"),
    ("where", "lat"),
    ("kind", "of"),
    ("place",),
    ("lines",),
    ("lines", "sku"),
)
# A string that is no UUID is not asked of a field declared UUID.
_FIELD_CONDITIONS = st.builds(
    FieldCondition, st.sampled_from(_PATHS), _tests(_comparable)
) | st.builds(
    FieldCondition,
    st.just(("serial",)),
    _tests(st.booleans() | st.sampled_from((*UUIDS, UUIDS[0].replace("5", "7"), *WHOLE))),
)
_INNER_PATHS = st.sampled_from(tuple((k,) for k in ("sku", "note", "at", "spot", "taken", "lines")))
_ABOUT_ITEMS: st.SearchStrategy[Condition] = st.builds(
    PointIds, st.lists(st.integers(0, 9).map(pid), max_size=4).map(tuple)
) | st.builds(HasVector, st.sampled_from(VECTOR_NAMES))


@st.composite
def _filter(draw: st.DrawFn, conditions: st.SearchStrategy[Condition]) -> Filter:
    some = st.lists(conditions, max_size=3).map(tuple)
    should = draw(some)
    count = draw(st.integers(1, max(1, len(should))))
    return Filter(draw(some), should, draw(some), count)


def _nested(
    leaves: st.SearchStrategy[Condition], lists: st.SearchStrategy[FieldPath]
) -> st.SearchStrategy[Condition]:
    inside: st.SearchStrategy[Condition] = st.builds(
        FieldCondition, _INNER_PATHS, _tests(_comparable)
    )
    some = inside | st.builds(Group, _filter(inside))
    some |= st.builds(Elements, st.just(("lines",)), _filter(inside))
    return leaves | st.builds(Elements, lists, _filter(some))


_LEAVES = _FIELD_CONDITIONS | _ABOUT_ITEMS
_CONDITIONS = _nested(_LEAVES, st.sampled_from((("lines",), ("place",), ("where",))))
# Half of them are of one condition: what is joined often lets nothing through.
FILTERS: st.SearchStrategy[Filter] = st.builds(
    lambda condition, negated: (
        Filter(must_not=(condition,)) if negated else Filter(must=(condition,))
    ),
    _CONDITIONS,
    st.booleans(),
) | _filter(
    _CONDITIONS
    | st.builds(Group, _filter(_CONDITIONS | st.builds(Group, _filter(_FIELD_CONDITIONS))))
)


# -- a population ---------------------------------------------------------------------------------


def population(size: int, seed: int) -> list[dict[str, Json]]:
    """Payloads whose fields mostly hold what they are declared for, so that indexes are used."""
    random = Random(seed)

    def some(pool: Sequence[Json]) -> Json:
        if random.random() < 0.2:
            return random.choices(pool, k=random.randint(0, 3))
        return random.choice(pool)

    def place() -> Json:
        if random.random() < 0.3:
            return random.choice(PLACES)
        return {"lat": random.uniform(-90, 90), "lon": random.uniform(-180, 180)}

    pools: dict[str, Sequence[Json]] = {
        "kind": WORDS,
        "pages": WHOLE,
        "price": (*WHOLE, *REAL),
        "sold": (True, False),
        "note": TEXTS,
        "taken": TIMES[:10],
        "where": [place() for _ in range(size)],
        "serial": UUIDS,
        "shelf.mark": WORDS,
        "shelf.spot": [place() for _ in range(size)],
        "plain": (*WORDS, *REAL, *TEXTS, *TIMES, *PLACES),
    }
    payloads: list[dict[str, Json]] = []
    for _ in range(size):
        payload = {name: some(pool) for name, pool in pools.items() if random.random() < 0.9}
        payload["place"] = {"city": some(TEXTS), "since": some(TIMES[:10])}
        payload["lines"] = [
            {"sku": some(WORDS), "note": some(TEXTS), "spot": place()}
            for _ in range(random.randint(0, 3))
        ]
        payloads.append(payload)
    return payloads
