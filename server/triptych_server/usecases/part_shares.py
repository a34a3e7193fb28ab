"""What each part of a composed input has put into a hit's similarity."""

from __future__ import annotations

from triptych_server.domain.items import Item
from triptych_server.domain.vectors import SparseVector
from triptych_server.usecases.query_vectors import EncodedLeg

# Of the engine's single precision, with room; a vector written since differs by far more.
_ROUNDING = 1e-4


def part_shares(leg: EncodedLeg, item: Item, similarity: float | None) -> tuple[float, ...]:
    """One share for each part of the leg's input, adding up to ``similarity``.

    ``item`` has been read with its vectors. Empty where the input is not composed, where there is
    no similarity, and where the item has been written anew since it was compared.
    """
    vector = item.vectors.get(leg.plan.space.name)
    if leg.composition is None or similarity is None:
        return ()
    if vector is None or isinstance(vector, SparseVector):
        return ()
    shares = leg.composition.shares(vector)
    scale = max(1.0, sum(map(abs, shares)))
    return shares if abs(sum(shares) - similarity) <= _ROUNDING * scale else ()
