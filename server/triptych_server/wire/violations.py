"""Collects everything that is wrong with a request, so that the caller hears of it at once."""

from __future__ import annotations

from collections.abc import Iterator

from triptych_server.domain.errors import InvalidInput, Reason, Violation, violation

# Far more than an answer lists: what is noticed beyond it would only cost memory.
MOST = 200


class Violations:
    """Violations so far, in the order in which they were found; at most 200 are kept."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def add(
        self, path: str, reason: Reason, what: str, *, got: object = None, allowed: object = None
    ) -> None:
        """Notes one more."""
        self.note(violation(path, reason, what, got=got, allowed=allowed))

    def note(self, found: Violation) -> None:
        """Notes one more that is put together already."""
        if len(self._found) < MOST:
            self._found.append(found)

    def __iter__(self) -> Iterator[Violation]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def error(self) -> InvalidInput | None:
        """The error that carries them all, or None where nothing is wrong."""
        return InvalidInput(self._found) if self._found else None

    def raise_if_any(self) -> None:
        """Raises InvalidInput with every violation."""
        error = self.error()
        if error is not None:
            raise error
