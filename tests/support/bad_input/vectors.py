"""Bad vectors, of items and as questions."""

from __future__ import annotations

from tests.support.bad_input.build import (
    FP,
    IA,
    INFINITY,
    LOOKS,
    NAN,
    SOUNDS,
    Row,
    by_vector,
    dense,
    leg,
    upsert,
)
from triptych.v1.item_pb2 import Item
from triptych.v1.item_service_pb2 import UpsertItemsRequest
from triptych.v1.search_service_pb2 import QueryInput, SearchRequest
from triptych.v1.vector_pb2 import DenseVector, MultiVector, SparseVector, Vector


def multi(*rows: list[float]) -> Vector:
    return Vector(multi=MultiVector(vectors=[DenseVector(values=row) for row in rows]))


def sparse(indices: list[int], values: list[float]) -> Vector:
    return Vector(sparse=SparseVector(indices=indices, values=values))


# By the space that it is given to: audio is dense of 3, frames multi of 2, tags sparse.
_BAD: dict[str, tuple[str, Vector, str, str]] = {
    "of no kind": ("audio", Vector(), "VECTOR_EMPTY", ""),
    "of no values": ("audio", dense(), "VECTOR_EMPTY", ".dense"),
    "of zeros": ("audio", dense(0, 0, 0), "VECTOR_ZERO", ".dense"),
    "with infinity": ("audio", dense(1, INFINITY, 0), "VECTOR_NOT_FINITE", ".dense.values[1]"),
    "beyond 1e15": ("audio", dense(1, 2, -2e15), "VECTOR_NOT_FINITE", ".dense.values[2]"),
    "of 65,537 values": ("audio", dense(*[1.0] * 65_537), "VECTOR_DIM", ".dense"),
    "multi for dense": ("audio", multi([1, 2, 3]), "VECTOR_KIND", ""),
    "sparse for dense": ("audio", sparse([1], [1]), "VECTOR_KIND", ""),
    "dense for sparse": ("tags", dense(1, 2, 3), "VECTOR_KIND", ""),
    "dense for multi": ("frames", dense(1, 2), "VECTOR_KIND", ""),
    "of no vectors": ("frames", multi(), "VECTOR_EMPTY", ".multi"),
    "of vectors of other dimensions": ("frames", multi([1, 2, 3]), "VECTOR_DIM", ""),
    "of unlike vectors": ("frames", multi([1, 2], [1]), "VECTOR_DIM", ".multi"),
    "with a vector of zeros": (
        "frames",
        multi([1, 2], [0, 0]),
        "VECTOR_ZERO",
        ".multi.vectors[1]",
    ),
    "with a vector of nothing": (
        "frames",
        multi([1, 2], []),
        "VECTOR_EMPTY",
        ".multi.vectors[1]",
    ),
    "with NaN in its second vector": (
        "frames",
        multi([1, 2], [1, NAN]),
        "VECTOR_NOT_FINITE",
        ".multi.vectors[1].values[1]",
    ),
    "of 257 vectors": ("frames", multi(*[[1.0, 2.0]] * 257), "LIMIT_TOO_LARGE", ".multi"),
    "of no places": ("tags", sparse([], []), "VECTOR_EMPTY", ".sparse"),
    "of zeros at its places": ("tags", sparse([1, 2], [0, 0]), "VECTOR_ZERO", ".sparse"),
    "with NaN at a place": (
        "tags",
        sparse([1, 2], [1, NAN]),
        "VECTOR_NOT_FINITE",
        ".sparse.values[1]",
    ),
    "with a place twice": ("tags", sparse([7, 7], [1, 2]), "VECTOR_SPARSE_MALFORMED", ".sparse"),
    "of more places than values": (
        "tags",
        sparse([7, 8], [1]),
        "VECTOR_SPARSE_MALFORMED",
        ".sparse",
    ),
    "of 65,537 places": (
        "tags",
        sparse(list(range(65_537)), [1.0] * 65_537),
        "LIMIT_TOO_LARGE",
        ".sparse",
    ),
}

ROWS: dict[str, Row] = {
    **{
        f"item: vector {name}": Row(
            upsert(Item(id="v", vectors={space: vector})),
            IA,
            reason,
            f"items[0].vectors[{space}]{path}",
        )
        for name, (space, vector, reason, path) in _BAD.items()
    },
    **{
        f"search by a vector {name}": Row(
            by_vector(vector, space), IA, reason, f"input.vector{path}"
        )
        for name, (space, vector, reason, path) in _BAD.items()
        # A dense vector is asked of multivectors, and a multivector of dense ones, as max-sim.
        if name not in ("dense for multi", "multi for dense")
    },
    "vector of the wrong dimension, of the leg itself": Row(
        leg(vector_name="audio", input=QueryInput(vector=dense(1, 2))),
        IA,
        "VECTOR_DIM",
        "vectors[1].input.vector",
    ),
    "vectors of several for a dense space": Row(
        by_vector(multi([1, 2, 3], [4, 5, 6])), IA, "VECTOR_KIND", "input.vector"
    ),
    **{
        f"item: vector named {name!r}": Row(
            upsert(Item(id="v", vectors={name: dense(1)})),
            FP,
            "VECTOR_NAME_UNKNOWN",
            f"items[0].vectors[{shown}]",
        )
        for name, shown in (("", ""), ("a\nb", "a?b"), ("x" * 5000, "x" * 63 + "…"))
    },
    "item: nothing that the collection is made from": Row(
        UpsertItemsRequest(collection_id=LOOKS, items=[Item(id="a", caption="a cat")]),
        FP,
        "PANEL_UNSUPPORTED",
        "items[0]",
    ),
    "words for a collection without words": Row(
        SearchRequest(collection_id=SOUNDS, input=QueryInput(text="a cup")),
        FP,
        "QUERY_UNANSWERABLE",
        "input",
    ),
}
