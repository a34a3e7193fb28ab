"""The words in a picture, read by Tesseract.

pytesseract runs one Tesseract process a picture, with files in the folder for temporary files
between them; both are gone when the reading ends, whichever way it ends. A reading whose caller
has given up goes on to its end or its time limit, and keeps its place among the workers until then.

How it is run was chosen by measurement, with Tesseract 5.3 on posters of 512 × 512 pixels: a
large shape in the middle, words of 28 to 36 px above and below it, random colours of paper, ink
and shape.

- In colour, not in gray: 241 of 241 words against 212, for 138 ms against 123 on one core.
  Tesseract looks for a threshold in each colour channel, and in gray white ink on mid-gray paper
  goes with the paper.
- Page segmentation 3 (automatic): modes 3, 6 and 11 find 241, 240 and 241 of those words, but in
  40 pictures without any text 3 reads nothing, where 6 and 11 read 84 and 87 "words" at a
  confidence of 0.3 or more, and still 12 and 7 at 0.7.
- At least 0.5 of confidence, and a letter or a digit: of 900 words of clean print that were read
  right, 2 have less. In 360 pictures without text 7 false words pass (16 at 0.3, 3 at 0.6).
- Pictures under 400 px are doubled (words of 10 px: 57 of 104 found instead of 26), those over
  2000 px shrunk to that (4000 px: 0.55 s instead of 1.9 s, and no word of 80 px lost).
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from triptych_server.domain.errors import clip
from triptych_server.domain.items import Box, OcrReading, OcrState, OcrWord, Picture
from triptych_server.domain.ocr_language import is_language_code
from triptych_server.encode.errors import StartupError

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_CONFIDENCE = 0.5
SMALL_SIDE = 400
LARGE_SIDE = 2000

_SEGMENTATION = "--psm 3"
_WORD_LEVEL = 5
# Data files that tesseract lists beside the languages: page orientation, and formulas.
_NO_LANGUAGES = frozenset({"osd", "equ"})

_LOG = logging.getLogger(__name__)

# ISO 639-1 to the names of Tesseract's data files (ISO 639-2/T with a few of its own).
_TESSERACT_NAMES = (
    "af:afr am:amh ar:ara as:asm az:aze be:bel bg:bul bn:ben bo:bod br:bre bs:bos ca:cat co:cos "
    "cs:ces cy:cym da:dan de:deu dv:div dz:dzo el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas "
    "fi:fin fo:fao fr:fra fy:fry ga:gle gd:gla gl:glg gu:guj he:heb hi:hin hr:hrv ht:hat hu:hun "
    "hy:hye id:ind is:isl it:ita iu:iku ja:jpn jv:jav ka:kat kk:kaz km:khm kn:kan ko:kor ku:kmr "
    "ky:kir la:lat lb:ltz lo:lao lt:lit lv:lav mi:mri mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt "
    "my:mya nb:nor ne:nep nl:nld nn:nor no:nor oc:oci or:ori pa:pan pl:pol ps:pus pt:por qu:que "
    "ro:ron ru:rus sa:san sd:snd si:sin sk:slk sl:slv sq:sqi sr:srp su:sun sv:swe sw:swa ta:tam "
    "te:tel tg:tgk th:tha ti:tir tl:fil to:ton tr:tur tt:tat ug:uig uk:ukr ur:urd uz:uzb vi:vie "
    "yi:yid yo:yor zh:chi_sim"
)


def tesseract_language(iso: str) -> str | None:
    """Tesseract's name for an ISO 639-1 language ("de" is "deu"); None where it has no data."""
    pairs = (pair.split(":") for pair in _TESSERACT_NAMES.split())
    return next((name for code, name in pairs if code == iso), None)


class TesseractOcr:
    """Reads pictures with the ``tesseract`` on the PATH, at most ``workers`` at a time.

    Without that program ``languages`` is empty and every reading FAILED. ``default_language``
    stands in for a language that is not installed.
    """

    def __init__(self, *, workers: int, default_language: str = "eng") -> None:
        self._is_installed = shutil.which("tesseract") is not None
        self._languages = _installed_languages() if self._is_installed else ()
        self._default_language = default_language
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="ocr")
        self._slots = asyncio.Semaphore(workers)

    @property
    def languages(self) -> tuple[str, ...]:
        """The installed languages (Tesseract's codes), sorted."""
        return self._languages

    def language_for(self, iso_code: str) -> str | None:
        """Tesseract's code for an ISO 639-1 language if it is installed, else the default one.

        None where neither is installed.
        """
        wanted = (tesseract_language(iso_code), self._default_language)
        return next((code for code in wanted if code and not self._missing(code)), None)

    def require(self, language: str) -> None:
        """Raises StartupError where ``language``, one or several joined by ``+``, can't be read."""
        refusal = self._refusal(language)
        if refusal:
            raise StartupError(f"TRIPTYCH_OCR_LANGUAGE={language}: {refusal}")

    def close(self) -> None:
        """Start no more readings."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def read(self, picture: Picture, *, language: str, time_limit_ms: int) -> OcrReading:
        """The words of ``picture``, with boxes in its own pixels.

        ``language`` is one code or several joined by ``+``. ``time_limit_ms`` counts from when a
        worker is free. Whatever goes wrong is a reading of state FAILED or TIMED_OUT.
        """
        refusal = self._refusal(language)
        if refusal:
            return OcrReading(OcrState.FAILED, language=language, message=refusal)
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(self._pool, _read, picture, language, time_limit_ms)
        # Freed when the worker is, which is later than this call where its caller gives up: so
        # readings that nobody awaits any more do not queue up, each holding its picture.
        reading.add_done_callback(lambda done: self._slots.release())
        return await asyncio.shield(reading)

    def _refusal(self, language: str) -> str:
        if not self._is_installed:
            return "Tesseract is not installed on this server"
        if not is_language_code(language):
            return f"not a language code of Tesseract's (got {clip(language)}, such as eng+deu)"
        missing = self._missing(language)
        if missing:
            return (
                f"language not installed (got {clip('+'.join(missing))}, "
                f"allowed {', '.join(self._languages) or 'none'})"
            )
        return ""

    def _missing(self, language: str) -> list[str]:
        """The parts of ``language`` that are not installed."""
        return [part for part in language.split("+") if part not in self._languages]


def _installed_languages() -> tuple[str, ...]:
    import pytesseract

    try:
        names = set(pytesseract.get_languages())
    except (OSError, pytesseract.TesseractNotFoundError, UnicodeDecodeError):
        _LOG.exception("tesseract did not list its languages")
        return ()
    return tuple(sorted(name for name in names - _NO_LANGUAGES if is_language_code(name)))


def _read(picture: Picture, language: str, time_limit_ms: int) -> OcrReading:
    import pytesseract

    sheet, scale = _sheet(picture)
    try:
        table = pytesseract.image_to_data(
            sheet,
            lang=language,
            config=_SEGMENTATION,
            output_type=pytesseract.Output.DICT,
            timeout=time_limit_ms / 1000,
        )
    except pytesseract.TesseractError as error:
        # Its text holds paths of this machine.
        _LOG.warning("tesseract failed: exit status %s, %s", error.status, clip(error.message))
        message = f"Tesseract ended with an error (exit status {error.status})"
        return OcrReading(OcrState.FAILED, language=language, message=message)
    except RuntimeError:
        # What pytesseract raises when the time is over; TesseractError is one, too.
        message = f"reading the picture took longer than {time_limit_ms} ms"
        return OcrReading(OcrState.TIMED_OUT, language=language, message=message)
    except (OSError, UnboundLocalError):
        # Not there any more (TesseractNotFoundError), or no room for temporary files, over which
        # pytesseract stumbles while it cleans up.
        _LOG.exception("tesseract could not be run")
        message = "Tesseract could not be started"
        return OcrReading(OcrState.FAILED, language=language, message=message)
    words = tuple(_words(table, scale, picture))
    state = OcrState.READ if words else OcrState.NO_TEXT
    return OcrReading(state, _text(words), tuple(w.word for w in words), language)


def _sheet(picture: Picture) -> tuple[Image, float]:
    """The picture as Tesseract gets it, and its scale against the picture's own pixels."""
    from PIL import Image

    image = Image.fromarray(picture.pixels)
    longest = max(image.size)
    scale = 2.0 if longest < SMALL_SIDE else min(1.0, LARGE_SIDE / longest)
    if scale != 1.0:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    # pytesseract writes a picture without a format as PNG, which takes longer to pack.
    image.format = "BMP"
    return image, scale


@dataclass(frozen=True, slots=True)
class _Placed:
    """A word and the line it stands in: (page, block, paragraph, line) as Tesseract counts."""

    word: OcrWord
    line: tuple[int, int, int, int]


def _words(table: dict[str, list[Any]], scale: float, picture: Picture) -> Iterator[_Placed]:
    """The words worth keeping of Tesseract's table, in its reading order."""
    height, width, _ = picture.pixels.shape
    columns = list(table)
    for values in zip(*table.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        if int(row["level"]) != _WORD_LEVEL:
            continue
        text = unicodedata.normalize("NFC", str(row["text"]).strip())
        confidence = float(row["conf"]) / 100
        if confidence < MIN_CONFIDENCE or not any(c.isalnum() for c in text):
            continue
        left = min(width - 1, int(int(row["left"]) / scale))
        top = min(height - 1, int(int(row["top"]) / scale))
        right = (int(row["left"]) + int(row["width"])) / scale
        bottom = (int(row["top"]) + int(row["height"])) / scale
        box = Box(
            left=left,
            top=top,
            width=max(1, min(width, round(right)) - left),
            height=max(1, min(height, round(bottom)) - top),
        )
        line = (
            int(row["page_num"]),
            int(row["block_num"]),
            int(row["par_num"]),
            int(row["line_num"]),
        )
        yield _Placed(OcrWord(text, min(1.0, confidence), box), line)


def _text(words: tuple[_Placed, ...]) -> str:
    """One line of text a line of print."""
    lines = (list(group) for _, group in groupby(words, key=lambda placed: placed.line))
    return "\n".join(" ".join(placed.word.text for placed in line) for line in lines)
