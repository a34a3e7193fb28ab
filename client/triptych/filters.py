"""Filters, written as Python expressions.

>>> from triptych import Field
>>> where = (Field("category") == "poster") & (Field("price") < 20) & ~Field("sold").exists()
>>> [condition.field.name for condition in where.to_filter().must]
['category', 'price', 'sold']

A filter holds three lists: `must`, `should` (one of them is enough) and `must_not`. So `|` joins
single tests, and one such group can be joined by `&` with other tests. What does not fit is
refused while the expression is built, never sent in a different meaning.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeAlias

from google.protobuf.struct_pb2 import Value

from triptych._texts import checked_text, quoted
from triptych.errors import argument_error
from triptych.v1.filter_pb2 import Condition, FieldCondition, Filter, NumberRange, ValueList
from triptych.values import EXACT_BELOW, to_value

__all__ = ["Field", "Where"]

Scalar: TypeAlias = str | bool | int | float


@dataclass(frozen=True, slots=True, eq=False)
class Where:
    """Which items take part: every one of `must`, one of `should` (if any), none of `must_not`.

    Made by `Field`, joined by `&`, `|` and `~`.

    >>> where = (Field("price") < 20) & ~(Field("category") == "poster")
    >>> len(where.to_filter().must), len(where.to_filter().must_not)
    (1, 1)
    """

    must: tuple[Condition, ...] = ()
    should: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()

    def to_filter(self) -> Filter:
        """The filter as the contract's message."""
        return Filter(must=self.must, should=self.should, must_not=self.must_not)

    def __and__(self, other: "Where") -> "Where":
        """Both hold. Raises ValueError where both hold an `|`."""
        if not isinstance(other, Where):
            return NotImplemented
        if self.should and other.should:
            raise _inexpressible("a filter has room for one group joined by |, not for two")
        return Where(
            self.must + other.must, self.should + other.should, self.must_not + other.must_not
        )

    def __or__(self, other: "Where") -> "Where":
        """One holds. Raises ValueError unless each is a single test, or such tests joined by |."""
        if not isinstance(other, Where):
            return NotImplemented
        return Where(should=self._alternatives() + other._alternatives())

    def __invert__(self) -> "Where":
        """It does not hold. Items without the field pass. Raises ValueError for most `&`."""
        if self.must_not and not self.must and not self.should:
            # Not one of none-of-these: at least one of these.
            return _one_of(self.must_not)
        if self.must_not or bool(self.should) == bool(self.must) or len(self.must) > 1:
            raise _inexpressible(
                "~ can't negate tests that are joined by &; negate each, or join by |"
            )
        if len(self.must) == 1 and self.must[0].field.WhichOneof("test") == "exists":
            field = self.must[0].field
            return _test(FieldCondition(name=field.name, exists=not field.exists))
        return Where(must_not=self.must + self.should)

    def __bool__(self) -> bool:
        raise TypeError(
            "a filter is neither true nor false: join tests with &, | and ~ instead of and, or and "
            "not, and write Field(...).between(5, 20) instead of 5 < Field(...) < 20"
        )

    def _alternatives(self) -> tuple[Condition, ...]:
        if self.must_not:
            raise _inexpressible("| can't join a test under ~")
        if len(self.must) > 1 or bool(self.must) == bool(self.should):
            raise _inexpressible("| can't join tests that are joined by &")
        return self.must + self.should


class Field:
    """A payload field, to be compared with values.

    A list passes a test when one of its elements does; an item without the field passes none, and
    so passes the test under `~`.

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
        """The field equals a string, a number (5 equals 5.0) or a boolean."""
        return _test(FieldCondition(name=self.name, equals=_scalar(value, self.name)))

    def __ne__(self, value: object) -> Where:  # type: ignore[override]
        """The field does not equal the value, or is not there."""
        return ~(self == value)

    def __lt__(self, bound: float) -> Where:
        """The field is a number below `bound`."""
        return self._range(NumberRange(lt=_bound(bound, self.name)))

    def __le__(self, bound: float) -> Where:
        """The field is a number of at most `bound`."""
        return self._range(NumberRange(lte=_bound(bound, self.name)))

    def __gt__(self, bound: float) -> Where:
        """The field is a number above `bound`."""
        return self._range(NumberRange(gt=_bound(bound, self.name)))

    def __ge__(self, bound: float) -> Where:
        """The field is a number of at least `bound`."""
        return self._range(NumberRange(gte=_bound(bound, self.name)))

    def between(self, low: float, high: float) -> Where:
        """The field is a number from `low` to `high`, both included."""
        return self._range(NumberRange(gte=_bound(low, self.name), lte=_bound(high, self.name)))

    def any_of(self, values: Iterable[Scalar]) -> Where:
        """The field equals one of these strings, numbers or booleans; at least one is needed."""
        if isinstance(values, str):
            raise argument_error(self.name, "FILTER_TYPE", "needs a list of values", got=values)
        members = [_scalar(value, self.name) for value in values]
        if not members:
            raise argument_error(self.name, "FILTER_EMPTY_CONDITION", "any_of needs a value")
        return _test(FieldCondition(name=self.name, any_of=ValueList(values=members)))

    def exists(self) -> Where:
        """The field has a value: it is there, and is neither null nor an empty list."""
        return _test(FieldCondition(name=self.name, exists=True))

    def _range(self, number_range: NumberRange) -> Where:
        return _test(FieldCondition(name=self.name, number_range=number_range))


def _test(condition: FieldCondition) -> Where:
    return Where(must=(Condition(field=condition),))


def _one_of(conditions: tuple[Condition, ...]) -> Where:
    return Where(must=conditions) if len(conditions) == 1 else Where(should=conditions)


def _scalar(value: object, name: str) -> Value:
    if not isinstance(value, str | bool | Integral | Real):
        hint = "; use exists()" if value is None else ""
        raise argument_error(
            name,
            "FILTER_TYPE",
            f"compares with a string, a number or a boolean{hint}",
            got=type(value).__name__,
        )
    return to_value(value, field=name)


def _bound(bound: object, name: str) -> float:
    if isinstance(bound, bool) or not isinstance(bound, Integral | Real):
        raise argument_error(name, "FILTER_TYPE", "a range needs a number", got=repr(bound))
    if isinstance(bound, Integral) and abs(int(bound)) >= EXACT_BELOW:
        raise argument_error(
            name,
            "NUMBER_NOT_EXACT",
            "does not fit into a double exactly; give a float",
            got=bound,
            allowed="below 2^53",
        )
    number = float(bound)
    if math.isnan(number) or math.isinf(number):
        raise argument_error(name, "NUMBER_NOT_FINITE", "a bound is not finite", got=number)
    return number


def _inexpressible(what: str) -> Exception:
    return argument_error("filter", "FIELD_INVALID", what)
