"""Composed inputs that can't be put together, or whose parts are wrong."""

from __future__ import annotations

from tests.support.bad_input.build import (
    FP,
    IA,
    ID,
    INFINITY,
    NAN,
    NF,
    TINY,
    Row,
    dense,
    search,
)
from triptych.v1.common_pb2 import Image
from triptych.v1.search_service_pb2 import (
    Composed,
    ComposedPart,
    QueryInput,
    SearchRequest,
    StoredVector,
    VectorQuery,
)
from triptych.v1.vector_pb2 import DenseVector, MultiVector, SparseVector, Vector

CUP = ComposedPart(text="a cup")
LOUD = ComposedPart(vector=dense(1, 2, 3))
WIDE = ComposedPart(vector=dense(*[1.0] * 256))
HEARD = ComposedPart(stored_vector=StoredVector(item_id="good", vector_name="audio"))
SAID = ComposedPart(stored_vector=StoredVector(item_id="good", vector_name="caption"))
PARTS = "input.composed.parts"


def composed(*parts: ComposedPart, asked: str = "") -> SearchRequest:
    given = QueryInput(composed=Composed(parts=parts))
    vectors = [VectorQuery(vector_name=asked)] if asked else []
    return search(input=given, vectors=vectors)


def weighing(weight: float) -> SearchRequest:
    return composed(CUP, ComposedPart(text="a saucer", weight=weight))


ROWS: dict[str, Row] = {
    # Parts
    "composed of nothing": Row(composed(), IA, "QUERY_EMPTY", PARTS),
    "composed of seventeen parts": Row(composed(*[CUP] * 17), IA, "LIMIT_TOO_LARGE", PARTS),
    "part of nothing": Row(composed(CUP, ComposedPart()), IA, "QUERY_EMPTY", f"{PARTS}[1]"),
    "part of a leg's own that is nothing": Row(
        search(
            vectors=[
                VectorQuery(
                    vector_name="image",
                    input=QueryInput(composed=Composed(parts=[ComposedPart(weight=2)])),
                )
            ]
        ),
        IA,
        "QUERY_EMPTY",
        "vectors[0].input.composed.parts[0]",
    ),
    "part of blank text": Row(
        composed(CUP, ComposedPart(text=" ")), IA, "TEXT_BLANK", f"{PARTS}[1].text"
    ),
    "part of no picture": Row(
        composed(ComposedPart(image=Image())), IA, "IMAGE_EMPTY", f"{PARTS}[0].image.data"
    ),
    "part of one pixel": Row(
        composed(CUP, ComposedPart(image=Image(data=TINY)), asked="image"),
        IA,
        "IMAGE_TOO_SMALL",
        f"{PARTS}[1].image.data",
    ),
    "part by an empty id": Row(
        composed(CUP, ComposedPart(item_id="")), IA, "ID_EMPTY", f"{PARTS}[1].item_id"
    ),
    "part by an unknown id": Row(
        composed(CUP, ComposedPart(item_id="none")),
        NF,
        "ITEM_NOT_FOUND",
        "input.composed.parts[1].item_id",
    ),
    "part by no name": Row(
        composed(ComposedPart(stored_vector=StoredVector(item_id="good"))),
        IA,
        "FIELD_REQUIRED",
        f"{PARTS}[0].stored_vector.vector_name",
    ),
    "part by an unknown name": Row(
        composed(ComposedPart(stored_vector=StoredVector(item_id="good", vector_name="looks"))),
        FP,
        "VECTOR_NAME_UNKNOWN",
        "input.composed.parts[0].stored_vector.vector_name",
    ),
    "part of zeros": Row(
        composed(CUP, ComposedPart(vector=dense(0, 0, 0)), asked="audio"),
        IA,
        "VECTOR_ZERO",
        f"{PARTS}[1].vector.dense",
    ),
    "part of a multivector": Row(
        composed(
            ComposedPart(vector=Vector(multi=MultiVector(vectors=[DenseVector(values=[1, 2, 3])]))),
            asked="audio",
        ),
        IA,
        "VECTOR_KIND",
        f"{PARTS}[0].vector",
    ),
    "part of a sparse vector": Row(
        composed(LOUD, ComposedPart(vector=Vector(sparse=SparseVector(indices=[1], values=[1.0])))),
        IA,
        "VECTOR_KIND",
        f"{PARTS}[1].vector",
    ),
    # Weights
    "part of weight 0": Row(weighing(0), IA, "WEIGHT_ZERO", f"{PARTS}[1].weight"),
    "part of weight -0": Row(weighing(-0.0), IA, "WEIGHT_ZERO", f"{PARTS}[1].weight"),
    "part of weight NaN": Row(weighing(NAN), IA, "WEIGHT_NOT_FINITE", f"{PARTS}[1].weight"),
    "part of infinite weight": Row(
        weighing(-INFINITY), IA, "WEIGHT_NOT_FINITE", f"{PARTS}[1].weight"
    ),
    "part of too large a weight": Row(
        weighing(1000.5), IA, "WEIGHT_TOO_LARGE", f"{PARTS}[1].weight"
    ),
    "part of too large a negative weight": Row(
        weighing(-1001), IA, "WEIGHT_TOO_LARGE", f"{PARTS}[1].weight"
    ),
    # Spaces
    "composed for a sparse space": Row(
        composed(CUP, asked="terms"), FP, "QUERY_UNANSWERABLE", "input.composed"
    ),
    "text for what the caller supplies": Row(
        composed(LOUD, CUP, asked="audio"), FP, "QUERY_UNANSWERABLE", "input.composed.parts[1].text"
    ),
    "what the caller supplies for an encoder's space": Row(
        composed(CUP, HEARD, asked="image"),
        FP,
        "MODEL_MISMATCH",
        "input.composed.parts[1].stored_vector.vector_name",
    ),
    "parts of two origins": Row(
        composed(SAID, HEARD),
        FP,
        "MODEL_MISMATCH",
        "input.composed.parts[1].stored_vector.vector_name",
    ),
    "part of the wrong dimension": Row(
        composed(CUP, LOUD, asked="image"), IA, "VECTOR_DIM", f"{PARTS}[1].vector"
    ),
    "parts of two dimensions": Row(
        composed(LOUD, WIDE), FP, "QUERY_UNANSWERABLE", "input.composed.parts[1].vector"
    ),
    "bare vector as a part of several spaces": Row(
        composed(CUP, WIDE), FP, "QUERY_UNANSWERABLE", "input"
    ),
    "no name for the leg": Row(
        SearchRequest(
            collection_id=ID,
            input=QueryInput(composed=Composed(parts=[CUP])),
            vectors=[VectorQuery()],
        ),
        IA,
        "FIELD_REQUIRED",
        "vectors[0].vector_name",
    ),
    # Sums
    "parts that are one another's opposite": Row(
        composed(CUP, ComposedPart(text="a cup", weight=-1), asked="image"),
        IA,
        "PARTS_CANCEL_OUT",
        "input.composed",
    ),
    "parts that nearly are": Row(
        composed(LOUD, ComposedPart(vector=dense(-2, -4, -6.001)), asked="audio"),
        IA,
        "PARTS_CANCEL_OUT",
        "input.composed",
    ),
    "tiny weights that cancel each other out": Row(
        composed(
            ComposedPart(vector=dense(1, 2, 3), weight=1e-300),
            ComposedPart(vector=dense(10, 20, 30), weight=-1e-300),
            asked="audio",
        ),
        IA,
        "PARTS_CANCEL_OUT",
        "input.composed",
    ),
}
