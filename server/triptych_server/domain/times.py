"""The times that a payload field declared DATETIME may hold: RFC 3339, or a date of it alone."""

from __future__ import annotations

import re
from datetime import datetime

_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?"
    r"(?:[Zz]|(?P<offset>[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])))?"
)


def is_time(text: str) -> bool:
    """Whether ``text`` is such a time, in the years 1 to 9999 of its own offset.

    A time of day needs its offset from UTC. There is no 24:00 and no leap second.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    try:
        datetime.fromisoformat(f"{match['date']}T{match['time'] or '00:00:00'}")
    except ValueError:
        return False
    return True
