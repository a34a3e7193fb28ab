"""What decoding JPEGs at a part of their sides saves, and how far it moves what comes of them."""

from __future__ import annotations

import asyncio
import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.frame import Bench, Findings, Row, interleaved
from benchmarks.models import clip_folder
from benchmarks.photos import jpegs
from benchmarks.stages import Stages
from tools.demo_pictures.album import CAPTIONS_NAME, draw_album
from tools.demo_pictures.scenes import load_scenes
from triptych_server.encode.catalogue import resolve_model
from triptych_server.encode.clip import load_encoder
from triptych_server.encode.preprocess import Pixels

TITLE = "Scaled JPEG decoding"

_MOST = 0.001
_TOP = 10
Vectors = NDArray[np.float64]


def run(bench: Bench) -> Findings:
    """Displacement of embeddings and of top tens, and the time that it saves on one core."""
    rows = []
    clip = Stages(clip_folder())
    for size in (1, 3, 12):
        files = jpegs(size, 4 if bench.quick else 12, seed=1)
        rows.append(_displacement(clip, files, f"random ViT-B/32, {size} MP photographs"))
    tiny = resolve_model("tiny-clip", bench.folder)
    album = _album(bench)
    captions = asyncio.run(_embedded(tiny, [caption for _, caption in album]))
    notes = []
    for megapixels in (0.6, 3.0):
        files = [_as_jpeg(picture, megapixels) for picture, _ in album]
        what = f"tiny-clip, demo pictures at {megapixels} MP"
        rows.append(_displacement(Stages(tiny), files, what))
        notes.append(_top_tens(Stages(tiny), files, captions, megapixels))
    for size in (1, 3, 12):
        rows.append(_time(bench, clip, jpegs(size, 4), size))
    return Findings(rows, notes)


def _displacement(stages: Stages, files: Sequence[bytes], what: str) -> Row:
    exact, scaled = _both(stages, files)
    between = 1 - exact @ exact.T
    typical = float(np.median(between[np.triu_indices(len(files), 1)]))
    moved = 1 - (exact * scaled).sum(axis=1)
    worst = float(moved.max()) / typical
    return Row(
        f"displacement, {what}",
        f"{worst:.3%}",
        f"≤ {_MOST:.1%}",
        worst <= _MOST,
        f"worst of {len(files)} pictures' 1 - cos to full decoding and Pillow's bicubic over the "
        f"whole picture, over the median 1 - cos of two pictures ({typical:.3g}); median "
        f"{float(np.median(moved)) / typical:.4%}",
    )


def _both(stages: Stages, files: Sequence[bytes]) -> tuple[Vectors, Vectors]:
    exact = [_reference(stages, file) for file in files]
    scaled = [stages.crop(file, scaled=True) for file in files]
    return stages.embed(exact), stages.embed(scaled)


def _reference(stages: Stages, file: bytes) -> Pixels:
    """Pillow alone: every pixel decoded, all of the picture resized, the middle cut out."""
    image = Image.open(io.BytesIO(file)).convert("RGB")
    width, height = stages.recipe.resized(*image.size)
    down, across = stages.recipe.crop
    left, top = (width - across) // 2, (height - down) // 2
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + across, top + down)))


def _top_tens(stages: Stages, files: Sequence[bytes], captions: Vectors, size: float) -> str:
    exact, scaled = _both(stages, files)
    by_caption = _changes(captions @ exact.T, captions @ scaled.T)
    by_picture = _changes(exact @ exact.T, scaled @ scaled.T)
    return (
        f"tiny-clip, {len(files)} demo pictures at {size} MP, the ten nearest exact against "
        f"scaled. Asked with each caption: {by_caption}. Asked with each picture: {by_picture}."
    )


def _changes(before: Vectors, after: Vectors) -> str:
    """In how many rows the ten best change, and how near to equal those were that changed."""
    first, second = (np.argsort(-one, axis=1, kind="stable")[:, :_TOP] for one in (before, after))
    order = int((first != second).any(axis=1).sum())
    members = sum(set(one) != set(other) for one, other in zip(first, second, strict=True))
    rows = np.arange(len(before))[:, None]
    # Of what stands at one place then and now: how far apart the two were before.
    gap = np.abs(before[rows, first] - before[rows, second]).max()
    best = int((first[:, 0] != second[:, 0]).sum())
    return (
        f"another first in {best} of {len(before)}, another member in {members}, another order in "
        f"{order}; what changed places differed by at most {gap:.1g} in similarity"
    )


def _time(bench: Bench, stages: Stages, files: Sequence[bytes], size: int) -> Row:
    def arm(scaled: bool) -> float:
        return 1e3 * stages.prepare_seconds(files, scaled=scaled)

    rounds = interleaved(
        {"exact": lambda: arm(False), "scaled": lambda: arm(True)}, rounds=bench.rounds(5)
    )
    return Row(
        f"{size} MP: time to prepare a picture, exact over scaled",
        str(rounds.ratio("exact", "scaled")),
        detail=f"{rounds.median('exact'):.3g} against {rounds.median('scaled'):.3g} ms on one core:"
        " decoding, the pixels' one copy, resizing, normalising",
    )


def _album(bench: Bench) -> list[tuple[Image.Image, str]]:
    """Pictures of the demo with their captions."""
    scenes = load_scenes()[:: 12 if bench.quick else 2]
    album = draw_album(scenes, bench.folder / "album", 1)
    with (album.folder / CAPTIONS_NAME).open(newline="") as table:
        captions = {row["file"]: row["caption"] for row in csv.DictReader(table)}
    return [(_opened(album.folder / name), captions[name]) for name in album.files]


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def _as_jpeg(picture: Image.Image, megapixels: float) -> bytes:
    factor = math.sqrt(megapixels * 1e6 / (picture.width * picture.height))
    size = (round(picture.width * factor), round(picture.height * factor))
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


async def _embedded(folder: Path, texts: Sequence[str]) -> Vectors:
    encoder = load_encoder(
        "tiny-clip",
        folder,
        device="cpu",
        threads=1,
        max_image_batch=8,
        max_text_batch=32,
        max_queue=len(texts),
    )
    try:
        made = await asyncio.gather(*(encoder.encode_text(text) for text in texts))
    finally:
        await encoder.close()
    return np.stack([one.vector for one in made]).astype(np.float64)
