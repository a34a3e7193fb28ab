"""Bad recommendations, discoveries, searches by context, and batches."""

from __future__ import annotations

from typing import Any

from tests.support.bad_input.build import FP, IA, ID, INFINITY, NAN, NF, Row, dense, search
from tests.support.panels import draw_words
from triptych.v1.common_pb2 import Image
from triptych.v1.search_service_pb2 import (
    BatchSearchRequest,
    ContextPair,
    ContextSearchRequest,
    DiscoverRequest,
    Fusion,
    QueryInput,
    RecommendRequest,
    StoredVector,
    VectorWeight,
    WeightedSum,
)

CUP, BOAT = QueryInput(text="a cup"), QueryInput(text="a boat")
NONE = Fusion(weighted_sum=WeightedSum(normalization=Fusion.NORMALIZATION_NONE))
BEST, SUM = RecommendRequest.STRATEGY_BEST_SCORE, RecommendRequest.STRATEGY_SUM_SCORES


def recommend(**given: Any) -> RecommendRequest:
    return RecommendRequest(**{"collection_id": ID, "positives": [CUP], **given})


def discover(**given: Any) -> DiscoverRequest:
    pairs = [ContextPair(positive=CUP, negative=BOAT)]
    return DiscoverRequest(**{"collection_id": ID, "target": CUP, "pairs": pairs, **given})


def context(**given: Any) -> ContextSearchRequest:
    pairs = [ContextPair(positive=CUP, negative=BOAT)]
    return ContextSearchRequest(**{"collection_id": ID, "pairs": pairs, **given})


def legs(*given: VectorWeight) -> RecommendRequest:
    return recommend(vectors=given)


def ocr(**given: Any) -> RecommendRequest:
    return legs(VectorWeight(vector_name="caption"), VectorWeight(vector_name="ocr", **given))


def pairs(count: int) -> list[ContextPair]:
    return [ContextPair(positive=CUP, negative=BOAT)] * count


def audio(*values: float) -> QueryInput:
    return QueryInput(vector=dense(*values))


AUDIO = [VectorWeight(vector_name="audio")]

ROWS: dict[str, Row] = {
    # Examples
    "recommend: no examples": Row(recommend(positives=[]), IA, "POSITIVES_MISSING", "positives"),
    "recommend: an average of negatives": Row(
        recommend(positives=[], negatives=[CUP]), IA, "POSITIVES_MISSING", "positives"
    ),
    "recommend: best score of nothing": Row(
        recommend(positives=[], strategy=BEST), IA, "POSITIVES_MISSING", "positives"
    ),
    "recommend: 65 examples": Row(
        recommend(positives=[CUP] * 40, negatives=[BOAT] * 25), IA, "TOO_MANY_EXAMPLES", "positives"
    ),
    "recommend: 65 negatives": Row(
        recommend(positives=[], negatives=[BOAT] * 65, strategy=SUM),
        IA,
        "TOO_MANY_EXAMPLES",
        "negatives",
    ),
    "recommend: an example of nothing": Row(
        recommend(positives=[CUP, QueryInput()]), IA, "QUERY_EMPTY", "positives[1]"
    ),
    "recommend: a blank example": Row(
        recommend(negatives=[QueryInput(text=" ")]), IA, "TEXT_BLANK", "negatives[0].text"
    ),
    "recommend: a broken picture": Row(
        recommend(positives=[CUP, QueryInput(image=Image(data=b"x"))]),
        IA,
        "IMAGE_FORMAT_UNSUPPORTED",
        "positives[1].image.data",
    ),
    "recommend: an unknown item": Row(
        recommend(negatives=[QueryInput(item_id="none")]),
        NF,
        "ITEM_NOT_FOUND",
        "negatives[0].item_id",
    ),
    "recommend: a stored vector of no name": Row(
        recommend(positives=[QueryInput(stored_vector=StoredVector(item_id="good"))]),
        IA,
        "FIELD_REQUIRED",
        "positives[0].stored_vector.vector_name",
    ),
    "recommend: a vector with NaN": Row(
        recommend(positives=[audio(1, NAN, 3)], vectors=AUDIO),
        IA,
        "VECTOR_NOT_FINITE",
        "positives[0].vector.dense.values[1]",
    ),
    "recommend: a vector of the wrong dimension": Row(
        recommend(positives=[audio(1, 2, 3), audio(1, 2)], vectors=AUDIO),
        IA,
        "VECTOR_DIM",
        "positives[1].vector",
    ),
    "recommend: vectors that cancel out": Row(
        recommend(positives=[audio(1, 2, 3), audio(-1, -2, -3)], vectors=AUDIO),
        IA,
        "VECTOR_ZERO",
        "positives",
    ),
    "recommend: an unknown strategy": Row(recommend(strategy=9), IA, "FIELD_INVALID", "strategy"),
    "recommend: what no space can answer": Row(
        recommend(positives=[CUP, audio(1, 2, 3)]), FP, "QUERY_UNANSWERABLE", "positives[1]"
    ),
    "recommend: words with a picture on a sparse leg": Row(
        recommend(
            positives=[CUP, QueryInput(image=Image(data=draw_words(["A"])))],
            vectors=[VectorWeight(vector_name="terms")],
        ),
        FP,
        "QUERY_UNANSWERABLE",
        "positives[1]",
    ),
    "recommend: an item that has no such vector": Row(
        recommend(positives=[QueryInput(item_id="good")], vectors=AUDIO),
        FP,
        "QUERY_UNANSWERABLE",
        "positives[0]",
    ),
    # Legs
    "recommend: an unknown collection": Row(
        recommend(collection_id="never-made"), NF, "COLLECTION_NOT_FOUND", "collection_id"
    ),
    "recommend: an unknown vector": Row(
        legs(VectorWeight(vector_name="looks")), FP, "VECTOR_NAME_UNKNOWN", "vectors[0].vector_name"
    ),
    "recommend: a leg without a name": Row(
        legs(VectorWeight()), IA, "FIELD_REQUIRED", "vectors[0].vector_name"
    ),
    "recommend: a leg twice": Row(
        legs(*[VectorWeight(vector_name="ocr")] * 2),
        IA,
        "VECTOR_NAME_DUPLICATE",
        "vectors[1].vector_name",
    ),
    "recommend: a negative weight": Row(
        ocr(weight=-0.5), IA, "WEIGHT_NEGATIVE", "vectors[1].weight"
    ),
    "recommend: weight NaN": Row(ocr(weight=NAN), IA, "WEIGHT_NOT_FINITE", "vectors[1].weight"),
    "recommend: weight of 1e308": Row(
        ocr(weight=1e308), IA, "WEIGHT_TOO_LARGE", "vectors[1].weight"
    ),
    "recommend: all weights zero": Row(
        legs(VectorWeight(vector_name="ocr", weight=0)), IA, "WEIGHTS_ALL_ZERO", "vectors"
    ),
    "recommend: no candidates": Row(
        ocr(candidate_count=0), IA, "LIMIT_INVALID", "vectors[1].candidate_count"
    ),
    "recommend: seventeen legs": Row(
        legs(*[VectorWeight(vector_name=f"v{n}") for n in range(17)]),
        IA,
        "LIMIT_TOO_LARGE",
        "vectors",
    ),
    "recommend: too many candidates in all": Row(
        legs(*[VectorWeight(vector_name=f"v{n}", candidate_count=5000) for n in range(5)]),
        IA,
        "LIMIT_TOO_LARGE",
        "vectors",
    ),
    "recommend: more similarities than are computed": Row(
        recommend(
            positives=[CUP] * 64,
            vectors=[
                VectorWeight(vector_name=name, candidate_count=5000)
                for name in ("image", "caption", "ocr", "terms")
            ],
        ),
        IA,
        "LIMIT_TOO_LARGE",
        "vectors",
    ),
    # Thresholds
    "recommend: a threshold that no best score reaches": Row(
        recommend(
            strategy=BEST, vectors=[VectorWeight(vector_name="caption", score_threshold=1.5)]
        ),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "vectors[0].score_threshold",
    ),
    "recommend: a threshold infinite": Row(
        ocr(score_threshold=INFINITY), IA, "SCORE_THRESHOLD_INVALID", "vectors[1].score_threshold"
    ),
    "recommend: a threshold beyond three cosines": Row(
        recommend(
            strategy=SUM,
            positives=[CUP] * 2,
            negatives=[BOAT],
            vectors=[VectorWeight(vector_name="image", score_threshold=-3.5)],
        ),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "vectors[0].score_threshold",
    ),
    "recommend: cosines and BM25 in one sum": Row(
        recommend(
            strategy=SUM,
            fusion=NONE,
            vectors=[VectorWeight(vector_name="image"), VectorWeight(vector_name="terms")],
        ),
        IA,
        "MEASURES_UNLIKE",
        "fusion.weighted_sum.normalization",
    ),
    "recommend: a score that no fusion gives": Row(
        recommend(score_threshold=30), IA, "SCORE_THRESHOLD_INVALID", "score_threshold"
    ),
    # Pages and fields
    "recommend: negative limit": Row(recommend(limit=-1), IA, "LIMIT_INVALID", "limit"),
    "recommend: negative offset": Row(recommend(offset=-1), IA, "LIMIT_INVALID", "offset"),
    "recommend: offset and limit one too many": Row(
        recommend(offset=4991, limit=10), IA, "LIMIT_TOO_LARGE", "offset"
    ),
    "recommend: unknown return field": Row(
        recommend(return_fields=["colour"]), IA, "FIELD_INVALID", "return_fields[0]"
    ),
    # Pairs
    "discover: no target": Row(
        DiscoverRequest(collection_id=ID, pairs=pairs(1)), IA, "QUERY_EMPTY", "target"
    ),
    "discover: a pair of one text": Row(
        discover(pairs=[*pairs(1), ContextPair(positive=CUP, negative=CUP)]),
        IA,
        "PAIR_IDENTICAL",
        "pairs[1]",
    ),
    "discover: a pair of one text written in two ways": Row(
        discover(
            pairs=[
                ContextPair(
                    positive=QueryInput(text="caf\u00e9"), negative=QueryInput(text="cafe\u0301")
                )
            ]
        ),
        IA,
        "PAIR_IDENTICAL",
        "pairs[0]",
    ),
    "discover: a pair of one vector": Row(
        discover(
            target=audio(1, 2, 3),
            pairs=[ContextPair(positive=audio(1, 2, 2), negative=audio(1, 2, 2))],
            vectors=AUDIO,
        ),
        IA,
        "PAIR_IDENTICAL",
        "pairs[0]",
    ),
    "discover: half a pair": Row(
        discover(pairs=[ContextPair(positive=CUP)]), IA, "QUERY_EMPTY", "pairs[0].negative"
    ),
    "discover: 65 pairs": Row(discover(pairs=pairs(65)), IA, "TOO_MANY_EXAMPLES", "pairs"),
    "discover: a threshold above the pairs": Row(
        discover(vectors=[VectorWeight(vector_name="image", score_threshold=2.5)]),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "vectors[0].score_threshold",
    ),
    "context: no pairs": Row(context(pairs=[]), IA, "POSITIVES_MISSING", "pairs"),
    "context: 65 pairs": Row(context(pairs=pairs(65)), IA, "TOO_MANY_EXAMPLES", "pairs"),
    "context: a pair of one item": Row(
        context(
            pairs=[
                ContextPair(
                    positive=QueryInput(item_id="good"), negative=QueryInput(item_id="good")
                )
            ]
        ),
        IA,
        "PAIR_IDENTICAL",
        "pairs[0]",
    ),
    "context: a threshold above 0": Row(
        context(vectors=[VectorWeight(vector_name="image", score_threshold=0.1)]),
        IA,
        "SCORE_THRESHOLD_INVALID",
        "vectors[0].score_threshold",
    ),
    "context: the id of no collection": Row(
        context(collection_id="NO"), IA, "COLLECTION_ID_INVALID", "collection_id"
    ),
    # Batches
    "batch: no search": Row(BatchSearchRequest(), IA, "QUERY_EMPTY", "searches"),
    "batch: 65 searches": Row(
        BatchSearchRequest(searches=[search()] * 65), IA, "LIMIT_TOO_LARGE", "searches"
    ),
    "batch: more similarities than are computed": Row(
        BatchSearchRequest(searches=[search(limit=1000, offset=4000)] * 64),
        IA,
        "LIMIT_TOO_LARGE",
        "searches",
    ),
}

# What all three have in common, and Search has too.
ROWS |= {
    f"{name}: {what}": row
    for name, request in (("recommend", recommend), ("discover", discover), ("context", context))
    for what, row in {
        "no collection": Row(
            request(collection_id=""), IA, "COLLECTION_ID_INVALID", "collection_id"
        ),
        "too many hits": Row(request(limit=1001), IA, "LIMIT_TOO_LARGE", "limit"),
        "hits from before the first": Row(request(offset=-1), IA, "LIMIT_INVALID", "offset"),
        "no threshold": Row(
            request(score_threshold=NAN), IA, "SCORE_THRESHOLD_INVALID", "score_threshold"
        ),
        "no field of an item": Row(
            request(return_fields=["colour"]), IA, "FIELD_INVALID", "return_fields[0]"
        ),
    }.items()
}
