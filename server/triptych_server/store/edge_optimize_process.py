"""The optimizer's process, seen from the service's event loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from triptych_server.children import describe_end, end_child, start_child
from triptych_server.store.edge_frames import GREETING, HEADER, pack, unpack
from triptych_server.store.edge_protocol import Failed, Step
from triptych_server.store.edge_tuning import Tuning

Word = TypeVar("Word")


class OptimizerEnded(Exception):
    """The process has failed, or ended before it was done; the text is for the log."""


class OptimizeProcess:
    """A running optimizer. It begins to work when it is told to; see ``edge_optimize_child``."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(
        cls, root: Path, collection_id: str, target: Path, tuning: Tuning
    ) -> OptimizeProcess:
        """Start a process that will make ``target`` out of the collection's shard.

        Raises OptimizerEnded.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await start_child(
                    "triptych_server.store.edge_optimize_child",
                    str(root),
                    collection_id,
                    str(target),
                    str(tuning.indexing_threshold_kb),
                    str(tuning.full_scan_kb),
                    descriptor=theirs.fileno(),
                )
        except BaseException as error:
            ours.close()
            if isinstance(error, OSError):
                raise OptimizerEnded(str(error)) from error
            raise
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def tell(self, word: object) -> None:
        """Say what it waits for."""
        body = pack(word)
        self._writer.write(HEADER.pack(GREETING, len(body)) + body)

    async def hear(self, kind: type[Word]) -> Word:
        """What it says next. Raises OptimizerEnded where that is no ``kind``."""
        try:
            _, length = HEADER.unpack(await self._reader.readexactly(HEADER.size))
            said = unpack(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            status = describe_end(await end_child(self._process, wait_s=5))
            raise OptimizerEnded(f"the optimizer's process ended: {status}") from None
        if isinstance(said, kind):
            return said
        raise OptimizerEnded(said.text if isinstance(said, Failed) else f"it said {said!r}")

    async def hear_step(self, step: Step) -> None:
        """Wait until it is so far. Raises OptimizerEnded."""
        said = await self.hear(Step)
        if said is not step:
            raise OptimizerEnded(f"it said {said!r} in place of {step!r}")

    def kill(self) -> None:
        """Have it ended at once; whoever listens to it is told."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """End it now, if it has not ended."""
        self._writer.close()
        await end_child(self._process, wait_s=0)
