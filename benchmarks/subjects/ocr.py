"""Reading pictures: both engines against pytesseract as it is usually called."""

from __future__ import annotations

import asyncio
import io
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from PIL import Image

from benchmarks.frame import Bench, Findings, Row, interleaved, skipped
from benchmarks.photos import jpegs
from tests.support.pictures import Drawn, page, poster
from triptych_server.domain.items import ImageInfo, Picture
from triptych_server.encode.errors import StartupError
from triptych_server.encode.ocr import TesseractOcr
from triptych_server.encode.ocr_words import reading_of
from triptych_server.encode.ocr_workers import WorkerOcr

TITLE = "Words in pictures (OCR)"

_Read: TypeAlias = Callable[[Image.Image], list[str]]

_GOAL = "≥ 3×"
_THREADS = "OMP_THREAD_LIMIT"
_LIMIT_MS = 60_000
_SIZE = (1152, 864)
_LINES = (
    "The quick brown fox jumps over a lazy dog",
    "while seven wizards mix their potions",
    "in the old tower and count 4821 coins",
    "before the morning bell of the town rings",
    "and every market stall is open again",
)
_NOUNS = (
    "MUSEUM GLASS Concert Tonight Market Garden River Harvest Lantern Silver Window Morning Bakery "
    "Island Summer Winter Festival Violin Piano North South Harbor Station Platform Ticket Library"
).split()


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    pictures: tuple[tuple[Image.Image, tuple[str, ...]], ...]


def run(bench: Bench) -> Findings:
    """A ratio for each kind of picture, and how the words agree."""
    program = TesseractOcr(workers=1)
    if "eng" not in program.languages:
        return Findings([skipped(TITLE, "Tesseract is not installed, or has no English")])
    with asyncio.Runner() as runner:
        try:
            workers = runner.run(WorkerOcr.open(workers=1))
        except StartupError as error:
            return Findings([skipped(TITLE, str(error), goal=_GOAL)])
        try:
            return _compare(bench, runner, program, workers)
        finally:
            runner.run(workers.close())
            runner.run(program.close())


def _compare(
    bench: Bench, runner: asyncio.Runner, program: TesseractOcr, workers: WorkerOcr
) -> Findings:
    def reads(engine: TesseractOcr | WorkerOcr) -> _Read:
        def read(image: Image.Image) -> list[str]:
            reading = engine.read(_picture(image), language="eng", time_limit_ms=_LIMIT_MS)
            return [word.text for word in runner.run(reading).words]

        return read

    arms: dict[str, _Read] = {
        "usual": partial(_usual, None),
        "usual, one thread": partial(_usual, "1"),
        "program": reads(program),
        "tesserocr": reads(workers),
    }
    rows = []
    table = [
        f"| | {' | '.join(f'{name}, ms' for name in arms)} | words | found by each, in order |",
        "|---" * (len(arms) + 3) + "|",
    ]
    found = Counter[str]()
    drawn = same = pictures = 0
    for kind in _kinds(bench):
        lists = {name: [read(image) for image, _ in kind.pictures] for name, read in arms.items()}
        words = [words for _, words in kind.pictures]
        right = {name: sum(map(_right, read, words)) for name, read in lists.items()}
        found.update(right)
        drawn += sum(map(len, words))
        pictures += len(words)
        same += sum(map(list.__eq__, lists["program"], lists["tesserocr"]))
        timed = [image for image, _ in kind.pictures[:5]]
        rounds = interleaved(
            {name: partial(_read_all, read, timed) for name, read in arms.items()},
            rounds=bench.rounds(5),
        )
        ratio = rounds.ratio("usual", "tesserocr")
        single, ours = (
            rounds.ratio(one, other)
            for one, other in (("usual, one thread", "tesserocr"), ("usual", "program"))
        )
        detail = f"usual with OMP_THREAD_LIMIT=1: {single}; usual / our program: {ours}"
        name = f"pytesseract as usually called / tesserocr: {kind.name}"
        rows.append(Row(name, str(ratio), _GOAL, ratio.median >= 3, detail))
        taken = " | ".join(f"{1000 * rounds.median(arm) / len(timed):.0f}" for arm in arms)
        counts = " / ".join(str(right[arm]) for arm in arms)
        table.append(f"| {kind.name} | {taken} | {sum(map(len, words))} | {counts} |")
    rows.append(
        Row(
            "words found by tesserocr, for those found as usual",
            f"{found['tesserocr']} for {found['usual']} (of {drawn})",
            "no fewer",
            found["tesserocr"] >= found["usual"],
            f"our two engines give the same words for {same} of {pictures} pictures",
        )
    )
    note = (
        f"One picture at a time. As usual is `image_to_data` of a picture in RGB; program and "
        f"tesserocr (Tesseract {workers.version}) are the two engines of the service."
    )
    return Findings(rows, [note, "\n".join(table)])


def _read_all(read: _Read, images: Sequence[Image.Image]) -> None:
    for image in images:
        read(image)


def _usual(threads: str | None, image: Image.Image) -> list[str]:
    """The words of ``image_to_data``, kept by the same rule as ours.

    ``threads`` is the limit that Tesseract finds in its environment.
    """
    import pytesseract

    before = os.environ.pop(_THREADS, None)
    if threads is not None:
        os.environ[_THREADS] = threads
    try:
        table = pytesseract.image_to_data(image, output_type=pytesseract.Output.STRING)
    finally:
        os.environ.pop(_THREADS, None)
        if before is not None:
            os.environ[_THREADS] = before
    reading = reading_of(table, scale=1.0, picture=_picture(image), language="eng")
    return [word.text for word in reading.words]


def _kinds(bench: Bench) -> Sequence[_Kind]:
    width, height = _SIZE
    photo = Image.open(io.BytesIO(jpegs(1, 1)[0])).resize(_SIZE)
    kinds = [_Kind("photograph without text", ((photo, ()),))]
    for count in (1, 5, 20):
        lines = [_LINES[n % len(_LINES)] for n in range(count)]
        printed = _with_words(*page(lines, width=width, height=height, size=25))
        kinds.append(_Kind(f"{count} line{'s' * (count > 1)} of print", (printed,)))
    posters = tuple(_posters(np.random.default_rng(241), 5 if bench.quick else 30))
    return [*kinds, _Kind("coloured posters", posters)]


def _posters(rng: np.random.Generator, count: int) -> list[tuple[Image.Image, tuple[str, ...]]]:
    """Words of 28 to 36 px in random colours that differ by at least 60 in one channel."""
    made: list[tuple[Image.Image, tuple[str, ...]]] = []
    while len(made) < count:
        paper, ink, colour = (_colour(row) for row in rng.integers(0, 256, (3, 3)))
        if max(abs(p - i) for p, i in zip(paper, ink, strict=True)) < 60:
            continue
        above, below = (" ".join(rng.choice(_NOUNS, 2)) for _ in range(2))
        shape = str(rng.choice(["disc", "square", "ring", "star", "cup"]))
        size = int(rng.integers(28, 37))
        made.append(
            _with_words(
                *poster(above, below, shape=shape, colour=colour, paper=paper, ink=ink, size=size)
            )
        )
    return made


def _colour(row: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in row)
    return red, green, blue


def _with_words(image: Image.Image, drawn: list[Drawn]) -> tuple[Image.Image, tuple[str, ...]]:
    return image, tuple(word.text for word in drawn)


def _right(found: Sequence[str], drawn: Sequence[str]) -> int:
    return (Counter(found) & Counter(drawn)).total()


def _picture(image: Image.Image) -> Picture:
    return Picture(np.asarray(image), ImageInfo("PNG", image.width, image.height, 0, ""))
