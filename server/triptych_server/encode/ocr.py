"""The words in a picture, read by the ``tesseract`` program.

pytesseract runs one Tesseract process a picture, with files in the folder for temporary files
between them; both are gone when the reading ends, whichever way it ends. A reading whose caller
has given up goes on to its end or its time limit, and keeps its place among the workers until then.

Page segmentation 3 (automatic) was chosen by measurement, on the posters of ``ocr_sheet``: modes
3, 6 and 11 find 241, 240 and 241 of their 241 words, but in 40 pictures without any text 3 reads
nothing, where 6 and 11 read 84 and 87 "words" at a confidence of 0.3 or more, and still 12 and 7
at 0.7.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from concurrent.futures import ThreadPoolExecutor

from triptych_server.domain.errors import clip
from triptych_server.domain.items import OcrReading, Picture
from triptych_server.encode.ocr_languages import OcrLanguages
from triptych_server.encode.ocr_sheet import DOTS_PER_INCH, make_sheet
from triptych_server.encode.ocr_words import failed, reading_of, timed_out
from triptych_server.encode.priority import step_back

PAGE_SEGMENTATION = 3

_LOG = logging.getLogger(__name__)


class TesseractOcr:
    """Reads pictures with the ``tesseract`` on the PATH, at most ``workers`` at a time.

    Without that program ``languages`` is empty and every reading FAILED. ``default_language``
    stands in for a language that is not installed.
    """

    def __init__(self, *, workers: int, default_language: str = "eng") -> None:
        self._is_installed = shutil.which("tesseract") is not None
        names = _installed_names() if self._is_installed else set[str]()
        self._languages = OcrLanguages.among(names, default=default_language)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="ocr", initializer=step_back)
        self._slots = asyncio.Semaphore(workers)

    @property
    def engine(self) -> str:
        """Its name."""
        return "tesseract"

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
        """Start no more readings."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def read(self, picture: Picture, *, language: str, time_limit_ms: int) -> OcrReading:
        """The words of ``picture``, with boxes in its own pixels.

        ``language`` is one code or several joined by ``+``. ``time_limit_ms`` counts from when a
        worker is free. Whatever goes wrong is a reading of state FAILED or TIMED_OUT.
        """
        if not self._is_installed:
            return failed(language, "Tesseract is not installed on this server")
        refusal = self._languages.refusal(language)
        if refusal:
            return failed(language, refusal)
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(self._pool, _read, picture, language, time_limit_ms)
        # Freed when the worker is, which is later than this call where its caller gives up: so
        # readings that nobody awaits any more do not queue up, each holding its picture.
        reading.add_done_callback(lambda done: self._slots.release())
        return await asyncio.shield(reading)


def _installed_names() -> set[str]:
    import pytesseract

    try:
        return set(pytesseract.get_languages())
    except (OSError, pytesseract.TesseractNotFoundError, UnicodeDecodeError):
        _LOG.exception("tesseract did not list its languages")
        return set()


def _read(picture: Picture, language: str, time_limit_ms: int) -> OcrReading:
    import pytesseract

    sheet = make_sheet(picture)
    image = sheet.image
    # pytesseract writes a picture without a format as PNG, which takes longer to pack.
    image.format = "BMP"
    try:
        table = pytesseract.image_to_data(
            image,
            lang=language,
            config=f"--psm {PAGE_SEGMENTATION} --dpi {DOTS_PER_INCH}",
            output_type=pytesseract.Output.STRING,
            timeout=time_limit_ms / 1000,
        )
    except pytesseract.TesseractError as error:
        # Its text holds paths of this machine.
        _LOG.warning("tesseract failed: exit status %s, %s", error.status, clip(error.message))
        return failed(language, f"Tesseract ended with an error (exit status {error.status})")
    except RuntimeError:
        # What pytesseract raises when the time is over; TesseractError is one, too.
        return timed_out(language, time_limit_ms)
    except (OSError, UnboundLocalError):
        # Not there any more (TesseractNotFoundError), or no room for temporary files, over which
        # pytesseract stumbles while it cleans up.
        _LOG.exception("tesseract could not be run")
        return failed(language, "Tesseract could not be started")
    return reading_of(table, scale=sheet.scale, picture=picture, language=language)
