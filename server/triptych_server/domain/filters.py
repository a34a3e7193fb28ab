"""A filter as a tree of frozen conditions.

Every part of a ``Filter`` must hold: all of ``must``, at least one of ``should`` where there are
any, none of ``must_not``. Paths are tuples of payload keys, outermost first, so that a key with
a dot in it is just a key.
"""

from __future__ import annotations

from dataclasses import dataclass

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
class NumberRange:
    """The field, or one element of a list field, is a number within every bound given."""

    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value: it is there, and is neither null nor an empty list.

    ``expected`` False asks for the opposite.
    """

    expected: bool = True


Test = Equals | AnyOf | NumberRange | Exists


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """``test`` holds for the payload field at ``path``."""

    path: FieldPath
    test: Test


@dataclass(frozen=True, slots=True)
class PointIds:
    """The point is one of ``ids``."""

    ids: tuple[str, ...]


Condition = FieldCondition | PointIds


@dataclass(frozen=True, slots=True)
class Filter:
    """All of ``must``, one of ``should`` (if any), none of ``must_not``; empty passes all."""

    must: tuple[Condition, ...] = ()
    should: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether every item passes."""
        return not (self.must or self.should or self.must_not)

    def field_paths(self) -> tuple[FieldPath, ...]:
        """The payload fields that are asked about, each once, in order."""
        conditions = (*self.must, *self.should, *self.must_not)
        return tuple(dict.fromkeys(c.path for c in conditions if isinstance(c, FieldCondition)))


# The filter that every item passes.
EVERYTHING = Filter()
