"""A process that reads pictures: ``python -m triptych_server.encode.ocr_child``.

One loop: take a sheet, read it, answer. It keeps an instance of Tesseract for each of the last few
languages, since making one takes as long as reading a picture without words. What a hostile picture
can do is bounded here: it can take the process down, which costs that reading and no other, and it
can take so much memory and no more.
"""

from __future__ import annotations

import resource
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from triptych_server.children import die_with
from triptych_server.encode.priority import step_back

if TYPE_CHECKING:
    from tesserocr import PyTessBaseAPI

    from triptych_server.encode.ocr_frames import Reply, Request

_KEPT_LANGUAGES = 4


def main(arguments: list[str]) -> int:
    """Read until the pipe ends."""
    descriptor, parent, tessdata, memory_bytes = arguments
    if not die_with(int(parent)):
        return 1
    step_back()
    # The parent may end while it is being answered: then there is nobody left to tell.
    with (
        socket.socket(fileno=int(descriptor)) as pipe,
        suppress(BrokenPipeError, ConnectionResetError),
    ):
        try:
            _serve(pipe, tessdata, int(memory_bytes))
        except MemoryError:
            # Nothing is left even for a refusal: the parent sees the end, and starts another.
            return 1
    return 0


def _serve(pipe: socket.socket, tessdata: str, memory_bytes: int) -> None:
    from triptych_server.encode.ocr_frames import Kind, Reply, pack_reply, receive_request

    try:
        # Not at the top: the signals are settled before the heavy imports.
        import tesserocr
    except ImportError as error:
        pipe.sendall(pack_reply(Reply(Kind.FAILED, f"tesserocr can't be loaded: {error}")))
        return

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # A core file of a crash would hold a caller's picture.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reader = _Reader(tessdata)
    version = tesserocr.tesseract_version().splitlines()[0].removeprefix("tesseract ")
    pipe.sendall(pack_reply(Reply(Kind.GREETING, version)))
    while (request := receive_request(pipe)) is not None:
        pipe.sendall(pack_reply(reader.read(request)))


class _Reader:
    """Tesseract with the data in the folder ``tessdata``."""

    def __init__(self, tessdata: str) -> None:
        # Tesseract wants the slash.
        self._tessdata = f"{tessdata.rstrip('/')}/"
        self._instances: dict[str, PyTessBaseAPI] = {}

    def read(self, request: Request) -> Reply:
        from triptych_server.encode.ocr_frames import Kind, Reply
        from triptych_server.encode.ocr_sheet import DOTS_PER_INCH

        begin = time.monotonic()
        try:
            tesseract = self._instance(request.language)
        except RuntimeError:
            return Reply(Kind.FAILED, "Tesseract can't use the data of the language")
        # What it has learnt of one picture is not for the next: readings depend on nothing else.
        tesseract.ClearAdaptiveClassifier()
        tesseract.SetImageBytes(
            request.samples,
            request.width,
            request.height,
            request.channels,
            request.width * request.channels,
        )
        tesseract.SetSourceResolution(DOTS_PER_INCH)
        left = request.time_limit_ms - int((time.monotonic() - begin) * 1000)
        if left > 0 and tesseract.Recognize(left):
            table = tesseract.GetTSVText(0)
            tesseract.Clear()
            return Reply(Kind.READ, table)
        if (time.monotonic() - begin) * 1000 >= request.time_limit_ms:
            return Reply(Kind.TIMED_OUT)
        return Reply(Kind.FAILED, "Tesseract can't read the picture")

    def _instance(self, language: str) -> PyTessBaseAPI:
        """The instance for a language, made where there is none. Raises RuntimeError."""
        from tesserocr import PSM, PyTessBaseAPI

        found = self._instances.pop(language, None)
        if found is None:
            while len(self._instances) >= _KEPT_LANGUAGES:
                oldest = next(iter(self._instances))
                self._instances.pop(oldest).End()
            found = PyTessBaseAPI(path=self._tessdata, lang=language, psm=PSM.AUTO)
        self._instances[language] = found
        return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
