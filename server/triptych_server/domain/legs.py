"""What a store is asked for by similarity, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from triptych_server.domain.filters import EVERYTHING, Filter
from triptych_server.domain.questions import ByExamples
from triptych_server.domain.vectors import Vector

Ask: TypeAlias = Vector | ByExamples[Vector]
"""What a leg is asked with: a vector, whose nearest are wanted, or examples."""


@dataclass(frozen=True, slots=True, eq=False)
class LegQuery:
    """One query over one named vector: the nearest to a vector, or the best by examples.

    A dense vector may be asked of a dense space or of a multivector space (max-sim). With
    ``within``, only those points are scored, exactly, and with ``exact`` all that pass ``filter``;
    otherwise the engine may use its index. With ``at_least``, points of a lower similarity are left
    out; whether those of just that one are, too, is the engine's choice.

    Examples score every point that has the vector, by the formulas of ``domain.exploration`` in
    float32; on a sparse leg an example without a shared term has the similarity 0. The strategy
    AVERAGE_VECTOR is none of the store's: it is asked for by its vector.
    """

    vector_name: str
    ask: Ask
    limit: int
    filter: Filter = EVERYTHING
    within: tuple[str, ...] | None = None
    exact: bool = False
    at_least: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A point id and its similarity to the query (higher is nearer), or its score by examples."""

    id: str
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class ExactQuery:
    """What the candidates of a ``UnionQuery`` are scored by, on one named vector."""

    vector_name: str
    ask: Ask


@dataclass(frozen=True, slots=True, eq=False)
class UnionQuery:
    """Several legs, and exact scores of the union of all that they find, and of ``also``.

    The legs have no ``within``. ``exact`` may hold what a leg asks itself, too: for the points that
    the leg has found the same object is not asked again. Where it is not ``complete``, that is all
    there is: of the others only ``also`` are scored.
    """

    legs: tuple[LegQuery, ...]
    exact: tuple[ExactQuery, ...]
    also: tuple[str, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class UnionScores:
    """The answer to a ``UnionQuery``.

    ``candidates`` are the ids that each leg found, by (similarity descending, id); ``scores`` are
    those of each of ``exact``, by id, without the points that it can't score.
    """

    candidates: tuple[tuple[str, ...], ...]
    scores: tuple[Mapping[str, float], ...]
