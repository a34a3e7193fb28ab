"""What a search should answer, by brute force in numpy. Imports nothing of the product."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OracleLeg:
    """One leg: a weight, how many candidates it brings, and every item's similarity (or none)."""

    weight: float
    candidate_count: int
    similarities: Mapping[str, float]


@dataclass(frozen=True)
class OracleHit:
    """One hit with what each leg says: (similarity or None, rank or None, contribution)."""

    id: str
    score: float
    parts: tuple[tuple[float | None, int | None, float], ...]


def cosine(query: Sequence[float], stored: Sequence[float]) -> float:
    """The cosine of the angle between two vectors."""
    a, b = np.asarray(query, dtype=np.float64), np.asarray(stored, dtype=np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def max_sim(
    queries: Sequence[Sequence[float]],
    stored: Sequence[Sequence[float]],
    measure: Callable[[Sequence[float], Sequence[float]], float] = cosine,
) -> float:
    """For each query vector its best match among the stored ones, summed."""
    return sum(max(measure(q, s) for s in stored) for q in queries)


def sparse_dot(query: Mapping[int, float], stored: Mapping[int, float]) -> float | None:
    """The dot product over shared places; None where there is none."""
    shared = query.keys() & stored.keys()
    return math.fsum(query[place] * stored[place] for place in shared) if shared else None


def reciprocal_rank(legs: Sequence[OracleLeg], k: float, limit: int) -> list[OracleHit]:
    """The formula of the contract, written out again: sum of weight / (k + rank)."""
    candidates = []
    for leg in legs:
        ordered = sorted(leg.similarities.items(), key=lambda pair: (-pair[1], pair[0]))
        candidates.append([item for item, _ in ordered[: leg.candidate_count]])
    union = {item for found in candidates for item in found}
    hits = []
    for item in union:
        parts = []
        for leg, found in zip(legs, candidates, strict=True):
            rank = found.index(item) + 1 if item in found else None
            contribution = leg.weight / (k + rank) if rank is not None else 0.0
            parts.append((leg.similarities.get(item), rank, contribution))
        hits.append(OracleHit(item, math.fsum(p[2] for p in parts), tuple(parts)))
    return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]
