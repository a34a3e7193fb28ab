"""Looks after a Qdrant server: whether it answers, and which version it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from triptych_server.domain.errors import TriptychError
from triptych_server.store.errors import StoreUnsuitable

log = logging.getLogger(__name__)

# So often a server is looked at while it answers, and while it does not.
_INTERVAL_S = 5.0
_RETRY_S = 0.5
# A server that takes longer than this for a few bytes does not answer.
_PROBE_WAIT_S = 5.0
# Between two looks, however often trouble is told of.
_SHORTEST_PAUSE_S = 0.1


class QdrantWatch:
    """The server's readiness, and a task that keeps it up to date.

    ``probe`` gives the server's version; it raises an error of the domain where the server cannot
    be reached, and StoreUnsuitable where it is none to work on. ``on_change`` is told the
    readiness at the start and whenever it changes.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[str]],
        on_change: Callable[[bool], None],
        *,
        place: str,
    ) -> None:
        self._probe = probe
        self._on_change = on_change
        self._place = place
        self._ready: bool | None = None
        self._version = ""
        self._unsuitable: StoreUnsuitable | None = None
        self._suspected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether the server answered when it was last looked at."""
        return bool(self._ready)

    @property
    def version(self) -> str:
        """The server's version; empty while it has never answered."""
        return self._version

    @property
    def unsuitable(self) -> StoreUnsuitable | None:
        """Why the server is none to work on, if it is so."""
        return self._unsuitable

    def suspect(self) -> None:
        """A request has failed: look at the server now, and not only in a while."""
        self._suspected.set()

    async def start(self, patience_s: float) -> None:
        """Wait for the server so long; then go on without it and keep looking.

        Raises StoreUnsuitable.
        """
        answers = False
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not (answers := await self._look()):
                    if self._unsuitable is not None:
                        raise self._unsuitable
                    await asyncio.sleep(_RETRY_S)
        self._tell(answers)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_SHORTEST_PAUSE_S if self._ready else _RETRY_S)
            if self._ready:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_INTERVAL_S):
                        await self._suspected.wait()
            self._suspected.clear()
            self._tell(await self._look())

    async def _look(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_WAIT_S):
                version = await self._probe()
        except StoreUnsuitable as error:
            if self._unsuitable is None:
                log.error("the store at %s: %s", self._place, error)
            self._unsuitable = error
            return False
        except (TriptychError, TimeoutError):
            return False
        self._version, self._unsuitable = version, None
        return True

    def _tell(self, ready: bool) -> None:
        if ready is self._ready:
            return
        if ready:
            log.info("the store at %s answers: Qdrant %s", self._place, self._version)
        else:
            log.warning(
                "the store at %s does not answer and is looked for; it has to be the gRPC port, "
                "with TLS (qdrants://) where the server has it",
                self._place,
            )
        self._ready = ready
        self._on_change(ready)
