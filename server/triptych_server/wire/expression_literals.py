"""The literals of ``Filter.expression``: strings, numbers, times and distances."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from triptych_server.domain.errors import Reason
from triptych_server.domain.payload import FIRST_INEXACT
from triptych_server.domain.times import is_time
from triptych_server.wire.expression_grammar import ExpressionError, character_of

if TYPE_CHECKING:
    from lark import Token

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.S)
_ESCAPED = {
    '"': '"', "'": "'", "\\": "\\", "/": "/",
    "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_DISTANCE = re.compile(r"(.*?)\s*(km|mi|m)", re.I)
_METRES = {"km": Decimal(1000), "mi": Decimal("1609.344")}
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_TIME_EXAMPLES = "such as 2025-06-01 or 2025-06-01T12:00:00+02:00"


def text_of(token: Token) -> str:
    """The string in quotes, its escapes read.

    Raises ExpressionError for an escape that there is not, and for half of a surrogate pair.
    """
    body = str(token)[1:-1]
    if "\\" not in body:
        return body

    def read(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        if match[2] not in _ESCAPED:
            raise _invalid(token, "no such escape", match[0], offset=1 + match.start())
        return _ESCAPED[match[2]]

    text = _ESCAPE.sub(read, body)
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise _invalid(token, "holds half of a surrogate pair", token) from None


def number_of(token: Token) -> float:
    """The number as a double; infinite where it is too large.

    Raises ExpressionError: NUMBER_NOT_EXACT for a whole number, written in digits alone, that no
    double holds.
    """
    text = str(token)
    if _LEADING_ZERO.match(text):
        raise _invalid(token, "begins with a zero; text stands in quotes", text)
    number = float(text)
    if math.isfinite(number) and _WHOLE.fullmatch(text) and int(number) != int(text):
        raise ExpressionError(
            Reason.NUMBER_NOT_EXACT,
            character_of(token),
            "would be rounded; with a decimal point it is",
            got=text,
            allowed=f"below 2^{FIRST_INEXACT.bit_length() - 1}",
        )
    return number


def count_of(token: Token, least: int = 0, most: int = 2**31 - 1) -> int:
    """A whole number from ``least`` to ``most``. Raises ExpressionError (LIMIT_INVALID)."""
    number = number_of(token) if token.type == "NUMBER" else math.nan
    if not number.is_integer() or not least <= number <= most:
        raise ExpressionError(
            Reason.LIMIT_INVALID,
            character_of(token),
            "needs a whole number",
            got=token,
            allowed=f"{least} to {most}",
        )
    return int(number)


def metres_of(token: Token) -> float:
    """A distance with its unit, in metres: the double nearest to it."""
    match = _DISTANCE.fullmatch(str(token))
    assert match is not None  # the token's own pattern
    number, unit = float(match[1]), match[2].lower()
    if unit == "m" or not math.isfinite(number) or number == 0:
        return number
    return float(Decimal(match[1]) * _METRES[unit])


def moment_of(token: Token, *, of_day: time) -> Timestamp:
    """The time, or that of the day where it is a date alone, in UTC.

    Raises ExpressionError (FILTER_DATETIME) where it is no time, has no offset, or leaves the years
    1 to 9999 in UTC.
    """
    text = str(token)
    stamp = Timestamp()
    if is_time(text):
        try:
            if len(text) == len("2025-06-01"):
                day = datetime.combine(date.fromisoformat(text), of_day, tzinfo=UTC)
                stamp.FromDatetime(day)
            else:
                stamp.FromJsonString(_to_nanoseconds(text.upper()))
        except (ValueError, OverflowError):
            pass
        else:
            return stamp
    raise ExpressionError(
        Reason.FILTER_DATETIME,
        character_of(token),
        f"is no time with its offset and no date, {_TIME_EXAMPLES}",
        got=text,
    )


def _to_nanoseconds(text: str) -> str:
    """A time of RFC 3339 without the digits that a Timestamp has no room for."""
    return re.sub(r"(\.[0-9]{9})[0-9]+", r"\1", text)


def _invalid(token: Token, what: str, got: object, *, offset: int = 0) -> ExpressionError:
    return ExpressionError(
        Reason.FILTER_EXPRESSION_INVALID, character_of(token) + offset, what, got=got
    )
