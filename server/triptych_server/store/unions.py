"""The union of what several legs find, while it is answered: of any engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from triptych_server.domain.legs import ExactQuery, UnionQuery

Key = TypeVar("Key", int, str)
Id = TypeVar("Id")

Hit = tuple[Key, Id, float]
"""A point's key, its id as the engine has it, and its similarity. Keys are in the order of ids."""


class Union(Generic[Key, Id]):
    """Each point has a place, in the order of its coming: ``ids`` are the points at their places.

    First every leg is added, in order; then it says what is ``missing``; the answers to that are
    what it takes to tell all scores.
    """

    def __init__(self, query: UnionQuery) -> None:
        self.query = query
        self.ids: list[Id] = []
        self._places: dict[Key, int] = {}
        self._found: list[list[tuple[float, Key, int]]] = []

    def add(self, hits: Iterable[Hit[Key, Id]]) -> None:
        """What the next leg has found, in any order."""
        own = [(-score, key, self._place(key, id_)) for key, id_, score in hits]
        own.sort()
        self._found.append(own)

    def missing(self, also: Iterable[tuple[Key, Id]] = ()) -> list[tuple[ExactQuery, list[Id]]]:
        """What is still to be asked of which points; ``also`` are those of the query itself.

        What a leg has found it has scored already, as exactly as any other query would.
        """
        others = {self._place(key, id_) for key, id_ in also}
        wanted: list[tuple[ExactQuery, list[Id]]] = []
        if not (self.query.complete or others):
            return wanted
        for exact in self.query.exact:
            known = {place for _, _, place in self._known(exact)}
            rest = [
                id_
                for place, id_ in enumerate(self.ids)
                if place not in known and (self.query.complete or place in others)
            ]
            if rest:
                wanted.append((exact, rest))
        return wanted

    def scores(
        self, answers: Mapping[int, Iterable[tuple[Key, float]]]
    ) -> list[list[float | None]]:
        """For each exact query its score of each point, None where there is none.

        ``answers`` are those to ``missing``, by the identity of what was asked.
        """
        rows = []
        places = self._places
        for exact in self.query.exact:
            row: list[float | None] = [None] * len(self.ids)
            for negated, _, place in self._known(exact):
                row[place] = -negated
            for key, score in answers.get(id(exact), ()):
                row[places[key]] = score
            rows.append(row)
        return rows

    @property
    def found(self) -> list[list[int]]:
        """The places of what each leg has found, by (similarity descending, id)."""
        return [[place for _, _, place in own] for own in self._found]

    def _place(self, key: Key, id_: Id) -> int:
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.ids)
            self.ids.append(id_)
        return place

    def _known(self, exact: ExactQuery) -> Sequence[tuple[float, Key, int]]:
        """What a leg has found that asked the same."""
        for leg, own in zip(self.query.legs, self._found, strict=True):
            if leg.ask is exact.ask and leg.vector_name == exact.vector_name:
                return own
        return ()


def by_id(ids: Sequence[str], row: Sequence[float | None]) -> dict[str, float]:
    """The scores of a row that are there, by the id."""
    return {id_: score for id_, score in zip(ids, row, strict=True) if score is not None}
