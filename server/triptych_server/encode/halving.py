"""A batch that does not fit into memory is run in halves, and the batches after it are smaller."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from triptych_server.domain.errors import Exhausted, Reason

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

# How long the size that failed is not tried again: whoever took the memory may have let go of it.
_REMEMBERED_S = 60.0
_RETRY_AFTER_S = 5.0

# What onnxruntime, its CUDA provider and the libraries under it say of an allocation that failed.
# They have no error of their own for it. In this order: the arena on both devices, the arena at
# its own limit, cudaMalloc, cuBLAS and cuDNN, and C++ itself.
_SAYINGS = (
    "failed to allocate memory",
    "is smaller than requested bytes",
    "out of memory",
    "_alloc_failed",
    "bad allocation",
    "bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a model run failed for want of memory, of the device's or of the machine's."""
    if isinstance(error, MemoryError):
        return True
    said = str(error).lower()
    return any(saying in said for saying in _SAYINGS)


class Halving(Generic[T, R]):
    """Calls ``run`` on a batch, and where memory does not suffice on its two halves, and so on.

    An item that fails alone gets an ``Exhausted`` error in place of its result, and the others
    theirs. What failed is not tried again for a minute: larger batches are cut beforehand. Not to
    be called from two threads at a time.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[Sequence[T]], Iterable[R]],
        *,
        size_of: Callable[[T], int] = lambda item: 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``name`` is for logs and errors. A batch costs its largest size times its count."""
        self._name = name
        self._run = run
        self._size_of = size_of
        self._clock = clock
        self._cap: int | None = None
        self._until = 0.0
        self._told: int | None = None

    def __call__(self, items: Sequence[T]) -> list[R | Exhausted]:
        """A result or an error for each item. Raises what ``run`` raises but for want of memory."""
        if self._cap is not None and self._clock() >= self._until:
            self._cap = None
        return self._encode(items)

    def _encode(self, items: Sequence[T]) -> list[R | Exhausted]:
        cost = self._cost(items)
        if len(items) < 2 or self._cap is None or cost <= self._cap:
            try:
                return list(self._run(items))
            # onnxruntime's errors have no common base but Exception.
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._remember(len(items), cost, error)
            # Out of the handler, since the error holds on to what the run has allocated.
            if len(items) == 1:
                return [self._exhausted()]
        middle = (len(items) + 1) // 2
        return [*self._encode(items[:middle]), *self._encode(items[middle:])]

    def _remember(self, count: int, cost: int, error: Exception) -> None:
        cap = max(1, cost // 2)
        if self._cap is None or cap < self._cap:
            self._cap = cap
        self._until = self._clock() + _REMEMBERED_S
        # Once for every size that is too much, not once a minute.
        if self._told is None or cost < self._told:
            self._told = cost
            logger.warning(
                "not enough memory for %d inputs of size %d at once in the %s model; batches are "
                "halved: %s",
                count,
                cost // count,
                self._name,
                str(error).strip(),
            )

    def _cost(self, items: Sequence[T]) -> int:
        return len(items) * max(map(self._size_of, items), default=0)

    def _exhausted(self) -> Exhausted:
        return Exhausted(
            Reason.ENCODER_MEMORY,
            f"encoder: there is not enough memory to run the {self._name} model on this input",
            retry_after_s=_RETRY_AFTER_S,
        )
