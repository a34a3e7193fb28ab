"""What only the engine does that keeps Tesseract in processes of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.children import READER, children, cpu_ticks
from tests.support.ocr import LIMIT_MS, Engine, check_found, noise, opened, picture
from tests.support.ocr_extra import needs_tesserocr
from tests.support.pictures import page, poster
from tests.support.waiting import wait_for
from triptych_server.domain.items import OcrReading, OcrState, Picture
from triptych_server.encode.errors import StartupError
from triptych_server.encode.ocr import TesseractOcr
from triptych_server.encode.ocr_engine import open_ocr
from triptych_server.encode.ocr_frames import LARGEST_REPLY, REPLY, Kind, Request, unpack_head
from triptych_server.encode.ocr_process import OcrProcess
from triptych_server.encode.ocr_sheet import make_sheet
from triptych_server.encode.ocr_words import reading_of
from triptych_server.encode.ocr_workers import MEMORY_BYTES, WorkerOcr
from triptych_server.encode.tessdata import data_names, find_tessdata

pytestmark = needs_tesserocr

BUSY = noise(2000)


@pytest.fixture
async def ocr() -> AsyncIterator[Engine]:
    async with opened("tesserocr", workers=1) as engine:
        yield engine


async def read(ocr: Engine, picture: Picture, limit_ms: int = LIMIT_MS) -> OcrReading:
    return await ocr.read(picture, language="eng", time_limit_ms=limit_ms)


async def check_it_reads(ocr: Engine) -> None:
    image, drawn = poster("ROOM 204", "Quiet please", side=420)
    check_found(await read(ocr, picture(image)), drawn)


async def begun(pid: int) -> None:
    """Returns once a process is at work."""
    before = cpu_ticks(pid)
    async with asyncio.timeout(20):
        while cpu_ticks(pid) < before + 3:  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=lambda n: n.name)
async def test_a_process_that_crashes_costs_one_reading(
    ocr: Engine, number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    [pid] = children(READER)
    reading, waiting = (
        asyncio.create_task(read(ocr, BUSY)),
        asyncio.create_task(read(ocr, noise(40))),
    )
    await begun(pid)
    os.kill(pid, number)
    assert await reading == OcrReading(
        OcrState.FAILED, language="eng", message="Tesseract crashed over the picture"
    )
    assert number.name in caplog.text
    assert (await waiting).state is OcrState.NO_TEXT
    await check_it_reads(ocr)
    [other] = children(READER)
    assert other != pid


async def test_a_process_that_ended_while_idle_costs_nothing(ocr: Engine) -> None:
    [pid] = children(READER)
    os.kill(pid, signal.SIGKILL)
    await check_it_reads(ocr)


async def test_a_process_that_hangs_is_ended(ocr: Engine) -> None:
    [pid] = children(READER)
    os.kill(pid, signal.SIGSTOP)
    reading = await read(ocr, noise(40), limit_ms=200)
    assert reading.state is OcrState.TIMED_OUT
    assert reading.message == "reading the picture took longer than 200 ms"
    assert pid not in children(READER)
    await check_it_reads(ocr)


async def test_a_process_obeys_the_time_limit_while_it_recognises_words() -> None:
    """It answers by itself, and is of use again."""
    tessdata = find_tessdata()
    assert tessdata is not None
    process = await OcrProcess.start(tessdata, memory_bytes=MEMORY_BYTES, wait_s=20)
    try:
        image, _ = page(["North Harbor Station and Platform 12"] * 9)
        samples = make_sheet(picture(image)).samples
        for limit_ms, kind in ((10, Kind.TIMED_OUT), (LIMIT_MS, Kind.READ), (10, Kind.TIMED_OUT)):
            request = Request("eng", limit_ms, 512, 512, 1, samples.tobytes())
            assert (await process.read(request)).kind is kind
            assert process.is_free
    finally:
        await process.kill()


async def test_a_reading_depends_on_no_other(ocr: Engine) -> None:
    """What Tesseract has learnt of one picture is forgotten before the next."""
    image, _ = poster("krovandi zelphor", "quintar 4821", size=16)
    first = await read(ocr, picture(image))
    for words in ("krovanol zelohor", "kravandi zelphar"):
        await read(ocr, picture(page([words] * 4)[0]))
    assert await read(ocr, picture(image)) == first


async def test_closing_with_readings_in_flight() -> None:
    async with opened("tesserocr", workers=2) as ocr:
        [pid] = children(READER)
        readings = [asyncio.create_task(read(ocr, BUSY)) for _ in range(3)]
        await begun(pid)
    assert not children(READER)
    for task in readings[:2]:
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await readings[2]).state is OcrState.FAILED, "it waited for a process"
    assert not children(READER)


def test_processes_end_with_whoever_started_them() -> None:
    """Also where that is killed."""
    program = (
        "import asyncio, sys\n"
        "from triptych_server.encode.ocr_workers import WorkerOcr\n"
        "async def main():\n"
        "    ocr = await WorkerOcr.open(workers=1)\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        [pid] = children(READER, parent.pid)
        parent.kill()
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


async def test_at_most_workers_processes() -> None:
    async with opened("tesserocr", workers=2) as ocr:
        states = [r.state for r in await asyncio.gather(*(read(ocr, noise(60)) for _ in range(6)))]
        assert states == [OcrState.NO_TEXT] * 6
        assert len(children(READER)) == 2


async def test_more_memory_than_a_process_may_have(ocr: Engine) -> None:
    tessdata = find_tessdata()
    assert tessdata is not None
    small = await OcrProcess.start(tessdata, memory_bytes=100 * 2**20, wait_s=20)
    limited = WorkerOcr(tessdata, small, workers=1, default_language="eng")
    try:
        reading = await read(limited, BUSY)
        assert reading.state is OcrState.FAILED
        await check_it_reads(limited)  # by a new process, with the usual memory
    finally:
        await limited.close()


async def test_more_languages_than_a_process_keeps(ocr: Engine) -> None:
    image, drawn = poster("ROOM 204", "Quiet please", side=420)
    for count in (1, 2, 3, 4, 5, 1):
        language = "+".join(["eng"] * count)
        reading = await ocr.read(picture(image), language=language, time_limit_ms=LIMIT_MS)
        check_found(reading, drawn)
        assert reading.language == language


@pytest.mark.parametrize("head", [b"\0" * REPLY.size, REPLY.pack(2, LARGEST_REPLY + 1)])
def test_what_is_no_reply(head: bytes) -> None:
    with pytest.raises(ValueError):
        unpack_head(head)


@pytest.mark.parametrize(
    "table", ["5\t1\t1", "5" + "\tx" * 11, "5" + "\t1" * 10 + "\t"], ids=["short", "text", "-"]
)
def test_tables_that_are_none(table: str) -> None:
    """Of a process that has read hostile pixels: refused, or no word in it."""
    small = noise(16)
    try:
        reading = reading_of(table, scale=1.0, picture=small, language="eng")
    except ValueError:
        return
    assert reading.state is OcrState.NO_TEXT


def test_boxes_lie_in_the_picture() -> None:
    rows = [
        f"5\t1\t1\t1\t1\t1\t{box}\t96\tword"
        for box in ("-9\t-9\t5\t5", "90\t90\t9\t9", "0\t0\t99\t99")
    ]
    reading = reading_of("\n".join(rows), scale=1.0, picture=noise(16), language="eng")
    for word in reading.words:
        assert 0 <= word.box.left < word.box.left + word.box.width <= 16
        assert 0 <= word.box.top < word.box.top + word.box.height <= 16
    assert len(reading.words) == 3


def test_confidence_that_is_no_number() -> None:
    table = "5\t1\t1\t1\t1\t1\t0\t0\t9\t9\tnan\tword"
    reading = reading_of(table, scale=1.0, picture=noise(16), language="eng")
    assert reading.state is OcrState.NO_TEXT


def test_the_language_data_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = find_tessdata()
    assert found is not None
    assert "eng" in data_names(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_tessdata() is not None, "without the program too"
    inner = tmp_path / "prefix" / "tessdata"
    inner.mkdir(parents=True)
    (inner / "xyz.traineddata").touch()
    for prefix in (inner, inner.parent):
        monkeypatch.setenv("TESSDATA_PREFIX", str(prefix))
        assert find_tessdata() == inner
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path / "none"))
    assert find_tessdata() is None, "a variable that leads nowhere: as with the program"


async def engine_of(name: str) -> Engine:
    ocr = await open_ocr(name, workers=1, default_language="eng")
    await ocr.close()
    return ocr


async def test_the_engine_that_is_asked_for() -> None:
    assert isinstance(await engine_of("auto"), WorkerOcr)
    assert isinstance(await engine_of("tesserocr"), WorkerOcr)
    assert isinstance(await engine_of("tesseract"), TesseractOcr)


async def test_an_engine_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A tesserocr that can't be loaded, as on a machine that its wheel does not fit."""
    (tmp_path / "tesserocr.py").write_text("raise ImportError('no such library')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(StartupError, match=r"TRIPTYCH_OCR_ENGINE=tesserocr: .* does not start"):
        await engine_of("tesserocr")
    assert isinstance(await engine_of("auto"), TesseractOcr)
    assert "pictures are not read by tesserocr" in caplog.text
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StartupError, match="TRIPTYCH_OCR_ENGINE=tesseract: there is no tesseract"):
        await engine_of("tesseract")
    assert (await engine_of("auto")).languages == ()
