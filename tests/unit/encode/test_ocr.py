"""Reading pictures with the real Tesseract, the same from both engines."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.decoding import OwnDecoder
from tests.support.ocr import (
    ENGINES,
    LIMIT_MS,
    Engine,
    check_found,
    noise,
    opened,
    picture,
)
from tests.support.ocr_extra import needs_tesserocr
from tests.support.pictures import Colour, encoded, page, poster, textless
from triptych_server.domain.items import OcrReading, OcrState
from triptych_server.domain.limits import Limits
from triptych_server.encode.ocr_languages import OcrLanguages, tesseract_language
from triptych_server.encode.ocr_sheet import make_sheet


@pytest.fixture(params=ENGINES)
async def ocr(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    async with opened(request.param, workers=2) as engine:
        yield engine


async def test_a_posters_words_are_found_where_they_stand(ocr: Engine) -> None:
    colours: list[tuple[Colour, Colour]] = [
        ((240, 214, 120), (0, 0, 0)),
        ((30, 60, 120), (255, 255, 255)),
        ((128, 128, 128), (255, 255, 255)),  # lost where the picture is read in gray
        ((255, 22, 117), (209, 176, 219)),  # likewise
    ]
    for paper, ink in colours:
        image, drawn = poster("Serial SN-4821-QX", "Made in Bergen", paper=paper, ink=ink)
        reading = await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS)
        check_found(reading, drawn)
        assert reading.text == "Serial SN-4821-QX\nMade in Bergen"
        assert reading.language == "eng"
        assert reading.message == ""


async def test_lines_come_in_reading_order(ocr: Engine) -> None:
    lines = ["The first line of print", "the second one below it", "and the third at last"]
    image, drawn = page(lines)
    assert make_sheet(picture(image)).samples.ndim == 2, "read in gray"
    reading = await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS)
    check_found(reading, drawn)
    assert reading.text == "\n".join(lines)


async def test_boxes_of_scaled_pictures_are_in_their_own_pixels(ocr: Engine) -> None:
    for side, size in [(256, 20), (3000, 120)]:  # doubled, shrunk
        image, drawn = poster("LOST CAT", "Free entry", side=side, size=size)
        reading = await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS)
        check_found(reading, drawn)


async def test_every_orientation_reads_the_same(ocr: Engine) -> None:
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


async def test_pictures_without_text(ocr: Engine) -> None:
    pictures = [picture(textless(seed)) for seed in range(4)]
    readings = [ocr.read(p, language="eng", time_limit_ms=LIMIT_MS) for p in pictures]
    for reading in await asyncio.gather(*readings):
        assert reading == OcrReading(OcrState.NO_TEXT, language="eng")


async def test_unusual_sizes(ocr: Engine) -> None:
    blank = [picture(Image.new("RGB", size, "red")) for size in [(8, 400), (1, 1)]]
    grain = [
        noise(width, height) for width, height in [(400, 1), (1, 8000), (8000, 20), (20, 8000)]
    ]
    readings = [ocr.read(p, language="eng", time_limit_ms=LIMIT_MS) for p in blank + grain]
    states = [reading.state for reading in await asyncio.gather(*readings)]
    assert states[:2] == [OcrState.NO_TEXT] * 2
    assert set(states) <= {OcrState.NO_TEXT, OcrState.READ}
    image, drawn = page(["One narrow strip of print"], width=1990, height=60, size=20)
    check_found(await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS), drawn)


async def test_a_reading_depends_on_no_other(ocr: Engine) -> None:
    """What Tesseract has learnt of one picture is forgotten before the next."""
    image, _ = poster("krovandi zelphor", "quintar 4821", size=16)
    first = await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS)
    for words in ("krovanol zelohor", "kravandi zelphar"):
        other, _ = page([words] * 6)
        await ocr.read(picture(other), language="eng", time_limit_ms=LIMIT_MS)
    assert await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS) == first


@needs_tesserocr
async def test_the_engines_find_the_same_words() -> None:
    async with opened("tesseract", workers=2) as program, opened("tesserocr") as workers:
        rng = np.random.default_rng(20)
        for _ in range(3):
            while True:
                paper, ink, colour = (
                    tuple(int(v) for v in row) for row in rng.integers(0, 256, (3, 3))
                )
                if max(abs(p - i) for p, i in zip(paper, ink, strict=True)) > 60:
                    break
            image, _ = poster(
                "North Harbor Station",
                "Platform 12",
                paper=paper,  # type: ignore[arg-type]
                ink=ink,  # type: ignore[arg-type]
                colour=colour,  # type: ignore[arg-type]
                size=32,
            )
            one = await program.read(picture(image), language="eng", time_limit_ms=LIMIT_MS)
            other = await workers.read(picture(image), language="eng", time_limit_ms=LIMIT_MS)
            assert one.state is OcrState.READ
            assert [w.text for w in one.words] == [w.text for w in other.words]
            assert one.text == other.text


async def test_what_can_not_be_read(ocr: Engine) -> None:
    assert "eng" in ocr.languages
    assert "osd" not in ocr.languages
    assert list(ocr.languages) == sorted(ocr.languages)
    for language in ["tlh", "eng+tlh"]:
        reading = await ocr.read(noise(16), language=language, time_limit_ms=LIMIT_MS)
        assert reading.state is OcrState.FAILED
        installed = ", ".join(ocr.languages)
        assert reading.message == f"language not installed (got tlh, allowed {installed})"
    for language in ["", "e", "eng;", "-c x=y", "../eng", "eng+", "ENG", "eng\n"]:
        reading = await ocr.read(noise(16), language=language, time_limit_ms=LIMIT_MS)
        assert reading.state is OcrState.FAILED
        assert reading.message.startswith("not a language code of Tesseract's (got ")


@pytest.mark.parametrize("engine", ENGINES)
async def test_broken_language_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: str
) -> None:
    (tmp_path / "eng.traineddata").write_bytes(b"nothing of the kind")
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    async with opened(engine) as ocr:
        assert ocr.languages == ("eng",)
        reading = await ocr.read(noise(16), language="eng", time_limit_ms=LIMIT_MS)
    assert reading.state is OcrState.FAILED
    assert reading.message.startswith("Tesseract ")
    assert str(tmp_path) not in reading.message


async def test_the_time_limit(ocr: Engine) -> None:
    late = await ocr.read(noise(2000), language="eng", time_limit_ms=300)
    assert late == OcrReading(
        OcrState.TIMED_OUT,
        language="eng",
        message="reading the picture took longer than 300 ms",
    )
    image, drawn = poster("ROOM 204", "Quiet please")
    check_found(await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS), drawn)


@pytest.mark.parametrize("engine", ENGINES)
async def test_cancelling_frees_the_caller_and_later_the_worker(engine: str) -> None:
    async with opened(engine, workers=1) as ocr:
        task = asyncio.create_task(ocr.read(noise(2000), language="eng", time_limit_ms=400))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The one worker is busy until the time limit of the reading that nobody awaits any more.
        image, drawn = poster("ROOM 204", "Quiet please")
        check_found(await ocr.read(picture(image), language="eng", time_limit_ms=LIMIT_MS), drawn)


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


def test_the_language_of_a_collection() -> None:
    def languages(default: str) -> OcrLanguages:
        return OcrLanguages.among(["eng", "osd", "Latin"], default=default)

    assert languages("eng").installed == ("eng",)
    assert languages("eng").for_collection("en") == "eng"
    assert languages("eng").for_collection("yo") == "eng", "not installed, so the default"
    assert languages("tlh").for_collection("yo") is None
    assert languages("eng+eng").for_collection("yo") == "eng+eng"
