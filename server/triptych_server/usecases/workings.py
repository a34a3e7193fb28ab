"""What an answer shows of how it came about: the legs, and what each says of a hit."""

from __future__ import annotations

from collections.abc import Sequence

from triptych_server.domain.fusion import LegPart
from triptych_server.domain.items import Item
from triptych_server.domain.normalization import Bounds
from triptych_server.domain.queries import (
    Leg,
    LegExample,
    ScoreState,
    VectorScore,
    kind_of,
)
from triptych_server.domain.questions import Nearest
from triptych_server.usecases.asked_legs import AskedLeg, ExactLeg
from triptych_server.usecases.part_shares import part_shares
from triptych_server.usecases.query_vectors import EncodedLeg, all_from_cache


def shown_leg(leg: AskedLeg, found: int, bounds: Bounds | None) -> Leg:
    """What one leg did: ``found`` candidates, normalised with ``bounds``."""
    plan = leg.plan
    only = leg.question.to if isinstance(leg.question, Nearest) else None
    return Leg(
        vector_name=plan.space.name,
        input_kind=None if only is None else kind_of(plan.input),
        weight=plan.weight,
        candidate_count=plan.candidate_count,
        candidates_found=found,
        stamp=plan.space.stamp,
        tokens=None if only is None else only.tokens,
        score_threshold=plan.score_threshold,
        bounds=bounds,
        parts=() if only is None else only.parts,
        examples=() if only is not None else tuple(map(_example, leg.examples)),
        from_cache=bool(all_from_cache(one.from_cache for one in leg.examples)),
    )


def vector_scores(
    parts: Sequence[LegPart], item: Item, legs: Sequence[AskedLeg], exact: Sequence[ExactLeg]
) -> tuple[VectorScore, ...]:
    """What each leg says of one hit."""
    scores = []
    for part, leg, known in zip(parts, legs, exact, strict=True):
        if part.below_threshold:
            state = ScoreState.BELOW_THRESHOLD
        elif part.similarity is not None:
            state = ScoreState.SCORED
        elif leg.plan.space.name in item.record.stamps:
            # The point has the vector and yet no similarity: only a sparse leg can say so.
            state = ScoreState.NO_SHARED_TERM
        else:
            state = ScoreState.NO_SUCH_VECTOR
        scores.append(
            VectorScore(
                state,
                part.similarity,
                part.rank,
                part.normalized,
                part.contribution,
                known.examples(item.point_id),
                _shares(leg, item, part.similarity),
            )
        )
    return tuple(scores)


def _shares(leg: AskedLeg, item: Item, similarity: float | None) -> tuple[float, ...]:
    if not isinstance(leg.question, Nearest):
        return ()
    return part_shares(leg.question.to, item, similarity)


def _example(example: EncodedLeg) -> LegExample:
    plan = example.plan
    return LegExample(plan.input_path, kind_of(plan.input), example.tokens)
