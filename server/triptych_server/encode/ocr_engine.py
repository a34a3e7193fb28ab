"""Which engine reads pictures, as the operator wants it."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from triptych_server.encode.errors import StartupError
from triptych_server.encode.ocr import TesseractOcr
from triptych_server.encode.ocr_workers import WorkerOcr

log = logging.getLogger(__name__)


async def open_ocr(engine: str, *, workers: int, default_language: str) -> TesseractOcr | WorkerOcr:
    """The engine of that name, at most ``workers`` readings at a time; to be closed.

    ``auto`` is tesserocr where that is installed and works, else the program, which need not be
    there either. Raises StartupError where the one that was asked for can't read.
    """
    if engine == "tesserocr" or (engine == "auto" and find_spec("tesserocr") is not None):
        try:
            if find_spec("tesserocr") is None:
                raise StartupError("tesserocr is not installed: pip install 'triptych[ocr]'")
            ocr = await WorkerOcr.open(workers=workers, default_language=default_language)
        except StartupError as error:
            if engine != "auto":
                raise StartupError(
                    f"TRIPTYCH_OCR_ENGINE={engine}: {error}; or let it be auto"
                ) from error
            log.warning("pictures are not read by tesserocr: %s", error)
        else:
            log.info("pictures are read by tesserocr, with Tesseract %s", ocr.version)
            return ocr
    program = TesseractOcr(workers=workers, default_language=default_language)
    if engine == "tesseract" and not program.languages:
        raise StartupError(
            "TRIPTYCH_OCR_ENGINE=tesseract: there is no tesseract on the PATH, or it has no "
            "language; install tesseract-ocr, or let it be auto"
        )
    return program
