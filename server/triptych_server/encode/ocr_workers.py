"""The words in a picture, read by tesserocr in processes of their own.

They keep Tesseract loaded, which is most of what the program's readings take. They get the same
sheet and settings as the program, so one version of Tesseract finds the same words either way.
Tesseract obeys a time limit only while it recognises words, not while it looks for them; so a
process that does not end in time is ended from here, as one that crashes ends by itself: that costs
the one reading, and the next has a new process.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from triptych_server.children import ChildNotStarted
from triptych_server.domain.items import OcrReading, Picture
from triptych_server.encode.errors import StartupError
from triptych_server.encode.ocr_frames import Kind, Request
from triptych_server.encode.ocr_languages import OcrLanguages
from triptych_server.encode.ocr_process import OcrProcess, ReaderEnded
from triptych_server.encode.ocr_sheet import Sheet, make_sheet
from triptych_server.encode.ocr_words import failed, reading_of, timed_out
from triptych_server.encode.priority import step_back
from triptych_server.encode.tessdata import data_names, find_tessdata
from triptych_server.encode.worker_pool import WorkerPool, WorkersLost

_LOG = logging.getLogger(__name__)

# A start takes a tenth of a second; a machine that is busy, some more.
_START_WAIT_S = 30.0
# A process takes 80 MB, 180 MB with the largest sheet, and some 20 MB for each further language
# that it keeps, of up to 4; those of Tesseract's best models take more.
MEMORY_BYTES = 1024 * 1024 * 1024
# How long after its time limit a process is ended: a fifth, but not so soon that the way to it and
# back counts.
_LENIENCE, _LEAST_LENIENCE_S = 0.2, 0.1


class WorkerOcr:
    """Reads pictures in up to ``workers`` processes, each one picture at a time.

    The first process starts with the service, the others when they are needed.
    """

    def __init__(
        self, tessdata: Path, first: OcrProcess, *, workers: int, default_language: str
    ) -> None:
        """Made by ``open``."""
        self.version = first.version
        self._languages = OcrLanguages.among(data_names(tessdata), default=default_language)
        self._processes = WorkerPool(partial(_start, tessdata), first, workers=workers)
        self._pool = ThreadPoolExecutor(
            workers, thread_name_prefix="ocr-sheets", initializer=step_back
        )

    @classmethod
    async def open(cls, *, workers: int, default_language: str = "eng") -> WorkerOcr:
        """Start the first process. Raises StartupError where this engine can't read."""
        tessdata = await asyncio.to_thread(find_tessdata)
        if tessdata is None:
            raise StartupError(
                "Tesseract has no language data here: install that of a language (for English, "
                "Debian's tesseract-ocr-eng), or set TESSDATA_PREFIX to the folder that has it"
            )
        try:
            first = await _start(tessdata)
        except ChildNotStarted as error:
            raise StartupError(
                f"the process that reads pictures does not start: {error}"
            ) from error
        return cls(tessdata, first, workers=workers, default_language=default_language)

    @property
    def engine(self) -> str:
        """Its name."""
        return "tesserocr"

    @property
    def languages(self) -> tuple[str, ...]:
        """The installed languages (Tesseract's codes), sorted."""
        return self._languages.installed

    def language_for(self, iso_code: str) -> str | None:
        """Tesseract's code for an ISO 639-1 language if it is installed, else the default one.

        None where neither is installed.
        """
        return self._languages.for_collection(iso_code)

    def require(self, language: str) -> None:
        """Raises StartupError where ``language``, one or several joined by ``+``, can't be read."""
        self._languages.require(language)

    async def close(self) -> None:
        """End the processes; readings that are under way are cancelled."""
        await self._processes.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def read(self, picture: Picture, *, language: str, time_limit_ms: int) -> OcrReading:
        """The words of ``picture``, with boxes in its own pixels.

        ``language`` is one code or several joined by ``+``. ``time_limit_ms`` counts from when a
        process has the sheet. Whatever goes wrong is a reading of state FAILED or TIMED_OUT.
        """
        refusal = self._languages.refusal(language)
        if refusal:
            return failed(language, refusal)
        try:
            return await self._processes.run(partial(self._read, picture, language, time_limit_ms))
        except (ChildNotStarted, WorkersLost) as error:
            _LOG.error("a process that reads pictures does not start: %s", error)
            return failed(language, "Tesseract could not be started")

    async def _read(
        self, picture: Picture, language: str, time_limit_ms: int, process: OcrProcess
    ) -> OcrReading:
        loop = asyncio.get_running_loop()
        sheet, samples = await loop.run_in_executor(self._pool, _samples, picture)
        height, width = sheet.samples.shape[:2]
        channels = len(samples) // (height * width)
        request = Request(language, time_limit_ms, width, height, channels, samples)
        limit_s = time_limit_ms / 1000
        try:
            async with asyncio.timeout(limit_s + max(limit_s * _LENIENCE, _LEAST_LENIENCE_S)):
                reply = await process.read(request)
            if reply.kind is Kind.READ:
                # A page full of words is milliseconds of work.
                words = partial(reading_of, scale=sheet.scale, picture=picture, language=language)
                return await loop.run_in_executor(self._pool, words, reply.text)
        except TimeoutError:
            return timed_out(language, time_limit_ms)
        except (ReaderEnded, ValueError) as error:
            await process.kill()
            _LOG.warning(
                "a process that reads pictures ended (%s) over a sheet of %s × %s pixels, sha256 "
                "of the picture's file %s",
                error,
                width,
                height,
                picture.info.sha256,
            )
            return failed(language, "Tesseract crashed over the picture")
        if reply.kind is Kind.TIMED_OUT:
            return timed_out(language, time_limit_ms)
        return failed(language, reply.text)


def _samples(picture: Picture) -> tuple[Sheet, bytes]:
    sheet = make_sheet(picture)
    return sheet, sheet.samples.tobytes()


async def _start(tessdata: Path) -> OcrProcess:
    return await OcrProcess.start(tessdata, memory_bytes=MEMORY_BYTES, wait_s=_START_WAIT_S)
