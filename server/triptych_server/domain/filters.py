"""A filter as a tree of frozen conditions.

Every part of a ``Filter`` must hold: all of ``must``, at least ``min_should_count`` of ``should``
where there are any, none of ``must_not``. Paths are tuples of payload keys, outermost first, so
that a key with a dot in it is just a key. What each test lets through is said in filter.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

FieldPath = tuple[str, ...]
Scalar = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Equals:
    """The field, or one element of a list field, equals ``value``; 5 equals 5.0."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field, or one element of a list field, equals one of ``values`` (at least one)."""

    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """The opposite of ``AnyOf``: a point without the field passes."""

    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The field, or one element of a list field, is a number within every bound given."""

    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The field, or one element of a list field, is a time within every bound given.

    Bounds are in UTC and whole microseconds, and so are the times compared with them.
    """

    gt: datetime | None = None
    gte: datetime | None = None
    lt: datetime | None = None
    lte: datetime | None = None


@dataclass(frozen=True, slots=True)
class TextMatch:
    """Every word of ``text`` occurs in the field, or somewhere in a list field."""

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words of ``text`` stand side by side in the field, or in one element of a list field."""

    text: str


@dataclass(frozen=True, slots=True)
class GeoRadius:
    """The field, or one element of a list field, is a place at most ``radius_m`` metres away.

    ``lat`` and ``lon`` are in degrees; distances are those on a sphere of 6,371,008.8 m.
    """

    lat: float
    lon: float
    radius_m: float


@dataclass(frozen=True, slots=True)
class GeoBox:
    """The field, or one element of a list field, is a place in the box, its edges included.

    Degrees. The box runs from ``west`` to the east, over the antimeridian where ``west > east``;
    -180 and 180 are one meridian, and a box that reaches a pole holds it.
    """

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True, slots=True)
class ValueCount:
    """The count of the field's values is within every bound given.

    That is the length of a list, 1 for any other value but null, 0 for null and for no field.
    """

    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value: it is there, and is neither null nor an empty list.

    ``expected`` False asks for the opposite.
    """

    expected: bool = True


@dataclass(frozen=True, slots=True)
class IsNull:
    """The field is null, or a list with a null in it; ``expected`` False asks for the opposite."""

    expected: bool = True


Test = (
    Equals
    | AnyOf
    | NoneOf
    | NumberRange
    | TimeRange
    | TextMatch
    | Phrase
    | GeoRadius
    | GeoBox
    | ValueCount
    | Exists
    | IsNull
)


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """``test`` holds for the payload field at ``path``."""

    path: FieldPath
    test: Test


@dataclass(frozen=True, slots=True)
class PointIds:
    """The point is one of ``ids``; ``item_ids`` are the caller's own, where the caller asked."""

    ids: tuple[str, ...]
    item_ids: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class HasVector:
    """The point has the named vector."""

    vector_name: str


@dataclass(frozen=True, slots=True)
class Group:
    """A filter in the place of a condition."""

    filter: Filter


@dataclass(frozen=True, slots=True)
class Elements:
    """One object in the list at ``path`` passes ``filter``, whose paths begin in that object.

    ``filter`` holds no ``PointIds`` and no ``HasVector``, at any depth.
    """

    path: FieldPath
    filter: Filter


Condition = FieldCondition | PointIds | HasVector | Group | Elements


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a part of a filter was written: the request's field, the character in it from 1."""

    field: str
    character: int


@dataclass(frozen=True, slots=True)
class Filter:
    """All of ``must``, so many of ``should`` (if any), none of ``must_not``; empty passes all.

    ``origins`` says, by paths of the request, which parts were written in expressions, and where.
    The filters inside have none of their own.
    """

    must: tuple[Condition, ...] = ()
    should: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()
    min_should_count: int = 1
    origins: tuple[tuple[str, Origin], ...] = field(default=(), compare=False, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether it holds no condition, so that every item passes."""
        return not (self.must or self.should or self.must_not)

    def conditions(self, path: str) -> Iterator[tuple[str, Condition]]:
        """Its own conditions, each with its path in a request where the filter is at ``path``."""
        parts = {"must": self.must, "should": self.should, "must_not": self.must_not}
        for name, conditions in parts.items():
            for place, condition in enumerate(conditions):
                yield f"{path}.{name}[{place}]", condition


# The filter that every item passes.
EVERYTHING = Filter()


def checks_of(filter: Filter) -> int:
    """How much there is to compare with one item: its conditions and the values in them.

    Ids are found by their hash, however many they are.
    """
    total = 0
    for _, condition in filter.conditions(""):
        total += 1
        if isinstance(condition, Group | Elements):
            total += checks_of(condition.filter)
        elif isinstance(condition, FieldCondition) and isinstance(condition.test, AnyOf | NoneOf):
            total += len(condition.test.values)
    return total
