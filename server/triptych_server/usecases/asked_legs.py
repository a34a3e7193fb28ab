"""A leg with all that it is asked with: what it asks of the store, and what it makes of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from triptych_server.domain.collections import Distance, SpaceKind, VectorSpace
from triptych_server.domain.errors import InvalidInput, Reason, violation
from triptych_server.domain.exploration import average, score, span
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import Ask, ExactQuery, LegQuery
from triptych_server.domain.limits import Limits
from triptych_server.domain.questions import (
    ByExamples,
    Context,
    Discover,
    Nearest,
    Question,
    Recommend,
    Strategy,
    mapped_examples,
    members,
)
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.usecases.check_vectors import as_compared
from triptych_server.usecases.legs import LegPlan
from triptych_server.usecases.query_vectors import EncodedLeg

# Below it the sum of vectors of length 1 has no direction but that of rounding.
_NO_DIRECTION = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class ExactLeg:
    """What one leg knows of the items that it was asked about.

    ``scores`` are its similarities, or what it makes of those to its examples; these are in
    ``similarities``, None where the leg has no examples.
    """

    scores: Mapping[str, float]
    similarities: ByExamples[Mapping[str, float]] | None = None

    def examples(self, item: str) -> ByExamples[float] | None:
        """The item's similarity to each example; None where the leg has none, or no score of it.

        0 where a sparse leg finds no shared term.
        """
        if self.similarities is None or item not in self.scores:
            return None
        return _of_item(self.similarities, item)


@dataclass(frozen=True, slots=True, eq=False)
class AskedLeg:
    """One leg of a search, its inputs encoded.

    ``ask`` is what its candidates are asked for with: None where there is nothing to ask, such as
    a text of stop words on a sparse leg.
    """

    plan: LegPlan
    question: Question[EncodedLeg]
    ask: Ask | None

    @property
    def examples(self) -> tuple[EncodedLeg, ...]:
        """What it is asked with."""
        return members(self.question)

    def candidates(self, filter: Filter) -> list[LegQuery]:
        """What the store is asked for the leg's own candidates: one query at most."""
        if self.ask is None:
            return []
        return [LegQuery(self.plan.space.name, self.ask, self.plan.candidate_count, filter)]

    def completion(self) -> list[ExactQuery]:
        """What the store is asked for the exact scores of all candidates; see ``exact``."""
        name = self.plan.space.name
        return [ExactQuery(name, ask) for ask in (*self._own(), *self._distinct().values())]

    def exact(self, found: Sequence[Mapping[str, float]]) -> ExactLeg:
        """What the leg knows, by the scores that answer ``completion``."""
        if self.ask is None:
            return ExactLeg({})
        if isinstance(self.question, Nearest):
            return ExactLeg(found[0])
        own = len(self._own())
        by_vector = dict(zip(self._distinct(), found[own:], strict=True))
        similarities = mapped_examples(
            self.question, lambda example: by_vector.get(id(example.vector), {})
        )
        if self.plan.space.kind is SpaceKind.SPARSE:
            # Without a shared term a similarity is 0, so only the leg's own answer knows who has
            # the vector.
            items = list(found[0])
        else:
            items = [item for item in found[0] if all(item in known for known in found)]
        if _is_average(self.question):
            return ExactLeg({item: found[0][item] for item in items}, similarities)
        scores = {item: score(_of_item(similarities, item)) for item in items}
        return ExactLeg(scores, similarities)

    @property
    def span(self) -> tuple[float, float] | None:
        """The least and the largest score; None where there are none."""
        by_cosine = self.plan.space.distance is Distance.COSINE
        if isinstance(self.question, Nearest) or _is_average(self.question):
            return (-float(self._added_up), float(self._added_up)) if by_cosine else None
        if _is_sum(self.question) and not by_cosine:
            return None
        return span(mapped_examples(self.question, lambda example: float(example.added_up)))

    @property
    def measure(self) -> str:
        """What its scores are; scores of one measure can be compared as they are."""
        match self.question:
            case Discover():
                return "discovery"
            case Context():
                return "context"
            case Recommend(Strategy.BEST_SCORE, _, _):
                return "best score"
        space = self.plan.space
        summed = _is_sum(self.question)
        if space.has_idf:
            return "sums of BM25" if summed else "BM25"
        if space.distance is Distance.DOT:
            return "sums of dot products" if summed else "dot product"
        if isinstance(self.question, Recommend) and summed:
            positives = sum(example.added_up for example in self.question.positives)
            negatives = sum(example.added_up for example in self.question.negatives)
            return f"the sum of {positives} cosines less that of {negatives}"
        return "cosine" if self._added_up == 1 else f"the sum of {self._added_up} cosines"

    @property
    def _added_up(self) -> int:
        """How many similarities add up to one, where the leg is asked with a vector."""
        assert not isinstance(self.ask, Recommend | Discover | Context)
        return 1 if self.ask is None else EncodedLeg(self.plan, self.ask).added_up

    def _own(self) -> list[Ask]:
        """The leg's own ask, where its answer is needed beside those of the examples."""
        if self.ask is None:
            return []
        by_examples = isinstance(self.ask, Recommend | Discover | Context)
        return [] if by_examples and self.plan.space.kind is not SpaceKind.SPARSE else [self.ask]

    def _distinct(self) -> dict[int, Vector]:
        """The vectors of the examples that can be asked with, by their identity: equal inputs
        share one."""
        if self.ask is None or isinstance(self.question, Nearest):
            return {}
        return {id(e.vector): e.vector for e in self.examples if e.is_askable}


def asked_leg(question: Question[EncodedLeg], limits: Limits) -> AskedLeg:
    """The leg of an encoded question.

    Raises InvalidInput (VECTOR_ZERO, LIMIT_TOO_LARGE) where an average is none to ask with.
    """
    examples = members(question)
    plan = examples[0].plan
    if not any(example.is_askable for example in examples):
        return AskedLeg(plan, question, None)
    if isinstance(question, Nearest):
        return AskedLeg(plan, question, question.to.vector)
    vectors = mapped_examples(question, lambda example: example.vector)
    if isinstance(vectors, Recommend) and _is_average(question):
        return AskedLeg(plan, question, _averaged(plan.space, vectors, limits))
    return AskedLeg(plan, question, vectors)


def _of_item(similarities: ByExamples[Mapping[str, float]], item: str) -> ByExamples[float]:
    return mapped_examples(similarities, lambda known: known.get(item, 0.0))


def _averaged(space: VectorSpace, vectors: Recommend[Vector], limits: Limits) -> Vector:
    positives, negatives = (
        [_as_rows(space, vector) for vector in given]
        for given in (vectors.positives, vectors.negatives)
    )
    made = average(positives, negatives)
    if isinstance(made, SparseVector):
        return made
    if made.ndim == 2:
        if len(made) > limits.max_vectors_per_multivector:
            raise InvalidInput(
                [
                    violation(
                        "positives",
                        Reason.LIMIT_TOO_LARGE,
                        f"the average of the examples on {space.name!r} has too many vectors",
                        got=len(made),
                        allowed=limits.max_vectors_per_multivector,
                    )
                ]
            )
    elif np.linalg.norm(made) <= _NO_DIRECTION * max(map(_length, positives)):
        raise InvalidInput(
            [
                violation(
                    "positives",
                    Reason.VECTOR_ZERO,
                    f"the average of the examples on {space.name!r} is all zeros, and has no "
                    "direction",
                )
            ]
        )
    return as_compared(space, made)


def _length(vector: Vector) -> float:
    assert not isinstance(vector, SparseVector)
    return float(np.linalg.norm(vector))


def _as_rows(space: VectorSpace, vector: Vector) -> Vector:
    """A vector of a multivector space, as which one alone is a row."""
    if space.kind is not SpaceKind.MULTI or isinstance(vector, SparseVector):
        return vector
    return np.atleast_2d(vector)


def _is_average(question: Question[EncodedLeg]) -> bool:
    return isinstance(question, Recommend) and question.strategy is Strategy.AVERAGE_VECTOR


def _is_sum(question: Question[EncodedLeg]) -> bool:
    return isinstance(question, Recommend) and question.strategy is Strategy.SUM_SCORES
