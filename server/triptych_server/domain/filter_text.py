"""A filter as one expression, in the one form that its tree has; docs/filters.md is the grammar.

Parsed, the text gives the same tree again: parentheses are groups, ``OR`` and ``AT LEAST`` are
``should``, ``NOT`` and ``!=`` are ``must_not``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import TypeVar, assert_never

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
from triptych_server.domain.payload import FIRST_INEXACT

Bound = TypeVar("Bound", int, float, datetime)

BARE_KEY = r"[^\W\d][\w-]*"
"""A key that needs no quotes, unless it is one of ``KEYWORDS``."""
KEYWORDS = frozenset(
    "AND OR NOT IN BETWEEN IS NULL EXISTS MATCHES PHRASE HAS ID OF ANY WITH TRUE FALSE".split()
)
"""The words that are no keys without quotes, in upper and lower case."""

_BARE = re.compile(BARE_KEY)
# As the grammar reads them: without regard to case, for which a dotted capital I is an I.
_KEYWORD = re.compile("|".join(sorted(KEYWORDS)), re.IGNORECASE)
_DAY_ENDS = time.max
_DAY_BEGINS = time.min


def filter_text(filter: Filter) -> str:
    """The canonical expression of ``filter``; empty where every item passes it.

    Ids are the caller's own, so that ``PointIds`` without them have no text (ValueError).
    """
    is_choice = len(filter.should) > 1 and filter.min_should_count == 1
    if is_choice and not (filter.must or filter.must_not):
        return " OR ".join(map(_condition, filter.should))
    parts = [_condition(condition) for condition in filter.must]
    if filter.should:
        alternatives = ", ".join(map(_condition, filter.should))
        parts.append(f"AT LEAST {filter.min_should_count} OF ({alternatives})")
    parts += [_negated(condition) for condition in filter.must_not]
    return " AND ".join(parts)


def _negated(condition: Condition) -> str:
    if isinstance(condition, FieldCondition) and isinstance(condition.test, Equals):
        return f"{_path(condition.path)} != {_scalar(condition.test.value)}"
    return f"NOT {_condition(condition)}"


def _condition(condition: Condition) -> str:
    match condition:
        case FieldCondition(path, test):
            return _test(_path(path), test)
        case PointIds(ids, item_ids):
            if len(ids) != len(item_ids):
                raise ValueError("point ids without the ids of their items")
            return f"ID IN ({', '.join(map(_string, item_ids))})"
        case HasVector(name):
            return f"HAS {name if _is_bare(name) else _string(name)}"
        case Group(filter):
            return f"({filter_text(filter)})"
        case Elements(path, filter):
            return f"ANY {_path(path)} WITH ({filter_text(filter)})"
        case _:
            assert_never(condition)


def _test(path: str, test: Test) -> str:
    match test:
        case Equals(value):
            return f"{path} = {_scalar(value)}"
        case AnyOf(values):
            return f"{path} IN ({', '.join(map(_scalar, values))})"
        case NoneOf(values):
            return f"{path} NOT IN ({', '.join(map(_scalar, values))})"
        case NumberRange(gt, gte, lt, lte):
            # Equality of numbers is a test of its own.
            return _range(path, (gt, gte, lt, lte), number_text, number_text, is_equality=False)
        case ValueCount(gt, gte, lt, lte):
            return _range(f"count({path})", (gt, gte, lt, lte), number_text, number_text)
        case TimeRange(gt, gte, lt, lte):
            return _range(path, (gt, gte, lt, lte), _from_time, _until_time)
        case TextMatch(text):
            return f"{path} MATCHES {_string(text)}"
        case Phrase(text):
            return f"{path} PHRASE {_string(text)}"
        case GeoRadius(lat, lon, radius_m):
            return f"near({path}, {number_text(lat)}, {number_text(lon)}, {number_text(radius_m)}m)"
        case GeoBox(south, west, north, east):
            return f"box({', '.join((path, *map(number_text, (south, west, north, east))))})"
        case Exists(expected):
            return f"{path} EXISTS" if expected else f"{path} NOT EXISTS"
        case IsNull(expected):
            return f"{path} IS NULL" if expected else f"{path} IS NOT NULL"
        case _:
            assert_never(test)


def _range(
    subject: str,
    bounds: Sequence[Bound | None],
    begin: Callable[[Bound, bool], str],
    end: Callable[[Bound, bool], str],
    *,
    is_equality: bool = True,
) -> str:
    """The bounds gt, gte, lt, lte; ``begin`` and ``end`` write a bound, told whether it is in."""
    gt, gte, lt, lte = bounds
    low = begin(gte, True) if gte is not None else "" if gt is None else begin(gt, False)
    high = end(lte, True) if lte is not None else "" if lt is None else end(lt, False)
    if gte is not None and lte is not None:
        if is_equality and low == high:
            return f"{subject} = {low}"
        return f"{subject} BETWEEN {low} AND {high}"
    above, below = (">" if gte is None else ">="), ("<" if lte is None else "<=")
    if low and high:
        return f"{low} {above.replace('>', '<')} {subject} {below} {high}"
    return f"{subject} {above} {low}" if low else f"{subject} {below} {high}"


def _from_time(moment: datetime, included: bool) -> str:
    """A lower bound: from the begin of a day, or after its end."""
    return _time(moment, _DAY_BEGINS if included else _DAY_ENDS)


def _until_time(moment: datetime, included: bool) -> str:
    """An upper bound: until the end of a day, or before its begin."""
    return _time(moment, _DAY_ENDS if included else _DAY_BEGINS)


def _time(moment: datetime, of_day: time) -> str:
    """The time in UTC, or its date where that means just this moment."""
    moment = moment.astimezone(UTC)
    if moment.time() == of_day:
        return date.isoformat(moment)
    return f"{moment.replace(tzinfo=None).isoformat()}Z"


def number_text(number: float, included: bool = True) -> str:
    """The shortest text that reads back as this double; whole numbers below 2^53 in digits."""
    if isinstance(number, int):
        # A whole number from the wire was a double there.
        return str(number) if abs(number) < FIRST_INEXACT else repr(float(number))
    if number.is_integer() and abs(number) < FIRST_INEXACT:
        return f"{number:.0f}"
    return repr(number)


def _scalar(value: Scalar) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _path(path: FieldPath) -> str:
    """As ``paths.format_path``, with quotes around all that is no bare key here."""
    return ".".join(key if _is_bare(key) else f'"{key}"' for key in path)


def _is_bare(key: str) -> bool:
    return _BARE.fullmatch(key) is not None and _KEYWORD.fullmatch(key) is None
