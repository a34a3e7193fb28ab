"""A check that messages take where a caller may have given something else."""

from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.message import Message

from triptych.errors import argument_error

M = TypeVar("M", bound=Message)


def checked_kind(value: M, kind: type[M], field: str, made_with: str) -> M:
    """`value`, if it is a message of that kind, such as `made_with` returns.

    protobuf's own error names neither the field nor the value.

    Raises:
        ArgumentError: it is something else (FIELD_INVALID).
    """
    if not isinstance(value, kind):
        what = f"needs a {kind.__name__}, made with {made_with}"
        raise argument_error(field, "FIELD_INVALID", what, got=repr(value))
    return value


def checked_kinds(values: Iterable[M], kind: type[M], field: str, made_with: str) -> list[M]:
    """The list of `values`, each checked as `checked_kind` does.

    Raises:
        ArgumentError: one is something else, or `values` is a message or a text and no list.
    """
    if isinstance(values, Message | str | bytes):
        what = f"needs a list of {kind.__name__}, made with {made_with}"
        raise argument_error(field, "FIELD_INVALID", what, got=repr(values))
    return [
        checked_kind(value, kind, f"{field}[{place}]", made_with)
        for place, value in enumerate(values)
    ]
