"""Searches that put together what can't be, or ask for places that there are not."""

from __future__ import annotations

from tests.support.bad_input.build import FP, IA, INFINITY, NAN, NF, Row, leg, search
from triptych.v1.search_service_pb2 import (
    Fusion,
    MaxScore,
    MinScore,
    QueryInput,
    ReciprocalRank,
    SearchRequest,
    StoredVector,
    VectorQuery,
    WeightedSum,
)

NONE = Fusion.NORMALIZATION_NONE
SUM, MOST, LEAST = (
    Fusion(weighted_sum=WeightedSum(normalization=NONE)),
    Fusion(max_score=MaxScore(normalization=NONE)),
    Fusion(min_score=MinScore(normalization=NONE)),
)
CAPTION, IMAGE, TERMS = (VectorQuery(vector_name=n) for n in ("caption", "image", "terms"))

NAME = "input.stored_vector.vector_name"


def stored(item_id: str, vector_name: str, asked: str = "") -> SearchRequest:
    given = QueryInput(stored_vector=StoredVector(item_id=item_id, vector_name=vector_name))
    vectors = [VectorQuery(vector_name=asked)] if asked else []
    return search(input=given, vectors=vectors)


ROWS: dict[str, Row] = {
    # Pages
    "negative offset": Row(search(offset=-1), IA, "LIMIT_INVALID", "offset"),
    "offset of all that an int32 holds": Row(
        search(offset=2**31 - 1, limit=1000), IA, "LIMIT_TOO_LARGE", "offset"
    ),
    "offset and limit one too many": Row(
        search(offset=4991, limit=10), IA, "LIMIT_TOO_LARGE", "offset"
    ),
    "offset that needs too many candidates of named legs": Row(
        search(vectors=[CAPTION] * 5, offset=4000), IA, "LIMIT_TOO_LARGE", "vectors"
    ),
    "offset that needs too many candidates of all legs": Row(
        search(input=QueryInput(item_id="good"), offset=4000), IA, "LIMIT_TOO_LARGE", "offset"
    ),
    # Thresholds of a leg
    "threshold of a leg NaN": Row(
        leg(vector_name="ocr", score_threshold=NAN),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "vectors[1].score_threshold",
    ),
    "threshold of a leg infinite": Row(
        leg(vector_name="terms", score_threshold=-INFINITY),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "vectors[1].score_threshold",
    ),
    "threshold of a cosine in per cent": Row(
        leg(vector_name="image", score_threshold=30),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "vectors[1].score_threshold",
    ),
    "threshold of a cosine below all cosines": Row(
        leg(vector_name="ocr", score_threshold=-1.5),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "vectors[1].score_threshold",
    ),
    # Thresholds of the score
    "threshold NaN": Row(
        search(score_threshold=NAN), IA, "SCORE_THRESHOLD_INVALID", "score_threshold"
    ),
    "threshold infinite": Row(
        search(score_threshold=INFINITY), IA, "SCORE_THRESHOLD_INVALID", "score_threshold"
    ),
    "threshold that four first places do not reach": Row(
        search(score_threshold=1.4), IA, "SCORE_THRESHOLD_INVALID", "score_threshold"
    ),
    "threshold that a large k puts out of reach": Row(
        search(score_threshold=0.5, fusion=Fusion(reciprocal_rank=ReciprocalRank(k=60)), limit=3),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "score_threshold",
    ),
    "threshold below all sums of ranks": Row(
        search(score_threshold=-0.1), IA, "SCORE_THRESHOLD_INVALID", "score_threshold"
    ),
    "threshold above a weighted mean": Row(
        search(score_threshold=1.01, fusion=Fusion(weighted_sum=WeightedSum())),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "score_threshold",
    ),
    "threshold above the largest weight": Row(
        search(
            vectors=[CAPTION, VectorQuery(vector_name="image", weight=2)],
            score_threshold=2.01,
            fusion=Fusion(max_score=MaxScore()),
        ),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "score_threshold",
    ),
    "threshold below all weighted cosines": Row(
        search(vectors=[CAPTION, IMAGE], score_threshold=-1.01, fusion=LEAST),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "score_threshold",
    ),
    # Methods
    "no such normalization": Row(
        search(fusion=Fusion(weighted_sum=WeightedSum(normalization=77))),  # type: ignore[arg-type]
        IA,
        "FIELD_INVALID",
        "fusion.weighted_sum.normalization",
    ),
    "no such normalization of a maximum": Row(
        search(fusion=Fusion(max_score=MaxScore(normalization=-1))),  # type: ignore[arg-type]
        IA,
        "FIELD_INVALID",
        "fusion.max_score.normalization",
    ),
    "no such normalization of a minimum": Row(
        search(fusion=Fusion(min_score=MinScore(normalization=77))),  # type: ignore[arg-type]
        IA,
        "FIELD_INVALID",
        "fusion.min_score.normalization",
    ),
    "cosine and BM25 as they are": Row(
        search(vectors=[CAPTION, TERMS], fusion=SUM),
        IA,
        "MEASURES_UNLIKE",
        "fusion.weighted_sum.normalization",
    ),
    "all legs as they are": Row(
        search(fusion=MOST), IA, "MEASURES_UNLIKE", "fusion.max_score.normalization"
    ),
    "the least of a cosine and BM25": Row(
        search(vectors=[TERMS, IMAGE], fusion=LEAST),
        IA,
        "MEASURES_UNLIKE",
        "fusion.min_score.normalization",
    ),
    # Stored vectors
    "stored vector of no item": Row(
        stored("", "caption"), IA, "ID_EMPTY", "input.stored_vector.item_id"
    ),
    "stored vector of no name": Row(
        stored("good", ""), IA, "FIELD_REQUIRED", "input.stored_vector.vector_name"
    ),
    "stored vector of an unknown item": Row(
        stored("none", "caption"), NF, "ITEM_NOT_FOUND", "input.stored_vector.item_id"
    ),
    "stored vector of an unknown name": Row(
        stored("good", "looks"), FP, "VECTOR_NAME_UNKNOWN", NAME
    ),
    "stored vector of an unknown name for a named leg": Row(
        stored("good", "looks", "caption"), FP, "VECTOR_NAME_UNKNOWN", NAME
    ),
    "stored vector of another encoder": Row(
        stored("good", "caption", "terms"), FP, "MODEL_MISMATCH", NAME
    ),
    "stored vector against what the caller supplies": Row(
        stored("good", "caption", "audio"), FP, "MODEL_MISMATCH", NAME
    ),
}
