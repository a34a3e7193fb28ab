"""A large batch of pictures on a CPU: each core runs a part of it, rather than all of them all.

Cores that share a matrix product wait for one another at the end of each, and read the same weights
into caches of their own. One batch of 8 pictures took 7 to 14 % more processor time on two threads
than two batches of 4 on one thread each, and vectors are the same to the bit. One picture alone is
faster on all cores, so that is how few are run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from triptych_server.domain.vectors import FloatArray
from triptych_server.encode.preprocess import Pixels

logger = logging.getLogger(__name__)

Encode: TypeAlias = Callable[[Sequence[Pixels]], FloatArray]

# With fewer pictures on a core, reading the weights outweighs what it saves.
LEAST_ON_A_CORE = 4


class SideBySide:
    """``encode`` of a model, by as many runs at once as there are ``cores`` where that is faster.

    ``open_narrow`` loads the model a second time, for runs on one thread each, which takes as much
    memory again: it is called when the first such batch comes. To be called by one thread.
    """

    def __init__(self, encode: Encode, open_narrow: Callable[[], Encode], *, cores: int) -> None:
        self._wide = encode
        self._open_narrow = open_narrow
        self._narrow: Encode | None = None
        self._cores = cores

    def __call__(self, crops: Sequence[Pixels]) -> FloatArray:
        """Unit vectors of shape (n, dimension)."""
        if len(crops) < LEAST_ON_A_CORE * self._cores:
            return self._wide(crops)
        if self._narrow is None:
            self._narrow = self._open_narrow()
            logger.info("the vision model is loaded a second time, for batches on each core")
        edges = [round(len(crops) * part / self._cores) for part in range(self._cores + 1)]
        parts = [crops[edges[n] : edges[n + 1]] for n in range(self._cores)]
        # Threads of a run's own cost a thousandth of it, and none is left to be ended.
        with ThreadPoolExecutor(self._cores - 1, thread_name_prefix="side-by-side") as pool:
            others = [pool.submit(self._narrow, part) for part in parts[1:]]
            first = self._narrow(parts[0])
        return np.concatenate([first, *(other.result() for other in others)])
