"""Filters at the command line: `price<20`, `category=poster`, `sold:exists`."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from triptych.cli.output import CommandError
from triptych.errors import ArgumentError
from triptych.filters import Field, Where

# A path: keys joined by dots; a key in double quotes may hold anything but a double quote.
_KEY = r'(?:"[^"]+"|[^\s".:=!<>]+)'
_PATH = rf"(?P<path>{_KEY}(?:\.{_KEY})*)"
_COMPARISON = re.compile(rf"\s*{_PATH}\s*(?P<operator><=|>=|!=|=|<|>)\s*(?P<value>.*?)\s*", re.S)
_EXISTS = re.compile(rf"\s*{_PATH}\s*:\s*exists\s*")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(rf"{_DATE.pattern}[Tt ][0-9]{{2}}:[0-9]{{2}}\S*")

HELP = (
    "A test that every hit passes: FIELD=VALUE, !=, <, <=, > or >=, or FIELD:exists. "
    'VALUE is a number, true, false, or a string; "in double quotes" always a string. '
    "After <, <=, > and >= it may be a date (a whole day in UTC) or a time with its offset: "
    "taken>=2025-06-01. "
    "May be given more than once."
)


def parse_where(comparisons: Sequence[str]) -> Where | None:
    """All of the comparisons, joined by AND; None where there is none.

    Raises:
        CommandError: one of them is no comparison, or has a value that can't be compared with.
    """
    if not comparisons:
        return None
    where = Where()
    for text in comparisons:
        try:
            where &= _parse(text)
        except ArgumentError as error:
            told = "; ".join(violation.description for violation in error.violations)
            raise CommandError(f"--where {text!r}: {told} [{error.reason}]") from None
    return where


def parse_scalar(text: str) -> str | int | float | bool:
    """A value as it is written at the command line; quotes make any text a string."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _parse(text: str) -> Where:
    if match := _EXISTS.fullmatch(text):
        return Field(match["path"]).exists()
    match = _COMPARISON.fullmatch(text)
    if match is None or not match["value"]:
        raise CommandError(
            f"--where {text!r}: is no comparison (allowed FIELD=VALUE, !=, <, <=, >, >=, "
            "FIELD:exists)"
        )
    field, operator, value = Field(match["path"]), match["operator"], parse_scalar(match["value"])
    if operator == "=":
        return field == value
    if operator == "!=":
        return field != value
    bound = _parse_time(match["value"]) or value
    if isinstance(bound, str | bool):
        raise CommandError(f"--where {text!r}: {operator} needs a number or a time (got {value})")
    match operator:
        case "<":
            return field < bound
        case "<=":
            return field <= bound
        case ">":
            return field > bound
        case _:
            return field >= bound


def _parse_time(text: str) -> date | None:
    """A day, or a time, as RFC 3339 writes it; None for what is neither."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None
