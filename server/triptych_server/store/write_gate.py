"""Holds back the writes to a collection for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class WriteGate:
    """Open, unless a collection is held; for one event loop."""

    def __init__(self) -> None:
        self._held: dict[str, asyncio.Event] = {}

    async def passed(self, collection_id: str) -> None:
        """Wait while the collection is held. What is asked of the engine next, without another
        wait, comes before whatever the next holder asks."""
        while (held := self._held.get(collection_id)) is not None:
            await held.wait()

    @contextmanager
    def held(self, collection_id: str) -> Iterator[None]:
        """Let no write to the collection pass. One holder of a collection at a time."""
        assert collection_id not in self._held
        opened = self._held[collection_id] = asyncio.Event()
        try:
            yield
        finally:
            del self._held[collection_id]
            opened.set()
