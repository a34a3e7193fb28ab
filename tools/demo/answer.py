"""The answer to a question, and what can be said of it in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from triptych import SearchHit, VectorScore
from triptych._example_formulas import RankedResponse

_ORDINALS = {1: "{}st", 2: "{}nd", 3: "{}rd"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of the server. Ids are the pictures' file names."""

    response: RankedResponse

    @property
    def ids(self) -> list[str]:
        """The ids of the hits, best first."""
        return [hit.item.id for hit in self.response.hits]

    @property
    def first(self) -> SearchHit:
        """The best hit."""
        return self.response.hits[0]

    def hit(self, name: str) -> SearchHit:
        """The hit of that id; raises ``ValueError`` where it is not among the hits."""
        return self.response.hits[self.ids.index(name)]

    def place(self, name: str) -> int | None:
        """The place from 1; None where it is not among the hits."""
        return self.ids.index(name) + 1 if name in self.ids else None

    def before(self, name: str, other: str) -> bool:
        """Whether a hit stands before another one, which may be absent."""
        return name in self.ids and other not in self.ids[: self.ids.index(name)]

    def score(self, name: str, leg: str) -> VectorScore:
        """What a leg says of a hit; raises ``ValueError`` where there is no such hit or leg."""
        legs = [one.vector_name for one in self.response.legs]
        return self.hit(name).vector_scores[legs.index(leg)]

    def found(self, leg: str) -> int:
        """How many candidates a leg has found."""
        (found,) = (x.candidates_found for x in self.response.legs if x.vector_name == leg)
        return found

    def standing(self, name: str) -> str:
        """Where the legs place a hit: ``1st by caption and terms, 2nd by image``."""
        by_rank: dict[int, list[str]] = {}
        for leg in self.response.legs:
            score = self.score(name, leg.vector_name)
            if score.HasField("rank"):
                by_rank.setdefault(score.rank, []).append(leg.vector_name)
        return ", ".join(
            f"{ordinal(rank)} by {joined(names)}" for rank, names in sorted(by_rank.items())
        )


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``3rd``, ``4th``, ..., ``21st``."""
    teens = 10 < number % 100 < 14
    return f"{number}th" if teens else _ORDINALS.get(number % 10, "{}th").format(number)


def joined(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
