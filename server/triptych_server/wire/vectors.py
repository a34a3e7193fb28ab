"""Vectors between the contract and numpy."""

from __future__ import annotations

import numpy as np

from triptych.v1 import vector_pb2 as pb
from triptych_server.domain.errors import Reason
from triptych_server.domain.limits import Limits
from triptych_server.domain.vectors import MAX_MAGNITUDE, FloatArray, SparseVector, Vector
from triptych_server.wire.violations import Violations


def parse_vector(
    message: pb.Vector, limits: Limits, violations: Violations, path: str
) -> Vector | None:
    """A vector of values up to 1e15, not all zero; None where something is wrong with it."""
    kind = message.WhichOneof("kind")
    if kind == "dense":
        return _parse_dense(message.dense, limits, violations, f"{path}.dense")
    if kind == "multi":
        return _parse_multi(message.multi, limits, violations, f"{path}.multi")
    if kind == "sparse":
        return _parse_sparse(message.sparse, limits, violations, f"{path}.sparse")
    violations.add(path, Reason.VECTOR_EMPTY, "set one of dense, multi, sparse")
    return None


def render_vector(vector: Vector) -> pb.Vector:
    """Dense, multi or sparse, by its shape."""
    if isinstance(vector, SparseVector):
        sparse = pb.SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())
        return pb.Vector(sparse=sparse)
    if vector.ndim == 1:
        return pb.Vector(dense=render_dense(vector))
    return pb.Vector(multi=pb.MultiVector(vectors=[render_dense(row) for row in vector]))


def render_dense(vector: FloatArray) -> pb.DenseVector:
    """One list of values."""
    return pb.DenseVector(values=vector.tolist())


def _parse_dense(
    message: pb.DenseVector, limits: Limits, violations: Violations, path: str
) -> FloatArray | None:
    if not message.values:
        violations.add(path, Reason.VECTOR_EMPTY, "has no values")
        return None
    if len(message.values) > limits.max_dimension:
        violations.add(
            path,
            Reason.VECTOR_DIM,
            "has too many values",
            got=len(message.values),
            allowed=limits.max_dimension,
        )
        return None
    values = np.array(message.values, dtype=np.float32)
    return values if _check_values(values, violations, path) else None


def _parse_multi(
    message: pb.MultiVector, limits: Limits, violations: Violations, path: str
) -> FloatArray | None:
    count = len(message.vectors)
    if not count:
        violations.add(path, Reason.VECTOR_EMPTY, "has no vectors")
        return None
    if count > limits.max_vectors_per_multivector:
        violations.add(
            path,
            Reason.LIMIT_TOO_LARGE,
            "has too many vectors",
            got=count,
            allowed=limits.max_vectors_per_multivector,
        )
        return None
    rows = [
        _parse_dense(vector, limits, violations, f"{path}.vectors[{place}]")
        for place, vector in enumerate(message.vectors)
    ]
    found = [row for row in rows if row is not None]
    if len(found) < count:
        return None
    lengths = sorted({row.shape[0] for row in found})
    if len(lengths) > 1:
        got = " and ".join(str(length) for length in lengths[:2])
        violations.add(path, Reason.VECTOR_DIM, "its vectors differ in dimension", got=got)
        return None
    return np.stack(found)


def _parse_sparse(
    message: pb.SparseVector, limits: Limits, violations: Violations, path: str
) -> SparseVector | None:
    count = len(message.indices)
    if count != len(message.values):
        violations.add(
            path,
            Reason.VECTOR_SPARSE_MALFORMED,
            f"{count} indices and {len(message.values)} values",
        )
        return None
    if not count:
        violations.add(path, Reason.VECTOR_EMPTY, "has no values")
        return None
    if count > limits.max_sparse_terms:
        violations.add(
            path,
            Reason.LIMIT_TOO_LARGE,
            "has too many places",
            got=count,
            allowed=limits.max_sparse_terms,
        )
        return None
    indices = np.array(message.indices, dtype=np.uint32)
    values = np.array(message.values, dtype=np.float32)
    if not _check_values(values, violations, path):
        return None
    order = np.argsort(indices, kind="stable")
    indices, values = indices[order], values[order]
    doubled = indices[1:][indices[1:] == indices[:-1]]
    if doubled.size:
        violations.add(
            path, Reason.VECTOR_SPARSE_MALFORMED, "an index stands twice", got=int(doubled[0])
        )
        return None
    return SparseVector(indices, values)


def _check_values(values: FloatArray, violations: Violations, path: str) -> bool:
    bad = np.flatnonzero(~(np.abs(values) <= MAX_MAGNITUDE))
    if bad.size:
        place = int(bad[0])
        got = float(values[place])
        what = "is too large" if np.isfinite(got) else "is not finite"
        here = f"{path}.values[{place}]"
        allowed = f"up to {MAX_MAGNITUDE:g}"
        violations.add(here, Reason.VECTOR_NOT_FINITE, what, got=got, allowed=allowed)
        return False
    if not values.any():
        violations.add(path, Reason.VECTOR_ZERO, "all values are zero")
        return False
    return True
