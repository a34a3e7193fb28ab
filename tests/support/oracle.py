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
    threshold: float = -math.inf


@dataclass(frozen=True)
class OraclePart:
    """What one leg says of one hit; None for what it has not to say."""

    similarity: float | None
    counts: bool
    rank: int | None
    normalized: float | None
    contribution: float


@dataclass(frozen=True)
class OracleHit:
    """One hit with what each leg says."""

    id: str
    rank: int
    score: float
    parts: tuple[OraclePart, ...]


@dataclass(frozen=True)
class OracleRanking:
    """The hits of a page, and for each leg how many candidates it had and its (low, high).

    That is (min, max) for min-max, (mean, standard deviation) for distribution, else None.
    """

    hits: tuple[OracleHit, ...]
    found: tuple[int, ...]
    bounds: tuple[tuple[float, float] | None, ...]


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


def fuse(
    legs: Sequence[OracleLeg],
    method: str = "reciprocal_rank",
    *,
    normalization: str = "min_max",
    k: float = 2.0,
    threshold: float = -math.inf,
    offset: int = 0,
    limit: int = 1000,
) -> OracleRanking:
    """The formulas of the contract, written out again over a table of items and legs."""
    candidates = [_candidates(leg) for leg in legs]
    brought = [c for leg, c in zip(legs, candidates, strict=True) if leg.weight > 0]
    ids = sorted({item for found in brought for item in found})
    table = np.full((len(ids), len(legs)), np.nan)
    ranks = np.full((len(ids), len(legs)), np.nan)
    for column, (leg, found) in enumerate(zip(legs, candidates, strict=True)):
        for row, item in enumerate(ids):
            table[row, column] = leg.similarities.get(item, np.nan)
            ranks[row, column] = found.index(item) + 1 if item in found else np.nan
    thresholds = np.array([leg.threshold for leg in legs])
    weights = np.array([leg.weight for leg in legs])
    scored = np.where(table >= thresholds, table, np.nan)

    bounds: tuple[tuple[float, float] | None, ...] = (None,) * len(legs)
    levels = np.full_like(table, np.nan)
    if method == "reciprocal_rank":
        contributions = np.nan_to_num(weights / (k + ranks))
        scores = contributions.sum(axis=1)
    else:
        bounds = tuple(_bounds(scored[:, v], normalization) for v in range(len(legs)))
        levels = np.column_stack(
            [_levels(scored[:, v], normalization, bounds[v]) for v in range(len(legs))]
        )
        products = np.where(weights > 0, weights * levels, np.nan)
        if method == "weighted_sum":
            contributions = np.nan_to_num(products) / weights.sum()
            scores = contributions.sum(axis=1)
        else:
            pick = np.nanargmax if method == "max_score" else np.nanargmin
            winners = pick(products, axis=1) if ids else np.zeros(0, dtype=int)
            contributions = np.zeros_like(products)
            rows = np.arange(len(ids))
            contributions[rows, winners] = products[rows, winners]
            scores = contributions.sum(axis=1)

    order = [row for row in np.argsort(-scores, kind="stable") if scores[row] >= threshold]
    hits = []
    for rank, row in enumerate(order, start=1):
        parts = tuple(
            OraclePart(
                _or_none(table[row, v]),
                not np.isnan(scored[row, v]),
                None if np.isnan(ranks[row, v]) else int(ranks[row, v]),
                _or_none(levels[row, v]),
                float(contributions[row, v]),
            )
            for v in range(len(legs))
        )
        hits.append(OracleHit(ids[row], rank, float(scores[row]), parts))
    counts = tuple(len(own) for own in candidates)
    return OracleRanking(tuple(hits[offset : offset + limit]), counts, bounds)


def _candidates(leg: OracleLeg) -> list[str]:
    ordered = sorted(leg.similarities.items(), key=lambda pair: (-pair[1], pair[0]))
    return [item for item, s in ordered[: leg.candidate_count] if s >= leg.threshold]


def _bounds(scored: Floats, normalization: str) -> tuple[float, float] | None:
    known = scored[~np.isnan(scored)]
    if not known.size or normalization == "none":
        return None
    if normalization == "min_max":
        return float(known.min()), float(known.max())
    if known.min() == known.max():
        return float(known[0]), 0.0
    return float(known.mean()), float(known.std(ddof=0))


def _levels(scored: Floats, normalization: str, bounds: tuple[float, float] | None) -> Floats:
    if bounds is None:
        return scored
    low, high = bounds
    tied = high == low if normalization == "min_max" else high == 0
    if tied:
        return np.where(np.isnan(scored), np.nan, 0.5)
    if normalization == "min_max":
        return (scored - low) / (high - low)
    return np.clip((scored - low + 3 * high) / (6 * high), 0, 1)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
