"""What is told of a part of a filter that was written in an expression: the character there."""

from __future__ import annotations

import re
from dataclasses import replace

from triptych_server.domain.errors import Violation
from triptych_server.domain.filters import Filter, Origin

_LAST_STEP = re.compile(r"(?:\.[^.\[]*|\[[0-9]+\])$")


class Origins:
    """The origins of a filter's parts, to be asked by paths of the request."""

    def __init__(self, filter: Filter) -> None:
        self._known = dict(filter.origins)

    def of(self, path: str) -> Origin | None:
        """Where the part at ``path``, or the nearest part around it, was written; None where it
        stands in no expression.
        """
        while self._known and path:
            if path in self._known:
                return self._known[path]
            path, steps = _LAST_STEP.subn("", path)
            if not steps:
                break
        return None

    def place(self, path: str) -> tuple[str, str]:
        """What names the place to the caller: the request's field, and words to put before what is
        told of it, empty where the field says it all.
        """
        origin = self.of(path)
        return (path, "") if origin is None else (origin.field, f"{at(origin.character)}: ")

    def tell(self, violation: Violation) -> Violation:
        """The violation with the field and the character that the caller wrote."""
        field, words = self.place(violation.field)
        return replace(violation, field=field, message=f"{words}{violation.message}")


def at(character: int) -> str:
    """The words for a place in an expression."""
    return f"at character {character}"
