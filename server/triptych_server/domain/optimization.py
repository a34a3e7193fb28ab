"""Building the search index of a collection while it is in use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


class OptimizationState(Enum):
    """How far an optimization is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def has_ended(self) -> bool:
        """Whether it will not change any more."""
        return self in (OptimizationState.DONE, OptimizationState.FAILED)


@dataclass(frozen=True, slots=True)
class Optimization:
    """One optimization of a collection: the running one, or the last since the server started.

    ``message`` is for people: the step while it runs, why it failed after that. The counts are
    those at its end: items, and vectors that have an index (of all named vectors, sparse ones
    too; a multivector counts once).
    """

    state: OptimizationState
    start_time: datetime
    end_time: datetime | None = None
    message: str = ""
    item_count: int = 0
    indexed_vector_count: int = 0


class Optimizer(Protocol):
    """What builds the index of a collection."""

    async def optimize(self, collection_id: str) -> Optimization:
        """Start it, or find it running.

        Raises NotFound; WrongState (OPTIMIZE_UNSUPPORTED) where the store sees to it by itself;
        Exhausted (OPTIMIZE_NEEDS_DISK).
        """
        ...

    def optimization(self, collection_id: str) -> Optimization | None:
        """The one that waits or runs, else the last one; None where there was none."""
        ...
