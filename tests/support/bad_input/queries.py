"""Bad searches and bad inputs to encode."""

from __future__ import annotations

from tests.support.bad_input.build import (
    FP,
    IA,
    ID,
    INFINITY,
    NAN,
    NF,
    STRIP,
    TINY,
    Row,
    by_vector,
    dense,
    leg,
    search,
)
from tests.support.bad_input.items import LONG_AND_STRANGE
from tests.support.panels import draw_words
from triptych.v1.common_pb2 import Image
from triptych.v1.encode_service_pb2 import EncodeInput, EncodeRequest
from triptych.v1.search_service_pb2 import (
    Fusion,
    QueryInput,
    ReciprocalRank,
    SearchRequest,
    StoredVector,
    VectorQuery,
)
from triptych.v1.vector_pb2 import DenseVector, MultiVector, SparseVector, Vector

ROWS: dict[str, Row] = {
    # Inputs
    "no input": Row(SearchRequest(collection_id=ID), IA, "QUERY_EMPTY", "input"),
    "an input of nothing": Row(search(input=QueryInput()), IA, "QUERY_EMPTY", "input"),
    "a leg without any input": Row(
        SearchRequest(collection_id=ID, vectors=[VectorQuery(vector_name="caption")]),
        IA,
        "QUERY_EMPTY",
        "input",
    ),
    "blank text": Row(search(input=QueryInput(text=" \t\x00 ")), IA, "TEXT_BLANK", "input.text"),
    "1 MB of text": Row(
        search(input=QueryInput(text="x" * 2**20)), IA, "TEXT_TOO_LONG", "input.text"
    ),
    "picture of no bytes": Row(
        search(input=QueryInput(image=Image())), IA, "IMAGE_EMPTY", "input.image.data"
    ),
    "picture that is none": Row(
        search(input=QueryInput(image=Image(data=b"<svg></svg>"))),
        IA,
        "IMAGE_FORMAT_UNSUPPORTED",
        "input.image.data",
    ),
    "PDF": Row(
        search(input=QueryInput(image=Image(data=b"%PDF-1.7\n%"))),
        IA,
        "IMAGE_FORMAT_UNSUPPORTED",
        "input.image.data",
    ),
    "picture cut short": Row(
        search(input=QueryInput(image=Image(data=draw_words(["CUT"])[:900]))),
        IA,
        "IMAGE_TRUNCATED",
        "input.image.data",
    ),
    "picture of one pixel": Row(
        search(input=QueryInput(image=Image(data=TINY))), IA, "IMAGE_TOO_SMALL", "input.image.data"
    ),
    "strip of 5000 to 1, of the leg itself": Row(
        leg(vector_name="image", input=QueryInput(image=Image(data=STRIP))),
        IA,
        "IMAGE_ASPECT",
        "vectors[1].input.image.data",
    ),
    "unknown item as input": Row(
        search(input=QueryInput(item_id="none")), NF, "ITEM_NOT_FOUND", "input.item_id"
    ),
    "vector of the wrong dimension": Row(by_vector(dense(1, 2)), IA, "VECTOR_DIM", "input.vector"),
    "vector of the wrong kind": Row(
        by_vector(Vector(sparse=SparseVector(indices=[1], values=[1]))),
        IA,
        "VECTOR_KIND",
        "input.vector",
    ),
    "vector of nothing": Row(by_vector(dense()), IA, "VECTOR_EMPTY", "input.vector.dense"),
    "vector of no kind": Row(by_vector(Vector()), IA, "VECTOR_EMPTY", "input.vector"),
    "vector with NaN": Row(
        by_vector(dense(1, NAN, 3)), IA, "VECTOR_NOT_FINITE", "input.vector.dense.values[1]"
    ),
    "vector with infinity": Row(
        by_vector(dense(1, 2, -INFINITY)), IA, "VECTOR_NOT_FINITE", "input.vector.dense.values[2]"
    ),
    "vector too long for a float": Row(
        by_vector(dense(1, 2, 1e30)), IA, "VECTOR_NOT_FINITE", "input.vector.dense.values[2]"
    ),
    "sparse vector of zeros": Row(
        by_vector(Vector(sparse=SparseVector(indices=[1], values=[0]))),
        IA,
        "VECTOR_ZERO",
        "input.vector.sparse",
    ),
    "vector of zeros": Row(by_vector(dense(0, 0, 0)), IA, "VECTOR_ZERO", "input.vector.dense"),
    "ragged multivector": Row(
        by_vector(
            Vector(multi=MultiVector(vectors=[DenseVector(values=[1]), DenseVector(values=[1, 2])]))
        ),
        IA,
        "VECTOR_DIM",
        "input.vector.multi",
    ),
    "sparse vector with an index twice": Row(
        by_vector(Vector(sparse=SparseVector(indices=[3, 3], values=[1, 2]))),
        IA,
        "VECTOR_SPARSE_MALFORMED",
        "input.vector.sparse",
    ),
    "sparse vector of unlike lengths": Row(
        by_vector(Vector(sparse=SparseVector(indices=[3], values=[1, 2]))),
        IA,
        "VECTOR_SPARSE_MALFORMED",
        "input.vector.sparse",
    ),
    "bare vector that no space fits": Row(
        SearchRequest(collection_id=ID, input=QueryInput(vector=dense(1, 2, 3, 4))),
        FP,
        "QUERY_UNANSWERABLE",
        "input.vector",
    ),
    **{
        f"input of an item with {name}": Row(
            search(input=QueryInput(item_id=item_id)), IA, reason, "input.item_id"
        )
        for name, item_id, reason in LONG_AND_STRANGE
    },
    "input of no item in particular": Row(
        search(input=QueryInput(item_id="")), IA, "ID_EMPTY", "input.item_id"
    ),
    **{
        f"stored vector of an item with {name}": Row(
            search(
                input=QueryInput(stored_vector=StoredVector(item_id=item_id, vector_name="ocr"))
            ),
            IA,
            reason,
            "input.stored_vector.item_id",
        )
        for name, item_id, reason in LONG_AND_STRANGE
    },
    "a leg with an input of nothing": Row(
        leg(vector_name="ocr", input=QueryInput()), IA, "QUERY_EMPTY", "vectors[1].input"
    ),
    "1 MB of text, of the leg itself": Row(
        leg(vector_name="ocr", input=QueryInput(text="x" * 2**20)),
        IA,
        "TEXT_TOO_LONG",
        "vectors[1].input.text",
    ),
    # Legs
    "unknown vector with a name of 5,000 letters": Row(
        leg(vector_name="x" * 5000), FP, "VECTOR_NAME_UNKNOWN", "vectors[1].vector_name"
    ),
    "unknown vector with a newline": Row(
        leg(vector_name="a\nb"), FP, "VECTOR_NAME_UNKNOWN", "vectors[1].vector_name"
    ),
    "candidates below 0": Row(
        leg(vector_name="ocr", candidate_count=-1),
        IA,
        "LIMIT_INVALID",
        "vectors[1].candidate_count",
    ),
    "unknown vector": Row(
        leg(vector_name="looks"), FP, "VECTOR_NAME_UNKNOWN", "vectors[1].vector_name"
    ),
    "leg without a name": Row(leg(), IA, "FIELD_REQUIRED", "vectors[1].vector_name"),
    "terms asked with a picture": Row(
        leg(vector_name="terms", input=QueryInput(image=Image(data=draw_words(["A"])))),
        FP,
        "QUERY_UNANSWERABLE",
        "vectors[1].input",
    ),
    "supplied space asked with words": Row(
        leg(vector_name="audio"), FP, "QUERY_UNANSWERABLE", "input"
    ),
    "negative weight": Row(
        leg(vector_name="ocr", weight=-0.5), IA, "WEIGHT_NEGATIVE", "vectors[1].weight"
    ),
    "weight NaN": Row(
        leg(vector_name="ocr", weight=NAN), IA, "WEIGHT_NOT_FINITE", "vectors[1].weight"
    ),
    "weight infinite": Row(
        leg(vector_name="ocr", weight=INFINITY), IA, "WEIGHT_NOT_FINITE", "vectors[1].weight"
    ),
    "weight of 1e308": Row(
        leg(vector_name="ocr", weight=1e308), IA, "WEIGHT_TOO_LARGE", "vectors[1].weight"
    ),
    "all weights zero": Row(
        search(vectors=[VectorQuery(vector_name="ocr", weight=0)]),
        IA,
        "WEIGHTS_ALL_ZERO",
        "vectors",
    ),
    "no candidates": Row(
        leg(vector_name="ocr", candidate_count=0), IA, "LIMIT_INVALID", "vectors[1].candidate_count"
    ),
    "more candidates in all than are counted": Row(
        search(vectors=[VectorQuery(vector_name="ocr", candidate_count=5000)] * 5),
        IA,
        "LIMIT_TOO_LARGE",
        "vectors",
    ),
    "a million candidates": Row(
        leg(vector_name="ocr", candidate_count=10**6),
        IA,
        "LIMIT_TOO_LARGE",
        "vectors[1].candidate_count",
    ),
    "seventeen legs": Row(
        search(vectors=[VectorQuery(vector_name="ocr")] * 17), IA, "LIMIT_TOO_LARGE", "vectors"
    ),
    # Limits
    "negative limit": Row(search(limit=-1), IA, "LIMIT_INVALID", "limit"),
    "limit of 1e9": Row(search(limit=10**9), IA, "LIMIT_TOO_LARGE", "limit"),
    "k negative": Row(
        search(fusion=Fusion(reciprocal_rank=ReciprocalRank(k=-1))),
        IA,
        "LIMIT_INVALID",
        "fusion.reciprocal_rank.k",
    ),
    "k NaN": Row(
        search(fusion=Fusion(reciprocal_rank=ReciprocalRank(k=NAN))),
        IA,
        "LIMIT_INVALID",
        "fusion.reciprocal_rank.k",
    ),
    "limit of 1,001": Row(search(limit=1001), IA, "LIMIT_TOO_LARGE", "limit"),
    **{
        f"k of {k}": Row(
            search(fusion=Fusion(reciprocal_rank=ReciprocalRank(k=k))),
            IA,
            "LIMIT_INVALID",
            "fusion.reciprocal_rank.k",
        )
        for k in (10_001, INFINITY, -INFINITY)
    },
    "search of a collection without a name": Row(
        search(collection_id=""), IA, "COLLECTION_ID_INVALID", "collection_id"
    ),
    "unknown return field": Row(
        search(return_fields=["caption", "colour"]), IA, "FIELD_INVALID", "return_fields[1]"
    ),
    "unknown vector as return field": Row(
        search(return_fields=["caption", "vectors.looks"]),
        FP,
        "VECTOR_NAME_UNKNOWN",
        "return_fields",
    ),
    # Encoding
    "nothing to encode": Row(EncodeRequest(), IA, "QUERY_EMPTY", "inputs"),
    "an input of no kind": Row(
        EncodeRequest(inputs=[EncodeInput(text="a"), EncodeInput()]), IA, "QUERY_EMPTY", "inputs[1]"
    ),
    "blank text to encode": Row(
        EncodeRequest(inputs=[EncodeInput(text="\x00\t")]), IA, "TEXT_BLANK", "inputs[0].text"
    ),
    "1 MB of text to encode": Row(
        EncodeRequest(inputs=[EncodeInput(text="a"), EncodeInput(text="x" * 2**20)]),
        IA,
        "TEXT_TOO_LONG",
        "inputs[1].text",
    ),
    "65 inputs": Row(
        EncodeRequest(inputs=[EncodeInput(text="a")] * 65), IA, "LIMIT_TOO_LARGE", "inputs"
    ),
    "broken picture to encode": Row(
        EncodeRequest(inputs=[EncodeInput(image=Image(data=b"x"))]),
        IA,
        "IMAGE_FORMAT_UNSUPPORTED",
        "inputs[0].image.data",
    ),
    "unknown encoder to encode with": Row(
        EncodeRequest(encoder_id="siglip", inputs=[EncodeInput(text="a")]),
        FP,
        "ENCODER_UNKNOWN",
        "encoder_id",
    ),
}
