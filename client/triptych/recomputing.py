"""A search's scores and order, computed again from its answer alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from triptych._example_formulas import RankedResponse, example_figures
from triptych._formulas import normalization_of, normalized, score_of
from triptych.v1.search_service_pb2 import Fusion, Leg, SearchHit, VectorScore

__all__ = ["Difference", "RecomputedHit", "ScoreMismatch", "recompute"]

_TOLERANCE = 1e-9
"""Doubles computed in another order, or by another compiler, differ by far less."""

_SHARES_TOLERANCE = 1e-4
"""A similarity is computed in single precision, the shares of a composed input in double."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of an answer that is not what the others make it.

    Attributes:
        hit: the place of the hit in `SearchResponse.hits`, from 0; None for the answer's own
            fusion and legs.
        item_id: the hit's item.
        leg: the place of the leg in `SearchResponse.legs`, from 0; None for the hit itself.
        vector_name: the leg's vector space.
        field: the field that is wrong, as the contract names it, such as `contribution`.
        expected: what the formulas give; None for unset.
        found: what the answer says; None for unset.
    """

    hit: int | None
    item_id: str
    leg: int | None
    vector_name: str
    field: str
    expected: float | str | None
    found: float | str | None

    def __str__(self) -> str:
        path = "" if self.hit is None else f"hits[{self.hit}]."
        if self.leg is not None:
            path += f"legs[{self.leg}]." if self.hit is None else f"vector_scores[{self.leg}]."
        names = ", ".join(filter(None, (self.item_id, self.vector_name)))
        whose = f" ({names})" if names else ""
        return f"{path}{self.field}{whose}: expected {self.expected}, found {self.found}"


class ScoreMismatch(ValueError):
    """An answer whose scores or order are not those of its own figures; see `differences`."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        self.differences = tuple(differences)
        more = len(self.differences) - 1
        super().__init__(f"{self.differences[0]}{f' (and {more} more)' if more else ''}")


@dataclass(frozen=True, slots=True)
class RecomputedHit:
    """A hit as the formulas give it.

    `contributions` and `normalized_scores` are in the order of `SearchResponse.legs`; a normalised
    score is None where the leg does not count, and for reciprocal rank.
    """

    item_id: str
    rank: int
    score: float
    contributions: tuple[float, ...]
    normalized_scores: tuple[float | None, ...]


def recompute(response: RankedResponse) -> list[RecomputedHit]:
    """Computes the scores and the order of a search again, and compares them with its answer.

    The formulas are those of `Fusion` in the contract. For every hit the normalised scores, the
    contributions and the score are computed from similarities, ranks, weights, thresholds and
    normalisation bounds; then the order by (score descending, point id ascending). The shares of a
    composed input's parts have to add up to the similarity.

    An answer of `recommend`, `discover` or `context_search` is taken as well: then each leg's score
    of a hit is computed from its similarities to the examples, but for the strategy
    `average_vector`, whose similarity is taken as given.

    What an answer does not hold is taken as given: the similarities, the ranks among a leg's
    candidates that are no hits, the bounds, which may be those of such candidates, and which items
    come before the first hit. Of these it is checked that they do not contradict each other:
    ranks follow the similarities, similarities lie within the bounds and on their side of the
    threshold, and the hits' ranks count on from the first.

    Returns:
        the hits as the formulas give them, in their order.

    Raises:
        ScoreMismatch: the answer says something else, with every `Difference`.

    >>> from triptych import recompute, weighted_sum
    >>> answer = client.search("pictures", text="a cat", fusion=weighted_sum())
    >>> [round(hit.score, 3) for hit in recompute(answer)]
    [0.25]
    """
    comparison = _Comparison(response)
    comparison.shape()
    comparison.raise_if_any()
    hits = [_hit(response, place, hit, comparison) for place, hit in enumerate(response.hits)]
    _check_order(response, comparison)
    for leg in range(len(response.legs)):
        _check_ranks(response, leg, comparison)
    comparison.raise_if_any()
    return hits


class _Comparison:
    """What was found to differ so far."""

    def __init__(self, response: RankedResponse) -> None:
        self._response = response
        self._found: list[Difference] = []

    def raise_if_any(self) -> None:
        if self._found:
            raise ScoreMismatch(self._found)

    def differ(
        self,
        field: str,
        expected: float | str | None,
        found: float | str | None,
        hit: int | None = None,
        leg: int | None = None,
    ) -> None:
        """Notes a difference."""
        item_id = "" if hit is None else self._response.hits[hit].item.id
        name = "" if leg is None else self._response.legs[leg].vector_name
        self._found.append(Difference(hit, item_id, leg, name, field, expected, found))

    def number(
        self,
        field: str,
        expected: float | None,
        found: float | None,
        hit: int,
        leg: int | None = None,
        tolerance: float = _TOLERANCE,
    ) -> None:
        """Notes a difference beyond rounding."""
        if expected is None or found is None:
            same = expected is found
        else:
            # Written so that NaN, which is neither more nor less, is a difference.
            same = abs(expected - found) <= tolerance * max(1.0, abs(expected))
        if not same:
            self.differ(field, expected, found, hit, leg)

    def shape(self) -> None:
        """What has to fit before any figure can be looked at."""
        response = self._response
        method = response.fusion.WhichOneof("method")
        if method is None:
            self.differ("fusion", "a method that is known here", method)
        legs = len(response.legs)
        for place, hit in enumerate(response.hits):
            scores = len(hit.vector_scores)
            if scores != legs:
                self.differ("vector_scores", f"{legs} of them", f"{scores} of them", place)
        normalization = normalization_of(response.fusion)
        wanted = None if normalization is None else _BOUNDS.get(normalization)
        for place, leg in enumerate(response.legs):
            bounds = leg.WhichOneof("normalization_bounds")
            scored = any(
                score.state == VectorScore.STATE_SCORED
                for hit in response.hits
                for score in hit.vector_scores[place : place + 1]
            )
            if bounds != wanted and (scored or bounds is not None):
                self.differ("normalization_bounds", wanted, bounds, leg=place)


_BOUNDS = {
    Fusion.NORMALIZATION_MIN_MAX: "min_max",
    Fusion.NORMALIZATION_DISTRIBUTION: "distribution",
}


def _hit(
    response: RankedResponse, place: int, hit: SearchHit, comparison: _Comparison
) -> RecomputedHit:
    by_rank = normalization_of(response.fusion) is None
    levels: list[float | None] = []
    ranks: list[int | None] = []
    for index, (leg, score) in enumerate(zip(response.legs, hit.vector_scores, strict=True)):
        scored = _check_state(leg, score, place, index, comparison)
        _check_shares(leg, score, place, index, comparison)
        if score.HasField("similarity"):
            for field, expected, found in example_figures(response, score):
                comparison.number(field, expected, found, place, index)
        ranks.append(score.rank if scored and score.HasField("rank") else None)
        levels.append(normalized(leg, score.similarity) if scored and not by_rank else None)
        said = score.normalized_score if score.HasField("normalized_score") else None
        comparison.number("normalized_score", levels[-1], said, place, index)
    total, contributions = score_of(response, levels, ranks)
    for index, (contribution, score) in enumerate(
        zip(contributions, hit.vector_scores, strict=True)
    ):
        comparison.number("contribution", contribution, score.contribution, place, index)
    comparison.number("score", total, hit.score, place)
    least = response.score_threshold if response.HasField("score_threshold") else -math.inf
    if not hit.score >= least:
        comparison.differ("score", f"at least {least}", hit.score, place)
    return RecomputedHit(hit.item.id, hit.rank, total, tuple(contributions), tuple(levels))


def _check_state(
    leg: Leg, score: VectorScore, place: int, index: int, comparison: _Comparison
) -> bool:
    """Whether the leg counts for the hit: it has a similarity, and not below its threshold."""
    has = score.HasField("similarity")
    below = has and leg.HasField("score_threshold") and score.similarity < leg.score_threshold
    counts = has and not below
    if has:
        expected = VectorScore.STATE_BELOW_THRESHOLD if below else VectorScore.STATE_SCORED
        fits = score.state == expected
    else:
        expected = VectorScore.STATE_NO_SUCH_VECTOR
        fits = score.state in (expected, VectorScore.STATE_NO_SHARED_TERM)
    if not fits:
        names = VectorScore.State.DESCRIPTOR.values_by_number
        found = names[score.state].name if score.state in names else str(score.state)
        comparison.differ("state", names[expected].name, found, place, index)
    if not counts and score.HasField("rank"):
        comparison.differ("rank", None, score.rank, place, index)
    if counts and leg.HasField("min_max"):
        inside = min(max(score.similarity, leg.min_max.min), leg.min_max.max)
        comparison.number("similarity", inside, score.similarity, place, index)
    return counts


def _check_shares(
    leg: Leg, score: VectorScore, place: int, index: int, comparison: _Comparison
) -> None:
    """The shares of a composed input's parts: one for each, adding up to the similarity.

    There may be none: of an item that was written anew while it was searched.
    """
    shares = score.part_shares
    if not shares:
        return
    if len(shares) != len(leg.parts):
        expected, found = f"{len(leg.parts)} of them", f"{len(shares)} of them"
        comparison.differ("part_shares", expected, found, place, index)
        return
    similarity = score.similarity if score.HasField("similarity") else None
    # Shares that cancel each other out are larger than what they add up to, and so is its rounding.
    tolerance = _SHARES_TOLERANCE * max(1.0, math.fsum(map(abs, shares)))
    comparison.number("part_shares", similarity, math.fsum(shares), place, index, tolerance)


def _check_order(response: RankedResponse, comparison: _Comparison) -> None:
    """The hits by their own scores, which have been compared by now, and their places."""
    ordered = sorted(response.hits, key=lambda hit: (-hit.score, hit.item.point_id))
    first = max(1, response.hits[0].rank) if response.hits else 1
    for place, (hit, expected) in enumerate(zip(response.hits, ordered, strict=True)):
        if hit.item.point_id != expected.item.point_id:
            comparison.differ("item", expected.item.id, hit.item.id, place)
        comparison.number("rank", first + place, hit.rank, place)


def _check_ranks(response: RankedResponse, leg: int, comparison: _Comparison) -> None:
    """One leg's places: as the similarities fall, up to as many as it found."""
    ranked = [
        (-hit.vector_scores[leg].similarity, hit.item.point_id, place)
        for place, hit in enumerate(response.hits)
        if hit.vector_scores[leg].HasField("rank")
    ]
    before = 0
    for _, _, place in sorted(ranked):
        rank = response.hits[place].vector_scores[leg].rank
        found = response.legs[leg].candidates_found
        if not before < rank <= found:
            comparison.differ("rank", f"{before + 1} to {found}", rank, place, leg)
        before = max(before, rank)
