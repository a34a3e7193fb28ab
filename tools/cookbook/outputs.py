"""Outputs that stand in the document, compared with those of a run, and renewed."""

import math
import re
from typing import Any

from google.protobuf.message import Message

_FIGURE = re.compile(r"-?\d+\.(\d+)")


def same_text(shown: str, real: str) -> bool:
    """Whether two outputs differ in nothing but the last digit of their decimals.

    Processors round single precision differently, so figures may be off by one at the end.
    """
    if _FIGURE.sub("#", shown) != _FIGURE.sub("#", real):
        return False
    pairs = zip(_FIGURE.finditer(shown), _FIGURE.finditer(real), strict=True)
    return all(
        len(one[1]) == len(other[1])
        and abs(float(one[0]) - float(other[0])) < 1.5 * 10 ** -len(one[1])
        for one, other in pairs
    )


def is_part(shown: object, real: object, digits: int = 3) -> bool:
    """Whether JSON that is shown is a part of an answer: of objects some keys, of lists the
    first elements; figures to within their last digit."""
    match shown, real:
        case dict(), dict():
            return all(k in real and is_part(v, real[k], digits) for k, v in shown.items())
        case list(), list():
            return len(shown) <= len(real) and all(
                is_part(one, other, digits) for one, other in zip(shown, real, strict=False)
            )
        case float(), float() | int():
            return math.isclose(shown, real, rel_tol=0, abs_tol=1.5 * 10**-digits)
    return shown == real


def part_of(shown: object, real: Any, digits: int = 3) -> object:
    """The part of an answer that is shown, as it is now."""
    match shown, real:
        case dict(), dict():
            return {key: part_of(value, real[key], digits) for key, value in shown.items()}
        case list(), list():
            return [part_of(*pair, digits) for pair in zip(shown, real, strict=False)]
    return round(real, digits) if isinstance(real, float) else real


def same_answer(in_python: object, answer: Message) -> bool:
    """Whether the client was told what the call by hand was told.

    But for the timings, and for what came from the query cache: it was asked second.

    The client gives lists for ListItems and BatchSearch: their items, and their answers.
    """
    if isinstance(in_python, Message):
        return _plain(in_python) == _plain(answer)
    if not isinstance(in_python, list):
        return False
    fields = {field.name: value for field, value in answer.ListFields()}
    found = [*fields.get("items", ()), *(one.response for one in fields.get("results", ()))]
    return list(map(_plain, in_python)) == list(map(_plain, found))


def _plain(answer: Message) -> Message:
    kept = type(answer)()
    kept.CopyFrom(answer)
    if "timings" in kept.DESCRIPTOR.fields_by_name:
        kept.ClearField("timings")
    for leg in getattr(kept, "legs", ()):
        if "from_cache" in leg.DESCRIPTOR.fields_by_name:
            leg.ClearField("from_cache")
    return kept
