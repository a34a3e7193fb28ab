"""Random trees of filters such as the wire gives: of any keys, texts, numbers and times."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from hypothesis import strategies as st

from triptych_server.domain.filter_text import KEYWORDS
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
from triptych_server.domain.layout import point_id
from triptych_server.domain.words import words_of

KEYWORD_KEYS = (
    *sorted(KEYWORDS),
    *(word.lower() for word in sorted(KEYWORDS)),
    *("at", "AT", "least", "near", "box", "count", "Count", "m", "km", "and-or", "not_"),
)
_AWKWARD = (
    "a.b",
    "inner width",
    "3d",
    "größe",
    "日本語",
    "a<b",
    "(",
    "it's",
    "in-stock",
    "-",
    "🔑",
    "é\u0301",
)

# No path can hold these, nor control characters.
_letters = st.characters(exclude_characters='"\\\x7f', exclude_categories=("Cs", "Cc"))
_keys = st.sampled_from(("price", "tags", "a_b", *_AWKWARD, *KEYWORD_KEYS)) | st.text(
    _letters, min_size=1, max_size=6
)
_paths: st.SearchStrategy[FieldPath] = st.lists(_keys, min_size=1, max_size=3).map(tuple)
_top_paths = _paths.filter(lambda path: path[0] != "_triptych")

_finite = st.floats(allow_nan=False, allow_infinity=False)
_numbers = (
    st.sampled_from((0.0, -0.0, 0.1, 1e300, 5e-324, 2.0**53, -1.5))
    | _finite
    | st.integers(-(2**53), 2**53).map(float)
)


def _as_read(number: float) -> Scalar:
    """A number to compare with, as it comes from the wire: whole ones are integers."""
    return int(number) if number.is_integer() else number


_texts = st.text(max_size=12) | st.sampled_from(
    ('"', "'", "\\", "\n", "\\u0041", "a' OR 'b", "\x00")
)
_scalars: st.SearchStrategy[Scalar] = _texts | st.booleans() | _numbers.map(_as_read)
_values = st.lists(_scalars, min_size=1, max_size=3).map(tuple)
_days = st.dates(date(1, 1, 1), date(9999, 12, 31))
_moments = st.datetimes(timezones=st.just(UTC), allow_imaginary=False).map(
    lambda moment: moment.replace(fold=0)
) | st.builds(datetime.combine, _days, st.sampled_from((time.min, time.max)), tzinfo=st.just(UTC))
_words = (_texts | st.sampled_from(("summer sale", "été"))).filter(
    lambda text: bool(words_of(text))
)
_counts = st.sampled_from((0, 1, 2, 2**31 - 1))


def _ranges(kind: type, bounds: st.SearchStrategy[object]) -> st.SearchStrategy[Test]:
    """At least one bound, at most one on either side; now and then both the same."""

    def made(low: str | None, high: str | None, one: object, other: object) -> Test:
        given = {side: bound for side, bound in ((low, one), (high, other)) if side}
        test: Test = kind(**given)
        return test

    two = st.tuples(bounds, bounds) | bounds.map(lambda bound: (bound, bound))
    sides = st.tuples(
        st.sampled_from((None, "gt", "gte")), st.sampled_from((None, "lt", "lte"))
    ).filter(any)
    return st.builds(lambda side, pair: made(*side, *pair), sides, two)


_lat, _lon = st.floats(-90, 90), st.floats(-180, 180)
_circles = st.builds(GeoRadius, _lat, _lon, st.floats(5e-324, 1e9) | st.just(1e300))
_boxes = st.builds(
    lambda lats, west, east: GeoBox(min(lats), west, max(lats), east),
    st.tuples(_lat, _lat),
    _lon,
    _lon,
)
_tests: st.SearchStrategy[Test] = (
    st.builds(Equals, _scalars)
    | st.builds(AnyOf, _values)
    | st.builds(NoneOf, _values)
    | _ranges(NumberRange, _numbers)
    | _ranges(TimeRange, _moments)
    | _ranges(ValueCount, _counts)
    | st.builds(TextMatch, _words)
    | st.builds(Phrase, _words)
    | _circles
    | _boxes
    | st.builds(Exists, st.booleans())
    | st.builds(IsNull, st.booleans())
)
_ids = st.lists(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8),
    min_size=1,
    max_size=3,
).map(lambda ids: PointIds(tuple(map(point_id, ids)), tuple(ids)))
_vectors = (st.sampled_from(("ocr", "2d-map", "has", "a-b")) | st.text(min_size=1, max_size=5)).map(
    HasVector
)


@st.composite
def _filters(draw: st.DrawFn, conditions: st.SearchStrategy[Condition]) -> Filter:
    some = st.lists(conditions, max_size=2).map(tuple)
    must, should, must_not = draw(some), draw(some), draw(some)
    if not (must or should or must_not):
        must = (draw(conditions),)
    return Filter(must, should, must_not, draw(st.integers(1, max(1, len(should)))))


def _nested(
    leaves: st.SearchStrategy[Condition], paths: st.SearchStrategy[FieldPath]
) -> st.SearchStrategy[Condition]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.builds(Group, _filters(inner)) | st.builds(Elements, paths, _filters(inner))
        ),
        max_leaves=6,
    )


_inside = st.builds(FieldCondition, _paths, _tests)
_leaves: st.SearchStrategy[Condition] = (
    st.builds(FieldCondition, _top_paths, _tests)
    | _ids
    | _vectors
    | st.builds(Elements, _top_paths, _filters(_nested(_inside, _paths)))
)
_groups = st.recursive(_leaves, lambda inner: st.builds(Group, _filters(inner)), max_leaves=6)
TREES: st.SearchStrategy[Filter] = _filters(_groups)
