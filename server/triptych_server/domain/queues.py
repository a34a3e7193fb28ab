"""What a queue in front of a model has done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatcherCounters:
    """Counts of inputs since the start, but for ``runs`` and ``failed_runs``.

    ``items`` were given to the model in the ``runs``, of which ``failed_runs`` failed; ``skipped``
    were given up by their callers before their run began; ``refused`` found the queue full, or
    could not have been done by their deadline; ``expired`` were overtaken by their deadline in the
    queue, and not run; ``begun_late`` were given to the model after their deadline, and
    ``ended_late`` came out of it after their deadline. ``waiting`` is the queue's length now.
    """

    runs: int
    items: int
    failed_runs: int
    skipped: int
    refused: int
    expired: int
    begun_late: int
    ended_late: int
    waiting: int
