"""What a leg can ask of its space, over inputs, vectors or similarities alike.

A question keeps its shape from the request to the answer: first its members are what the caller
gave, then vectors, and for each item the similarities to these, of which ``domain.exploration``
makes a score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class Strategy(Enum):
    """How a recommendation scores an item by its examples."""

    AVERAGE_VECTOR = "average_vector"
    BEST_SCORE = "best_score"
    SUM_SCORES = "sum_scores"


@dataclass(frozen=True, slots=True, eq=False)
class Nearest(Generic[T_co]):
    """What is like one example."""

    to: T_co


@dataclass(frozen=True, slots=True, eq=False)
class Recommend(Generic[T_co]):
    """What is like the positive examples and unlike the negative ones."""

    strategy: Strategy
    positives: tuple[T_co, ...]
    negatives: tuple[T_co, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pair(Generic[T_co]):
    """Two examples that part the space: what is nearer to the one, and to the other."""

    positive: T_co
    negative: T_co


@dataclass(frozen=True, slots=True, eq=False)
class Discover(Generic[T_co]):
    """What is like the target, first of all on the positive sides of the pairs."""

    target: T_co
    pairs: tuple[Pair[T_co], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Context(Generic[T_co]):
    """What is on the positive sides of the pairs."""

    pairs: tuple[Pair[T_co], ...]


ByExamples: TypeAlias = Recommend[T] | Discover[T] | Context[T]
Question: TypeAlias = Nearest[T] | Recommend[T] | Discover[T] | Context[T]


def members(question: Question[T]) -> tuple[T, ...]:
    """All members: positives before negatives, the target before the pairs, pair by pair."""
    match question:
        case Nearest(to):
            return (to,)
        case Recommend(_, positives, negatives):
            return (*positives, *negatives)
        case Discover(target, pairs):
            return (target, *_flat(pairs))
        case Context(pairs):
            return _flat(pairs)


def mapped(question: Question[T], change: Callable[[T], U]) -> Question[U]:
    """The same question with every member changed, in the order of ``members``."""
    if isinstance(question, Nearest):
        return Nearest(change(question.to))
    return mapped_examples(question, change)


def mapped_examples(question: ByExamples[T], change: Callable[[T], U]) -> ByExamples[U]:
    """As ``mapped``."""
    match question:
        case Recommend(strategy, positives, negatives):
            return Recommend(strategy, tuple(map(change, positives)), tuple(map(change, negatives)))
        case Discover(target, pairs):
            changed = change(target)
            return Discover(changed, _mapped_pairs(pairs, change))
        case Context(pairs):
            return Context(_mapped_pairs(pairs, change))


def filled(question: Question[T], values: Iterable[U]) -> Question[U]:
    """The same question with ``values`` in the places of its members."""
    rest = iter(values)
    return mapped(question, lambda _: next(rest))


def _flat(pairs: tuple[Pair[T], ...]) -> tuple[T, ...]:
    return tuple(member for pair in pairs for member in (pair.positive, pair.negative))


def _mapped_pairs(pairs: tuple[Pair[T], ...], change: Callable[[T], U]) -> tuple[Pair[U], ...]:
    return tuple(Pair(change(pair.positive), change(pair.negative)) for pair in pairs)
