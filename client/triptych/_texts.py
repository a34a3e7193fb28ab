"""Checks that every text takes on its way into a message, and paths for what fails them."""

from collections.abc import Iterable

from triptych.errors import argument_error


def checked_text(value: str, field: str) -> str:
    """`value`, if it is a string that UTF-8 can carry.

    Raises:
        ArgumentError: it is no string, or holds a lone surrogate (FIELD_INVALID).
    """
    if not isinstance(value, str):
        raise argument_error(field, "FIELD_INVALID", "needs a string", got=type(value).__name__)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise argument_error(
            field,
            "FIELD_INVALID",
            f"holds a lone surrogate, U+{ord(value[error.start]):04X}, at index {error.start}",
        ) from None
    return value


def checked_texts(values: Iterable[str], field: str) -> list[str]:
    """`values` as a list of such strings.

    Raises:
        ArgumentError: as `checked_text`; or `values` is one string, whose letters would be taken.
    """
    if isinstance(values, str):
        raise argument_error(
            field, "FIELD_INVALID", "needs a list of strings, not one", got=repr(values)
        )
    return [checked_text(value, f"{field}[{index}]") for index, value in enumerate(values)]


def quoted(key: str) -> str:
    """A payload key as it stands in a path: in double quotes if it holds a dot or a space."""
    return f'"{key}"' if "." in key or " " in key or not key else key
