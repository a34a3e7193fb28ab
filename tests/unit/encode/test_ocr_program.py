"""What only the engine does that runs a program for each picture."""

import asyncio
import os
import tempfile
import time
from pathlib import Path

import pytest

from tests.support.ocr import LIMIT_MS, noise, picture
from tests.support.pictures import poster
from triptych_server.domain.items import OcrReading, OcrState
from triptych_server.encode.ocr import TesseractOcr


@pytest.fixture
def ocr() -> TesseractOcr:
    return TesseractOcr(workers=2)


def own_children() -> list[tuple[str, Path]]:
    """Name and /proc folder of this process's children; zombies have ended and do not count."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            before, after = stat.read_text().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = after.split()[:2]
        if int(parent) == os.getpid() and state != "Z":
            found.append((before.split("(", 1)[1], stat.parent))
    return found


def children() -> list[str]:
    return [name for name, _ in own_children()]


async def test_without_tesseract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ocr = TesseractOcr(workers=1)
    assert ocr.languages == ()
    reading = await ocr.read(noise(16), language="eng", time_limit_ms=LIMIT_MS)
    assert reading == OcrReading(
        OcrState.FAILED, language="eng", message="Tesseract is not installed on this server"
    )


async def test_tesseract_that_went_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ocr: TesseractOcr
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reading = await ocr.read(noise(16), language="eng", time_limit_ms=LIMIT_MS)
    assert reading.state is OcrState.FAILED
    assert reading.message == "Tesseract could not be started"


async def test_the_time_limit_ends_the_child(ocr: TesseractOcr) -> None:
    begin = time.monotonic()
    reading = await ocr.read(noise(2000), language="eng", time_limit_ms=400)
    took = time.monotonic() - begin
    assert reading == OcrReading(
        OcrState.TIMED_OUT,
        language="eng",
        message="reading the picture took longer than 400 ms",
    )
    assert "tesseract" not in children()
    assert took < 2.5, "the whole reading takes about 3 s"


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ocr = TesseractOcr(workers=1)
    image, _ = poster("LOST CAT", "Call 555 0199")
    reading = await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS)
    late = await ocr.read(noise(1500), language="eng", time_limit_ms=300)
    assert (reading.state, late.state) == (OcrState.READ, OcrState.TIMED_OUT)
    assert not names_in(tmp_path)


async def test_without_room_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    reading = await TesseractOcr(workers=1).read(noise(64), language="eng", time_limit_ms=LIMIT_MS)
    assert reading.state is OcrState.FAILED
    assert str(tmp_path) not in reading.message


async def test_at_most_workers_children_at_once() -> None:
    ocr = TesseractOcr(workers=2)
    reads = [
        asyncio.create_task(ocr.read(noise(300), language="eng", time_limit_ms=LIMIT_MS))
        for _ in range(6)
    ]
    most = 0
    while not all(task.done() for task in reads):
        most = max(most, children().count("tesseract"))
        await asyncio.sleep(0.005)
    assert most == 2
    assert {task.result().state for task in reads} <= {OcrState.READ, OcrState.NO_TEXT}
