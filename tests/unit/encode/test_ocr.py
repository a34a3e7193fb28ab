"""Reading pictures with the real Tesseract."""

import asyncio
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.decoding import OwnDecoder
from tests.support.pictures import Drawn, encoded, page, poster, textless
from triptych_server.domain.items import Box, ImageInfo, OcrReading, OcrState, Picture
from triptych_server.domain.limits import Limits
from triptych_server.encode.ocr import MIN_CONFIDENCE, TesseractOcr, tesseract_language

LIMIT_MS = 20_000


@pytest.fixture
def ocr() -> TesseractOcr:
    return TesseractOcr(workers=2)


def picture(image: Image.Image) -> Picture:
    pixels = np.asarray(image.convert("RGB"))
    return Picture(pixels, ImageInfo("PNG", image.width, image.height, 0, ""))


def noise(side: int) -> Picture:
    """Grain that keeps Tesseract busy for seconds."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Picture(pixels, ImageInfo("PNG", side, side, 0, ""))


def overlap(box: Box, drawn: Drawn) -> float:
    """The area that both cover, as a share of the area that either covers."""
    left, top, right, bottom = drawn.box
    width = min(box.left + box.width, right) - max(box.left, left)
    height = min(box.top + box.height, bottom) - max(box.top, top)
    shared = max(0, width) * max(0, height)
    return shared / (box.width * box.height + (right - left) * (bottom - top) - shared)


def check_found(reading: OcrReading, drawn: list[Drawn], least_overlap: float = 0.6) -> None:
    assert reading.state is OcrState.READ
    assert [w.text for w in reading.words] == [d.text for d in drawn]
    for word, truth in zip(reading.words, drawn, strict=True):
        assert MIN_CONFIDENCE <= word.confidence <= 1
        assert overlap(word.box, truth) >= least_overlap, (word, truth)


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


async def started() -> None:
    """Returns once Tesseract runs."""
    async with asyncio.timeout(10):
        while "tesseract" not in children():  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("paper", "ink"),
    [
        ((240, 214, 120), (0, 0, 0)),
        ((30, 60, 120), (255, 255, 255)),
        ((128, 128, 128), (255, 255, 255)),  # lost where the picture is read in gray
        ((255, 22, 117), (209, 176, 219)),  # likewise
    ],
)
async def test_a_posters_words_are_found_where_they_stand(
    ocr: TesseractOcr, paper: tuple[int, int, int], ink: tuple[int, int, int]
) -> None:
    image, drawn = poster("Serial SN-4821-QX", "Made in Bergen", paper=paper, ink=ink)
    reading = await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS)
    check_found(reading, drawn)
    assert reading.text == "Serial SN-4821-QX\nMade in Bergen"
    assert reading.language == "eng"
    assert reading.message == ""


async def test_lines_come_in_reading_order(ocr: TesseractOcr) -> None:
    lines = ["The first line of print", "the second one below it", "and the third at last"]
    image, drawn = page(lines)
    reading = await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS)
    check_found(reading, drawn)
    assert reading.text == "\n".join(lines)


@pytest.mark.parametrize(("side", "size"), [(256, 20), (3000, 120)], ids=["doubled", "shrunk"])
async def test_boxes_of_scaled_pictures_are_in_their_own_pixels(
    ocr: TesseractOcr, side: int, size: int
) -> None:
    image, drawn = poster("LOST CAT", "Free entry", side=side, size=size)
    reading = await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS)
    check_found(reading, drawn)


async def test_every_orientation_reads_the_same(ocr: TesseractOcr) -> None:
    image, drawn = poster("MUSEUM OF GLASS", "Free entry", shape="cup")
    image = image.crop((0, 0, 480, 512))
    undone = [None, *(Image.Transpose(t) for t in (0, 3, 1, 5, 2, 6, 4))]
    decoder, readings = OwnDecoder(Limits()), []
    for orientation, turn in enumerate(undone, start=1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = image if turn is None else image.transpose(turn)
        upright = decoder.decode(encoded(stored, "PNG", exif=exif))
        readings.append(await ocr.read(upright, language="eng", time_limit_ms=LIMIT_MS))
    check_found(readings[0], drawn)
    assert all(reading == readings[0] for reading in readings)


@pytest.mark.parametrize("seed", range(8))
async def test_pictures_without_text(ocr: TesseractOcr, seed: int) -> None:
    reading = await ocr.read(picture(textless(seed)), language="eng", time_limit_ms=LIMIT_MS)
    assert reading == OcrReading(OcrState.NO_TEXT, language="eng")


async def test_the_smallest_picture(ocr: TesseractOcr) -> None:
    reading = await ocr.read(
        picture(Image.new("RGB", (8, 400), "red")), language="eng", time_limit_ms=LIMIT_MS
    )
    assert reading.state is OcrState.NO_TEXT


async def test_languages_are_those_installed(ocr: TesseractOcr) -> None:
    assert "eng" in ocr.languages
    assert "osd" not in ocr.languages
    assert list(ocr.languages) == sorted(ocr.languages)


@pytest.mark.parametrize("language", ["tlh", "eng+tlh"])
async def test_a_language_that_is_not_installed(ocr: TesseractOcr, language: str) -> None:
    reading = await ocr.read(noise(16), language=language, time_limit_ms=LIMIT_MS)
    assert reading.state is OcrState.FAILED
    installed = ", ".join(ocr.languages)
    assert reading.message == f"language not installed (got tlh, allowed {installed})"


@pytest.mark.parametrize("language", ["", "e", "eng;", "-c x=y", "../eng", "eng+", "ENG", "eng\n"])
async def test_what_is_no_language_code(ocr: TesseractOcr, language: str) -> None:
    reading = await ocr.read(noise(16), language=language, time_limit_ms=LIMIT_MS)
    assert reading.state is OcrState.FAILED
    assert reading.message.startswith("not a language code of Tesseract's (got ")


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


async def test_broken_language_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "eng.traineddata").write_bytes(b"nothing of the kind")
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    ocr = TesseractOcr(workers=1)
    assert ocr.languages == ("eng",)
    reading = await ocr.read(noise(16), language="eng", time_limit_ms=LIMIT_MS)
    assert reading.state is OcrState.FAILED
    assert reading.message.startswith("Tesseract ended with an error (exit status ")
    assert str(tmp_path) not in reading.message


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


async def test_cancelling_frees_the_caller_and_later_the_worker() -> None:
    ocr = TesseractOcr(workers=1)
    task = asyncio.create_task(ocr.read(noise(2000), language="eng", time_limit_ms=600))
    await started()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The one worker is busy until the time limit of the reading that nobody awaits any more.
    image, drawn = poster("ROOM 204", "Quiet please")
    check_found(await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS), drawn)


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


@pytest.mark.parametrize(
    ("iso", "name"),
    [
        ("en", "eng"),
        ("de", "deu"),
        ("fr", "fra"),
        ("nb", "nor"),
        ("zh", "chi_sim"),
        ("yo", "yor"),
        ("xx", None),
        ("", None),
        ("eng", None),
    ],
)
def test_tesseract_language(iso: str, name: str | None) -> None:
    assert tesseract_language(iso) == name


def test_the_language_of_a_collection(ocr: TesseractOcr) -> None:
    assert ocr.language_for("en") == "eng"
    assert ocr.language_for("yo") == "eng", "not installed, so the default"
    assert TesseractOcr(workers=1, default_language="tlh").language_for("yo") is None
    both = TesseractOcr(workers=1, default_language="eng+eng")
    assert both.language_for("yo") == "eng+eng"
