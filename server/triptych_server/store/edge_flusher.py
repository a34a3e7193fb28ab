"""When the embedded store writes through to the disk."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

from triptych_server.domain.errors import Unavailable
from triptych_server.store.edge_protocol import Flush
from triptych_server.store.edge_supervisor import EdgeSupervisor, RequestFailed

log = logging.getLogger(__name__)

# A store that is never idle is flushed all the same after so many intervals.
_PATIENCE = 5


@dataclass(slots=True)
class _Unflushed:
    since: float
    points: int


class EdgeFlusher:
    """Flushes each collection some time after it was written to.

    At every ``interval_s`` a collection with unflushed writes is flushed when the engine has
    nothing else to do, when the oldest such write is five intervals old, or when there are
    ``after_points`` of them; the last is looked at as soon as it comes true.
    """

    def __init__(self, engine: EdgeSupervisor, *, interval_s: float, after_points: int) -> None:
        self._engine = engine
        self._interval_s = interval_s
        self._after_points = after_points
        self._unflushed: dict[str, _Unflushed] = {}
        self._much = asyncio.Event()

    @property
    def pending(self) -> frozenset[str]:
        """The collections with writes that no flush has followed yet."""
        return frozenset(self._unflushed)

    def wrote(self, collection_id: str, points: int) -> None:
        """Note a write, whether or not it was answered."""
        now = asyncio.get_running_loop().time()
        note = self._unflushed.setdefault(collection_id, _Unflushed(now, 0))
        note.points += points
        if note.points >= self._after_points:
            self._much.set()

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._much.wait()
            self._much.clear()
            for collection_id in list(self._unflushed):
                if self._engine.ready and self._due(self._unflushed[collection_id]):
                    await self._flush(collection_id)

    def _due(self, note: _Unflushed) -> bool:
        age = asyncio.get_running_loop().time() - note.since
        return (
            self._engine.idle
            or note.points >= self._after_points
            or age >= _PATIENCE * self._interval_s
        )

    async def _flush(self, collection_id: str) -> None:
        note = self._unflushed.pop(collection_id)
        try:
            await self._engine.call(Flush(collection_id))
        except (RequestFailed, Unavailable) as error:
            log.warning("the store could not flush %s: %s", collection_id, error)
            again = self._unflushed.setdefault(collection_id, note)
            if again is not note:
                again.since = note.since
                again.points += note.points
