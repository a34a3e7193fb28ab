"""Vectors and pictures from what callers have at hand."""

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from triptych.errors import argument_error
from triptych.v1.common_pb2 import Image
from triptych.v1.vector_pb2 import DenseVector, MultiVector, SparseVector, Vector

__all__ = ["ImageLike", "VectorLike", "to_image", "to_vector"]

FLOAT32_MAX = 3.4028234663852886e38
UINT32_MAX = 2**32 - 1


@runtime_checkable
class ArrayLike(Protocol):
    """An array of numpy, torch, jax or the standard library, known by its `tolist`."""

    def tolist(self) -> Any:
        """The array as nested lists of numbers."""
        ...


@runtime_checkable
class Readable(Protocol):
    """A file opened for reading bytes."""

    def read(self) -> bytes:
        """The bytes from here to the end."""
        ...


VectorLike: TypeAlias = (
    Vector
    | DenseVector
    | MultiVector
    | SparseVector
    | ArrayLike
    | Sequence[float]
    | Sequence[Sequence[float]]
    | Sequence[ArrayLike]
    | Mapping[int, float]
)
ImageLike: TypeAlias = bytes | bytearray | memoryview | PathLike[str] | Readable


def to_vector(value: VectorLike, *, field: str = "vector") -> Vector:
    """A vector as a message.

    A sequence or a one-dimensional array of numbers is dense; a sequence of such, or a
    two-dimensional array, is a multivector; a mapping of index to number is sparse.

    Raises:
        ArgumentError: a value that is no number or not finite as a 32-bit float
            (VECTOR_NOT_FINITE), more than two dimensions (VECTOR_KIND), an
            index below 0 or of 2^32 and more (VECTOR_SPARSE_MALFORMED).

    >>> to_vector([0.5, 0.25]).dense.values
    [0.5, 0.25]
    """
    match value:
        case Vector():
            return value
        case DenseVector():
            return Vector(dense=value)
        case MultiVector():
            return Vector(multi=value)
        case SparseVector():
            return Vector(sparse=value)
        case Mapping():
            return Vector(sparse=_sparse(value, f"{field}.sparse"))
    rows = _listed(value, field)
    if rows and _is_row(_unwrapped(rows[0])):
        paths = [f"{field}.multi.vectors[{index}]" for index in range(len(rows))]
        vectors = [_dense(_listed(row, path), path) for row, path in zip(rows, paths, strict=True)]
        return Vector(multi=MultiVector(vectors=vectors))
    return Vector(dense=_dense(rows, f"{field}.dense"))


def to_image(value: ImageLike, *, field: str = "image") -> Image:
    """A picture from its bytes, from a path, or from a file opened for reading bytes.

    Raises:
        ArgumentError: another type (FIELD_INVALID). A `str` is refused, since it may as well be a
            path as base64: write `pathlib.Path(...)`.
        OSError: the file can't be read.
    """
    match value:
        case bytes():
            return Image(data=value)
        case bytearray() | memoryview():
            return Image(data=bytes(value))
        case PathLike():
            return Image(data=Path(value).read_bytes())
        case Readable():
            data = value.read()
            if isinstance(data, bytes):
                return Image(data=data)
            raise argument_error(
                field, "FIELD_INVALID", "the file must be opened for bytes, with mode 'rb'"
            )
        case _:
            raise argument_error(
                field,
                "FIELD_INVALID",
                "needs bytes, a pathlib.Path or an open file",
                got=type(value).__name__,
            )


def _unwrapped(value: object) -> object:
    """An array as nested lists, and a numpy scalar as a number: quicker to read than the array."""
    return value.tolist() if isinstance(value, ArrayLike) else value


def _is_row(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _listed(value: object, field: str) -> Sequence[Any]:
    rows = _unwrapped(value)
    if not _is_row(rows):
        raise argument_error(
            field, "VECTOR_KIND", "needs a sequence of numbers", got=type(value).__name__
        )
    assert isinstance(rows, Sequence)
    return rows


def _dense(values: Sequence[Any], field: str) -> DenseVector:
    _check_floats(values, f"{field}.values")
    return DenseVector(values=values)


def _sparse(entries: Mapping[int, float], field: str) -> SparseVector:
    for index in entries:
        if not isinstance(index, int) or not 0 <= index <= UINT32_MAX:
            raise argument_error(
                f"{field}.indices",
                "VECTOR_SPARSE_MALFORMED",
                "an index out of range",
                got=index,
                allowed="0 to 2^32 - 1",
            )
    indices = sorted(entries)
    values = [entries[index] for index in indices]
    _check_floats(values, f"{field}.values")
    return SparseVector(indices=indices, values=values)


def _check_floats(values: Sequence[Any], field: str) -> None:
    """Refuses what would become infinity in a 32-bit float, and says where it stands."""
    for index, value in enumerate(values):
        try:
            fits = math.isfinite(value) and -FLOAT32_MAX <= value <= FLOAT32_MAX
        except (TypeError, OverflowError):
            fits = False
        if not fits:
            raise argument_error(
                f"{field}[{index}]",
                "VECTOR_NOT_FINITE",
                "is no finite 32-bit number",
                got=repr(value),
            )
