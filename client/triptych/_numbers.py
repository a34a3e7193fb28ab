"""Numbers on their way into a message."""

from numbers import Integral, Real

from triptych.errors import argument_error

_LARGEST_COUNT = 2**31 - 1


def checked_number(value: float | None, field: str) -> float | None:
    """`value` as a float; None stays None.

    Raises:
        ArgumentError: it is no number.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise argument_error(field, "FIELD_INVALID", "needs a number", got=repr(value))
    return float(value)


def checked_count(value: int, field: str) -> int:
    """`value` as a count that a message can hold.

    Raises:
        ArgumentError: it is no whole number, or one that no message can hold.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise argument_error(field, "FIELD_INVALID", "needs a whole number", got=repr(value))
    if not -_LARGEST_COUNT <= value <= _LARGEST_COUNT:
        raise argument_error(
            field, "LIMIT_INVALID", "out of range", got=value, allowed=f"up to {_LARGEST_COUNT}"
        )
    return int(value)
