"""Answers of a search, made up so that every case of a hit is among them."""

from triptych import Leg, SearchResponse, VectorScore
from triptych.v1.common_pb2 import Warning as Notice

SCORED = VectorScore.STATE_SCORED
NO_TERM = VectorScore.STATE_NO_SHARED_TERM
NO_VECTOR = VectorScore.STATE_NO_SUCH_VECTOR

CAPTION = "A cup of coffee on a wooden table next to a window with a view of the harbour"


def answer(*names: str, hits: int = 3) -> SearchResponse:
    """An answer of the legs `names`, all asked by text."""
    response = SearchResponse()
    for index, name in enumerate(names):
        response.legs.add(
            vector_name=name,
            input_kind=Leg.INPUT_KIND_TEXT,
            weight=2 if index == 0 else 1,
            candidate_count=100,
            candidates_found=87,
        )
    for place in range(1, hits + 1):
        hit = response.hits.add(rank=place, score=1 / place)
        hit.item.id = f"kitchen/mug-{place}.png"
        hit.item.caption = CAPTION
        hit.item.payload["file"] = f"mug-{place}.png"
        for index, name in enumerate(names):
            score = hit.vector_scores.add(state=SCORED)
            if name == "terms" and place == 2:
                score.state = NO_TERM
            elif index == 1 and place == 3:
                score.state = NO_VECTOR
            else:
                score.similarity = 12.345 if name == "terms" else 0.8765 - place / 100
                if (index, place) != (0, 3):
                    score.rank = place
                    score.contribution = 1 / (2 + place)
    response.fusion.reciprocal_rank.k = 2
    for stage, duration in (("parse", 120), ("encode", 3210)):
        response.timings.stages.add(stage=stage, duration_us=duration)
    response.timings.total_us = 7123
    response.warnings.add(
        code=Notice.CODE_FILTER_FIELD_UNINDEXED, message="price has no index", field="filter"
    )
    return response
