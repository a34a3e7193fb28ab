"""From bytes to pixels, and to small copies, for the use cases.

Foreign pictures are decoded in processes of their own: a picture that crashes its decoder, hangs it
or asks for too much memory costs itself and nothing else. What comes back are plain samples in
memory that both sides see, so the service itself never runs a decoder.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor

from triptych_server.domain.decoding import Detail
from triptych_server.domain.errors import InvalidInput, Reason, Unavailable
from triptych_server.domain.items import Picture
from triptych_server.domain.limits import Limits
from triptych_server.domain.pictures import KeptFile
from triptych_server.encode.decode_process import (
    DecodeProcess,
    DecoderEnded,
    DecoderGone,
    DecoderNotStarted,
)
from triptych_server.encode.errors import StartupError
from triptych_server.encode.priority import step_back
from triptych_server.encode.refusals import checked_format, refused
from triptych_server.encode.thumbnail import make_thumbnail

log = logging.getLogger(__name__)

# A start takes a quarter of a second; a machine that is busy, some more.
_START_WAIT_S = 30.0
# Of all processes together: memory for the samples of the next pictures.
_KEEP_BYTES = 256 * 1024 * 1024


class ProcessIntake:
    """Decodes pictures in up to ``workers`` processes, each one picture at a time.

    The first process starts with the service, the others when they are needed; one that has ended
    is replaced by the next picture. ``time_limit_ms`` counts from when a process has the picture.
    ``memory_bytes`` is the address space of each process, its code included.
    """

    def __init__(
        self,
        limits: Limits,
        first: DecodeProcess,
        *,
        workers: int,
        time_limit_ms: int,
        memory_bytes: int,
    ) -> None:
        """Made by ``open``."""
        self._limits = limits
        self._formats = first.formats
        self._workers = workers
        self._time_limit_ms = time_limit_ms
        self._memory_bytes = memory_bytes
        self._idle = [first]
        self._slots = asyncio.Semaphore(workers)
        self._tasks: set[asyncio.Task[Picture]] = set()
        self._pool = ThreadPoolExecutor(
            workers, thread_name_prefix="thumbnails", initializer=step_back
        )

    @classmethod
    async def open(
        cls, limits: Limits, *, workers: int, time_limit_ms: int, memory_bytes: int
    ) -> ProcessIntake:
        """Start the first process. Raises StartupError where it does not start."""
        try:
            first = await DecodeProcess.start(
                limits,
                memory_bytes=memory_bytes,
                keep_bytes=_KEEP_BYTES // workers,
                start_wait_s=_START_WAIT_S,
            )
        except DecoderNotStarted as error:
            raise StartupError(
                f"the process that decodes pictures, with {memory_bytes} bytes of memory, does not "
                f"start: {error}"
            ) from error
        if "WEBP" not in first.formats:
            await first.kill()
            raise StartupError("thumbnails are WebP, and this build of Pillow is without it")
        return cls(
            limits,
            first,
            workers=workers,
            time_limit_ms=time_limit_ms,
            memory_bytes=memory_bytes,
        )

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that are taken, by Pillow's names."""
        return self._formats

    async def decode(self, data: bytes, detail: Detail | None = None) -> Picture:
        """``data`` as upright RGB pixels, with no more of them than ``detail`` asks for.

        Raises InvalidInput with an empty ``field``, Unavailable where no process starts.
        """
        format = checked_format(data, self._limits, self._formats)
        await self._slots.acquire()
        task = asyncio.create_task(self._decode(format, data, detail))
        self._tasks.add(task)
        task.add_done_callback(self._free)
        # Not cancelled with its caller: the process has the picture, and is of use again once it
        # is through with it.
        return await asyncio.shield(task)

    async def thumbnail(self, picture: Picture) -> KeptFile:
        """A small copy of ``picture``, as WebP: upright and on white, as its pixels are."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, make_thumbnail, picture.pixels)

    async def close(self) -> None:
        """End the processes, whatever they are at, and wait for the thumbnails being made."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._idle:
            await self._idle.pop().kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _free(self, task: asyncio.Task[Picture]) -> None:
        self._tasks.discard(task)
        self._slots.release()
        if not task.cancelled():
            task.exception()  # retrieved, also where the caller has gone

    async def _decode(self, format: str, data: bytes, detail: Detail | None) -> Picture:
        for _ in range(self._workers + 1):
            process = self._idle.pop() if self._idle else await self._start()
            try:
                async with asyncio.timeout(self._time_limit_ms / 1000):
                    picture = await process.decode(data, detail)
            except InvalidInput:
                self._idle.append(process)
                raise
            except DecoderGone:
                await process.kill()
                log.warning("a process that decodes pictures had ended while it was idle")
                continue
            except DecoderEnded as ended:
                await process.kill()
                raise _lost(format, data, str(ended), "broke its decoder") from ended
            except TimeoutError as error:
                await process.kill()
                limit = f"{self._time_limit_ms} ms"
                what = "takes too long to decode"
                raise _lost(format, data, f"killed after {limit}", what, allowed=limit) from error
            except BaseException:
                await process.kill()
                raise
            self._idle.append(process)
            return picture
        raise _unavailable()

    async def _start(self) -> DecodeProcess:
        try:
            return await DecodeProcess.start(
                self._limits,
                memory_bytes=self._memory_bytes,
                keep_bytes=_KEEP_BYTES // self._workers,
                start_wait_s=_START_WAIT_S,
            )
        except DecoderNotStarted as error:
            log.error("a process that decodes pictures does not start: %s", error)
            raise _unavailable() from error


def _lost(
    format: str, data: bytes, how: str, what: str, *, allowed: str | None = None
) -> InvalidInput:
    """The refusal of a picture that took its process down, and a line for the log."""
    log.warning(
        "a process that decodes pictures ended (%s) over a %s file of %s bytes, sha256 %s",
        how,
        format,
        len(data),
        hashlib.sha256(data).hexdigest(),
    )
    return refused(Reason.IMAGE_DECODE_FAILED, f"the {format} data {what}", allowed=allowed)


def _unavailable() -> Unavailable:
    return Unavailable(
        Reason.DECODER_UNAVAILABLE, "pictures can't be decoded now: their decoder does not start"
    )
