"""Points that no engine must be given: see ``store.engine_checks``."""

from __future__ import annotations

import numpy as np

from tests.support.stores import sparse
from triptych_server.domain.items import Json
from triptych_server.domain.vectors import SparseVector, Vector


def nested(depth: int) -> dict[str, Json]:
    """A payload of that many objects, one inside the other."""
    payload: dict[str, Json] = {}
    for _ in range(depth - 1):
        payload = {"a": payload}
    return payload


ONES = np.ones(8, np.float32)
UNBEARABLE: dict[str, tuple[dict[str, Vector], dict[str, Json]]] = {
    "short": ({"image": ONES[:3]}, {}),
    "no numbers": ({"image": ONES[:0]}, {}),
    "rows for a dense space": ({"image": np.ones((2, 8), np.float32)}, {}),
    "no rows": ({"ocr": np.ones((0, 8), np.float32)}, {}),
    "empty rows": ({"ocr": np.ones((2, 0), np.float32)}, {}),
    "short rows": ({"ocr": np.ones((2, 7), np.float32)}, {}),
    "rows of rows": ({"ocr": np.ones((1, 2, 8), np.float32)}, {}),
    "not finite": ({"image": ONES * np.nan}, {}),
    "infinite in a row": ({"ocr": np.stack([ONES, ONES * np.inf])}, {}),
    "no such space": ({"nope": ONES}, {}),
    "sparse for dense": ({"image": sparse({1: 1.0})}, {}),
    "dense for sparse": ({"terms": ONES}, {}),
    "halves": ({"terms": SparseVector(np.array([1, 2], np.uint32), ONES[:1])}, {}),
    "twice": ({"terms": SparseVector(np.array([1, 1], np.uint32), ONES[:2])}, {}),
    "backwards": ({"terms": SparseVector(np.array([2, 1], np.uint32), ONES[:2])}, {}),
    "deep": ({"image": ONES}, nested(200)),
    "deep lists": ({"image": ONES}, {"a": [[[nested(100)]]]}),
    "not a number": ({"image": ONES}, {"a": float("nan")}),
}
