"""Asks the cases of a server, in several ways, and computes what it should have answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tools.quality.asking import Mismatch
from tools.quality.discovery.cases import Case, Side
from tools.quality.discovery.gallery import COLLECTION, Picture
from tools.quality.oracle import Floats
from triptych import Client, ContextSearchResponse, DiscoverResponse, query_input, recompute
from triptych.exploring import PairLike, vector_weight

FIRST = 20
# Similarities are computed in single precision.
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Way:
    """How a case is asked: with its target or without, with its pairs, swapped ones or none."""

    name: str
    target: bool
    pairs: int
    """1 as they are written, -1 swapped, 0 none."""


TARGET = Way("target alone", True, 0)
PAIRS = Way("target and pairs", True, 1)
SWAPPED = Way("target and swapped pairs", True, -1)
CONTEXT = Way("pairs alone", False, 1)
CONTEXT_SWAPPED = Way("swapped pairs alone", False, -1)
WAYS = (TARGET, PAIRS, SWAPPED, CONTEXT, CONTEXT_SWAPPED)


@dataclass(frozen=True, slots=True)
class Asked:
    """A case and the traits of all pictures, best first, by one way of asking."""

    case: Case
    ranking: tuple[frozenset[str], ...]

    def share(self, sides: Sequence[Side]) -> float:
        """The share of the first ``FIRST`` on these sides: the mean over the sides."""
        first = self.ranking[:FIRST]
        return float(np.mean([side.shows in traits for side in sides for traits in first]))

    @property
    def places(self) -> tuple[int, ...]:
        """The places from 1 of the right pictures: the target, on both wanted sides."""
        right = {side.shows for side in (self.case.target, *self.case.wanted)}
        return tuple(place for place, traits in enumerate(self.ranking, start=1) if right <= traits)


class Gallery:
    """The collection's own vectors, to compute in numpy what an answer should say."""

    def __init__(self, client: Client, pictures: Sequence[Picture]) -> None:
        found = client.list_items(COLLECTION, return_fields=["vectors"])
        self._client = client
        self._traits: Mapping[str, frozenset[str]] = {one.id: one.traits for one in pictures}
        self._rows: Mapping[str, Floats] = {
            item.id: np.array(item.vectors["image"].dense.values) for item in found
        }

    def ask(self, case: Case, way: Way) -> Asked:
        """The case as ``way`` asks it, its answer held to the formulas.

        Raises:
            Mismatch: an answer is not what the vectors give.
            ScoreMismatch: nor what its own figures give.
            TriptychError: the server refuses.
        """
        sides = (case.wanted, case.unwanted)[:: way.pairs] if way.pairs else ((), ())
        sought = tuple(zip(*sides, strict=True))
        pairs: list[PairLike] = [
            (query_input(text=more.words), query_input(text=less.words)) for more, less in sought
        ]
        whole = [vector_weight("image", candidate_count=len(self._rows))]
        limit = len(self._rows)
        answer: DiscoverResponse | ContextSearchResponse
        if way.target:
            target = query_input(text=case.target.words)
            answer = self._client.discover(
                COLLECTION, target=target, pairs=pairs, vectors=whole, limit=limit
            )
        else:
            answer = self._client.context_search(
                COLLECTION, pairs=pairs, vectors=whole, limit=limit
            )
        recompute(answer)
        words = [case.target.words, *(side.words for pair in sought for side in pair)]
        self._check(answer, words, way)
        return Asked(case, tuple(self._traits[hit.item.id] for hit in answer.hits))

    def _check(
        self, answer: DiscoverResponse | ContextSearchResponse, words: Sequence[str], way: Way
    ) -> None:
        """Every picture is there, with its own similarities to the target and to both sides."""
        if {hit.item.id for hit in answer.hits} != set(self._rows):
            raise Mismatch(f"{words[0]!r}, {way.name}: not every picture is there")
        encoded = self._client.encode(texts=words).embeddings
        vectors = np.array([one.vector.values for one in encoded])
        for hit in answer.hits:
            (score,) = hit.vector_scores
            told = [
                figure
                for pair in score.pairs
                for figure in (pair.positive_similarity, pair.negative_similarity)
            ]
            similarities = vectors @ self._rows[hit.item.id]
            if way.target:
                told.insert(0, score.target_similarity)
            else:
                similarities = similarities[1:]
            if not np.allclose(told, similarities, rtol=0, atol=_ROUNDING):
                raise Mismatch(f"{words[0]!r}, {way.name}: {hit.item.id} is amiss")
