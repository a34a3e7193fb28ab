"""Filters, written as Python expressions.

>>> from triptych import Field
>>> where = (Field("category") == "poster") & (Field("price") < 20) & ~Field("sold").exists()
>>> [condition.field.name for condition in where.to_filter().must]
['category', 'price', 'sold']

`&`, `|` and `~` join them as they like, and parentheses hold what belongs together:

>>> summer = (Field("month") == 7) | (Field("month") == 8)
>>> (summer & Field("title").matches("sale")) | ids(["cat-1"])
Where(2 of should)

What takes a `where` takes the same as one readable line, too, which the server reads:

>>> client.count_items("pictures", where="price BETWEEN 5 AND 20 AND NOT category = 'poster'").count
1
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from triptych._numbers import checked_count
from triptych._ranges import Bound, Scalar, above, below, is_time, number, scalar, span
from triptych._texts import checked_text, checked_texts, quoted
from triptych.errors import argument_error
from triptych.v1.filter_pb2 import (
    Condition,
    CountRange,
    ElementsCondition,
    FieldCondition,
    Filter,
    GeoBox,
    GeoPoint,
    GeoRadius,
    IdList,
    ValueList,
)

__all__ = ["Field", "Where", "at_least", "elements", "has_vector", "ids"]

MAX_DEPTH = 24
"""Filters inside one another that fit under protobuf's own limit of 100 nested messages."""

Conditions: TypeAlias = tuple[Condition, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Where:
    """Which items take part: every one of `must`, one of `should` (if any), none of `must_not`.

    Made by `Field` and its like, joined by `&`, `|` and `~`. `min_should_count` asks for more than
    one of `should`; `depth` counts the filters inside one another.

    >>> where = (Field("price") < 20) & ~(Field("category") == "poster")
    >>> len(where.to_filter().must), len(where.to_filter().must_not)
    (1, 1)
    """

    must: Conditions = ()
    should: Conditions = ()
    must_not: Conditions = ()
    min_should_count: int = 0
    depth: int = 1

    def to_filter(self) -> Filter:
        """The filter as the contract's message."""
        return Filter(
            must=self.must,
            should=self.should,
            must_not=self.must_not,
            min_should_count=self.min_should_count,
        )

    def __repr__(self) -> str:
        parts = {"must": self.must, "should": self.should, "must_not": self.must_not}
        held = (f"{len(conditions)} of {name}" for name, conditions in parts.items() if conditions)
        return f"Where({', '.join(held)})"

    def __and__(self, other: "Where") -> "Where":
        """Both hold."""
        if not isinstance(other, Where):
            return NotImplemented
        if self.should and other.should:
            # A filter has one list of alternatives; the other ones go into a group.
            return self & Where(
                (*other.must, _group(other._alone())), (), other.must_not, depth=other.depth + 1
            )
        return Where(
            self.must + other.must,
            self.should + other.should,
            self.must_not + other.must_not,
            self.min_should_count or other.min_should_count,
            max(self.depth, other.depth),
        )

    def __or__(self, other: "Where") -> "Where":
        """One holds, or both."""
        if not isinstance(other, Where):
            return NotImplemented
        (ours, depth), (theirs, their_depth) = self._alternatives(), other._alternatives()
        return Where(should=ours + theirs, depth=max(depth, their_depth))

    def __invert__(self) -> "Where":
        """It does not hold. Items without the field pass."""
        if not (self.must or self.should or self.must_not):
            raise _empty("~")
        if self.must_not and not (self.must or self.should):
            # Not one of none-of-these: at least one of these.
            if len(self.must_not) == 1:
                return Where(must=self.must_not, depth=self.depth)
            return Where(should=self.must_not, depth=self.depth)
        if len(self.must) == 1 and self.must[0].field.WhichOneof("test") == "exists":
            field = self.must[0].field
            if not (self.should or self.must_not):
                return _test(FieldCondition(name=field.name, exists=not field.exists))
        conditions, depth = self._alternatives()
        return Where(must_not=conditions, depth=depth)

    def __bool__(self) -> bool:
        raise TypeError(
            "a filter is neither true nor false: join tests with &, | and ~ instead of and, or and "
            "not, and write Field(...).between(5, 20) instead of 5 < Field(...) < 20"
        )

    def _alone(self) -> "Where":
        """Its alternatives without the rest."""
        return Where(should=self.should, min_should_count=self.min_should_count, depth=self.depth)

    def _alternatives(self) -> tuple[Conditions, int]:
        """Conditions of which one holds where this does, and the depth of a filter of them."""
        if not (self.must or self.should or self.must_not):
            raise _empty("|")
        if not self.must_not and self.min_should_count <= 1:
            if len(self.must) == 1 and not self.should:
                return self.must, self.depth
            if not self.must:
                return self.should, self.depth
        return (_group(self),), self.depth + 1


class Field:
    """A payload field, to be compared with values.

    A list passes a test when one of its elements does; an item without the field passes none, and
    so passes the test under `~`. What each test lets through is said in `filter.proto`.

    >>> cheap = Field("price").between(5, 20) & (Field("category") == "poster")
    >>> len(client.search("pictures", text="a cup of coffee", where=cheap).hits)
    0
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        """A field by its path: payload keys joined by dots, outermost first.

        A key that holds a dot or a space stands in double quotes: `size."inner width"`. See `of`
        for a path by its keys.

        Raises:
            ArgumentError: the path is empty or no string.
        """
        if not checked_text(name, "name"):
            raise argument_error("name", "FILTER_FIELD_INVALID", "is empty")
        self.name = name

    @classmethod
    def of(cls, *keys: str) -> "Field":
        """A field by its payload keys, outermost first, quoted where they need it.

        Raises:
            ArgumentError: no key at all, or one with a double quote in it.

        >>> Field.of("size", "inner width").name
        'size."inner width"'
        """
        for key in keys:
            if '"' in checked_text(key, "keys"):
                raise argument_error(
                    "keys", "FILTER_FIELD_INVALID", "a key can't hold a double quote", got=key
                )
        return cls(".".join(quoted(key) for key in keys))

    def __repr__(self) -> str:
        return f"Field({self.name!r})"

    # Comparisons make tests here, so that equality is no relation between fields.
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, value: object) -> Where:  # type: ignore[override]
        """The field equals a string, a number (5 equals 5.0) or a boolean.

        Of a `datetime` or a `date`: the field is that time, or a time of that day in UTC.
        """
        if is_time(value):
            return _test(span(self.name, value, value))
        return _test(FieldCondition(name=self.name, equals=scalar(value, self.name)))

    def __ne__(self, value: object) -> Where:  # type: ignore[override]
        """The field does not equal the value, or is not there."""
        return ~(self == value)

    def __lt__(self, bound: Bound) -> Where:
        """The field is a number below `bound`, or a time before it."""
        return _test(below(self.name, bound, included=False))

    def __le__(self, bound: Bound) -> Where:
        """The field is a number of at most `bound`, or a time until then, a whole day included."""
        return _test(below(self.name, bound, included=True))

    def __gt__(self, bound: Bound) -> Where:
        """The field is a number above `bound`, or a time after it, after the whole of a day."""
        return _test(above(self.name, bound, included=False))

    def __ge__(self, bound: Bound) -> Where:
        """The field is a number of at least `bound`, or a time from then on."""
        return _test(above(self.name, bound, included=True))

    def between(self, low: Bound, high: Bound) -> Where:
        """The field is a number, or a time, from `low` to `high`, both included.

        Times are `datetime`s with a time zone, or `date`s, which are whole days in UTC.

        >>> from datetime import date
        >>> june = Field("taken").between(date(2025, 6, 1), date(2025, 6, 30))
        >>> june.to_filter().must[0].field.time_range.lte.ToJsonString()
        '2025-06-30T23:59:59.999999Z'
        """
        return _test(span(self.name, low, high))

    def any_of(self, values: Iterable[Scalar]) -> Where:
        """The field equals one of these strings, numbers or booleans; at least one is needed."""
        return _test(FieldCondition(name=self.name, any_of=self._values(values, "any_of")))

    def none_of(self, values: Iterable[Scalar]) -> Where:
        """The field equals none of these, or is not there: the opposite of `any_of`."""
        return _test(FieldCondition(name=self.name, none_of=self._values(values, "none_of")))

    def matches(self, text: str) -> Where:
        """Every word of `text` occurs in the field, in any order, in upper or lower case.

        >>> sale = Field("title").matches("summer sale")
        >>> client.count_items("pictures", where=sale).count
        0
        """
        return _test(FieldCondition(name=self.name, text_match=checked_text(text, self.name)))

    def phrase(self, text: str) -> Where:
        """The words of `text` stand in the field next to each other, in this order."""
        return _test(FieldCondition(name=self.name, phrase=checked_text(text, self.name)))

    def near(self, lat: float, lon: float, radius_m: float) -> Where:
        """The field is a place at most `radius_m` metres from here.

        Latitude and longitude in degrees, from -90 to 90 and from -180 to 180.

        >>> near_the_gate = Field("place").near(52.5163, 13.3777, 500)
        >>> near_the_gate.to_filter().must[0].field.geo_radius.radius_m
        500.0
        """
        circle = GeoRadius(center=self._place(lat, lon), radius_m=number(radius_m, self.name))
        return _test(FieldCondition(name=self.name, geo_radius=circle))

    def within_box(self, *, south: float, west: float, north: float, east: float) -> Where:
        """The field is a place in this box, its edges included.

        From the west the box runs to the east, over the antimeridian where `west` is the greater.

        >>> fiji = Field("place").within_box(south=-21, west=176, north=-12, east=-178)
        """
        box = GeoBox(south_west=self._place(south, west), north_east=self._place(north, east))
        return _test(FieldCondition(name=self.name, geo_box=box))

    def count_between(self, low: int | None, high: int | None) -> Where:
        """The field has from `low` to `high` values, both included; None is no bound.

        That is the length of a list, 1 for any other value, 0 for null and where there is none.
        """
        counts = CountRange()
        if low is not None:
            counts.gte = checked_count(low, self.name)
        if high is not None:
            counts.lte = checked_count(high, self.name)
        if low is None and high is None:
            raise argument_error(self.name, "FILTER_EMPTY_CONDITION", "count_between needs a bound")
        return _test(FieldCondition(name=self.name, value_count=counts))

    def exists(self) -> Where:
        """The field has a value: it is there, and is neither null nor an empty list."""
        return _test(FieldCondition(name=self.name, exists=True))

    def is_null(self) -> Where:
        """The field is null, or a list with a null in it. A field that is not there is not null."""
        return _test(FieldCondition(name=self.name, is_null=True))

    def _values(self, values: Iterable[Scalar], what: str) -> ValueList:
        if isinstance(values, str):
            raise argument_error(self.name, "FILTER_TYPE", "needs a list of values", got=values)
        members = [scalar(value, self.name) for value in values]
        if not members:
            raise argument_error(self.name, "FILTER_EMPTY_CONDITION", f"{what} needs a value")
        return ValueList(values=members)

    def _place(self, lat: float, lon: float) -> GeoPoint:
        return GeoPoint(lat=number(lat, self.name), lon=number(lon, self.name))


def ids(values: Iterable[str]) -> Where:
    """The item is one of these, by its id; at least one is needed.

    >>> client.count_items("pictures", where=ids(["cat-1", "cat-2"])).count
    1
    """
    found = checked_texts(values, "ids")
    if not found:
        raise argument_error("ids", "FILTER_EMPTY_CONDITION", "needs an id")
    return Where(must=(Condition(ids=IdList(values=found)),))


def has_vector(name: str) -> Where:
    """The item has a vector in that vector space of the collection.

    >>> client.count_items("pictures", where=has_vector("caption") & ~has_vector("image")).count
    1
    """
    return Where(must=(Condition(has_vector=checked_text(name, "has_vector")),))


def elements(name: str, where: Where) -> Where:
    """One object in the list at the path `name` passes the whole of `where`.

    The fields in `where` are those of the object.

    >>> bought = elements("lines", (Field("sku") == "mug") & (Field("count") > 5))
    >>> client.count_items("pictures", where=bought).count
    0
    """
    depth = _checked_depth(where.depth + 1)
    condition = ElementsCondition(name=Field(name).name, filter=where.to_filter())
    return Where(must=(Condition(elements=condition),), depth=depth)


def at_least(count: int, *alternatives: Where) -> Where:
    """At least so many of these hold.

    >>> cat, sun, sea = (Field("tags") == tag for tag in ("cat", "sun", "sea"))
    >>> at_least(2, cat, sun, sea)
    Where(3 of should)
    """
    if not 1 <= checked_count(count, "count") <= len(alternatives):
        allowed = f"1 to {len(alternatives)}" if alternatives else None
        raise argument_error(
            "count", "LIMIT_INVALID", "is out of range", got=count, allowed=allowed
        )
    if count == 1 and len(alternatives) == 1:
        return alternatives[0]
    single: list[Condition] = []
    depth = 1
    for where in alternatives:
        conditions, its_depth = where._alternatives()
        # Alternatives inside an alternative are one of these, not several.
        if len(conditions) > 1:
            conditions, its_depth = (_group(where),), where.depth + 1
        single.extend(conditions)
        depth = max(depth, its_depth)
    return Where(should=tuple(single), min_should_count=count, depth=depth)


def _test(condition: FieldCondition) -> Where:
    return Where(must=(Condition(field=condition),))


def _group(where: Where) -> Condition:
    _checked_depth(where.depth + 1)
    return Condition(group=where.to_filter())


def _checked_depth(depth: int) -> int:
    if depth > MAX_DEPTH:
        raise argument_error(
            "filter", "FILTER_TOO_DEEP", "is nested too deep", allowed=f"{MAX_DEPTH} levels"
        )
    return depth


def _empty(operator: str) -> Exception:
    what = f"{operator} needs a test: an empty filter lets everything through"
    return argument_error("filter", "FIELD_INVALID", what)
