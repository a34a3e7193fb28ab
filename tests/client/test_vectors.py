"""Vectors and pictures from what callers have at hand."""

import array
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych import ArgumentError
from triptych.v1.vector_pb2 import DenseVector, MultiVector, SparseVector, Vector
from triptych.vectors import FLOAT32_MAX, VectorLike, to_image, to_vector

floats = st.floats(-FLOAT32_MAX, FLOAT32_MAX, width=32)
rows = st.lists(floats, min_size=1, max_size=8)

DENSE: list[Callable[[list[float]], VectorLike]] = [
    list,
    tuple,
    lambda row: np.array(row, dtype=np.float32),
    lambda row: np.array(row, dtype=np.float64),
    lambda row: [np.float32(x) for x in row],
    lambda row: array.array("f", row),
    lambda row: DenseVector(values=row),
    lambda row: DenseVector(values=row).values,
]


@pytest.mark.parametrize("form", DENSE)
@given(row=rows)
def test_every_form_of_a_dense_vector(
    form: Callable[[list[float]], VectorLike], row: list[float]
) -> None:
    assert to_vector(form(row)) == Vector(dense=DenseVector(values=row))


@given(st.lists(st.lists(floats, min_size=2, max_size=2), min_size=1, max_size=4))
def test_every_form_of_a_multivector(matrix: list[list[float]]) -> None:
    expected = Vector(multi=MultiVector(vectors=[DenseVector(values=row) for row in matrix]))
    assert to_vector(matrix) == expected
    assert to_vector(np.array(matrix, dtype=np.float32)) == expected
    assert to_vector([np.array(row, dtype=np.float32) for row in matrix]) == expected
    assert to_vector(expected.multi) == to_vector(expected) == expected


def test_a_sparse_vector_is_a_mapping() -> None:
    expected = Vector(sparse=SparseVector(indices=[3, 7], values=[0.5, 1.0]))
    assert to_vector({7: 1.0, 3: 0.5}) == expected
    assert to_vector(expected.sparse) == expected


def test_an_empty_vector_is_left_for_the_server_to_refuse() -> None:
    assert to_vector([]).WhichOneof("kind") == "dense"


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ([0.0, float("nan")], "vector.dense.values[1]", "VECTOR_NOT_FINITE"),
        ([1e39], "vector.dense.values[0]", "VECTOR_NOT_FINITE"),
        ([10**400], "vector.dense.values[0]", "VECTOR_NOT_FINITE"),
        ([0.5, "0.5"], "vector.dense.values[1]", "VECTOR_NOT_FINITE"),
        ([[0.5], [None]], "vector.multi.vectors[1].values[0]", "VECTOR_NOT_FINITE"),
        ([[0.5], 0.5], "vector.multi.vectors[1]", "VECTOR_KIND"),
        ([[[0.5]]], "vector.multi.vectors[0].values[0]", "VECTOR_NOT_FINITE"),
        (0.5, "vector", "VECTOR_KIND"),
        (np.float32(0.5), "vector", "VECTOR_KIND"),
        ("0.5", "vector", "VECTOR_KIND"),
        ({-1: 0.5}, "vector.sparse.indices", "VECTOR_SPARSE_MALFORMED"),
        ({2**32: 0.5}, "vector.sparse.indices", "VECTOR_SPARSE_MALFORMED"),
        ({"a": 0.5}, "vector.sparse.indices", "VECTOR_SPARSE_MALFORMED"),
        ({1: float("inf")}, "vector.sparse.values[0]", "VECTOR_NOT_FINITE"),
    ],
)
def test_what_is_no_vector_is_refused_with_its_place(
    value: VectorLike, path: str, reason: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        to_vector(value)
    assert [(v.field, v.reason) for v in caught.value.violations] == [(path, reason)]


def test_every_form_of_a_picture(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"png")
    with file.open("rb") as opened:
        assert to_image(opened).data == b"png"
    for form in (b"png", bytearray(b"png"), memoryview(b"png"), file, io.BytesIO(b"png")):
        assert to_image(form).data == b"png"


@pytest.mark.parametrize("value", ["cat.jpg", 7, io.StringIO("png")])
def test_what_is_no_picture_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match="image: ") as caught:
        to_image(value)  # type: ignore[arg-type]
    assert caught.value.reason == "FIELD_INVALID"


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        to_image(tmp_path / "none.png")
