"""The formulas of `Fusion` in the contract, over the figures of an answer."""

from collections.abc import Iterable, Sequence

from triptych._example_formulas import RankedResponse
from triptych.v1.search_service_pb2 import Fusion, Leg


def normalization_of(fusion: Fusion) -> Fusion.Normalization.ValueType | None:
    """How similarities were made comparable; None for reciprocal rank."""
    match fusion.WhichOneof("method"):
        case "weighted_sum":
            return fusion.weighted_sum.normalization
        case "max_score":
            return fusion.max_score.normalization
        case "min_score":
            return fusion.min_score.normalization
        case _:
            return None


def normalized(leg: Leg, similarity: float) -> float:
    """A similarity by the bounds of its leg; as it is where the leg has none."""
    if leg.HasField("min_max"):
        low, high = leg.min_max.min, leg.min_max.max
        return 0.5 if high == low else (similarity - low) / (high - low)
    if leg.HasField("distribution"):
        mean, sigma = leg.distribution.mean, leg.distribution.sigma
        if sigma == 0:
            return 0.5
        return min(1.0, max(0.0, (similarity - mean + 3 * sigma) / (6 * sigma)))
    return similarity


def score_of(
    response: RankedResponse, levels: Sequence[float | None], ranks: Sequence[int | None]
) -> tuple[float, list[float]]:
    """The score of a hit, and what each leg contributes to it.

    `levels` are its normalised scores and `ranks` its places; None where a leg does not count.
    """
    weights = [leg.weight for leg in response.legs]
    method = response.fusion.WhichOneof("method")
    if method == "reciprocal_rank":
        k = response.fusion.reciprocal_rank.k
        contributions = [
            0.0 if rank is None else _quotient(weight, k + rank)
            for weight, rank in zip(weights, ranks, strict=True)
        ]
        return _added(contributions), contributions
    products = [
        weight * level if weight and level is not None else None
        for weight, level in zip(weights, levels, strict=True)
    ]
    if method == "weighted_sum":
        whole = _added(weights)
        numbers = [product or 0.0 for product in products]
        return _quotient(_added(numbers), whole), [_quotient(n, whole) for n in numbers]
    heard = [product for product in products if product is not None]
    if not heard:
        return 0.0, [0.0] * len(products)
    best = max(heard) if method == "max_score" else min(heard)
    winner = products.index(best)
    return best, [best if index == winner else 0.0 for index in range(len(products))]


def _added(values: Iterable[float]) -> float:
    """The sum, rounded after each addition as the server's; `sum` does more from Python 3.12 on."""
    total = 0.0
    for value in values:
        total += value
    return total


def _quotient(part: float, whole: float) -> float:
    """Zero where an answer has nothing to divide by, which then differs from what it says."""
    return part / whole if whole else 0.0
