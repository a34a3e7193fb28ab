"""A picture that takes the process down that reads it loses its words, and nothing else does."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.children import READER, children, cpu_ticks
from tests.support.ocr_extra import needs_tesserocr
from tests.support.pictures import encoded, poster
from tests.support.server import RunningServer
from tests.support.waiting import wait_for
from triptych import Ocr, UpsertOutcome, make_item

PRINT = encoded(poster("ROOM 204", "Quiet please")[0], "PNG")


def busy() -> bytes:
    """Grain, over which Tesseract sits for more than a second."""
    pixels = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), "BMP")


@needs_tesserocr
def test_a_reader_killed_in_the_middle_of_a_picture(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", ocr_workers="1") as server, server.client() as client:
        client.create_collection("pictures")
        assert client.status().ocr_engine == "tesserocr"
        [reader] = children(READER, server.process.pid)
        before = cpu_ticks(reader)

        def kill() -> None:
            wait_for(lambda: cpu_ticks(reader) >= before + 5)
            os.kill(reader, signal.SIGSEGV)

        killer = threading.Thread(target=kill)
        killer.start()
        [lost] = client.upsert("pictures", [make_item("lost", image=busy())])
        killer.join(30)
        assert lost.result == UpsertOutcome.RESULT_CREATED
        assert lost.ocr_state == Ocr.STATE_FAILED
        assert [w.message for w in lost.warnings] == ["Tesseract crashed over the picture"]
        [read] = client.upsert("pictures", [make_item("read", image=PRINT)])
        assert read.ocr_state == Ocr.STATE_READ
        assert client.get_item("pictures", "read").ocr_text == "ROOM 204\nQuiet please"
        [other] = children(READER, server.process.pid)
        assert server.stop() == 0
        wait_for(lambda: not Path(f"/proc/{other}").exists())
    assert "SIGSEGV" in server.log
    assert "Traceback" not in server.log


def test_the_program_where_it_is_asked_for(tmp_path: Path) -> None:
    with (
        RunningServer(tmp_path / "data", ocr_engine="tesseract") as server,
        server.client() as client,
    ):
        assert client.status().ocr_engine == "tesseract"
        assert not children(READER, server.process.pid)
        client.create_collection("pictures")
        [read] = client.upsert("pictures", [make_item("read", image=PRINT)])
        assert read.ocr_state == Ocr.STATE_READ
