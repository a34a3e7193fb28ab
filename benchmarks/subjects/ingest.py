"""JPEG files into a Qdrant server: our service, and the script that a user would write instead."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.engines import NO_ENGINE, engine, has_engine
from benchmarks.frame import Bench, Findings, Row, interleaved, skipped
from benchmarks.models import DIMENSION, clip_folder
from benchmarks.photos import jpegs
from benchmarks.pictures import PictureService
from tests.support.live import api_key
from tests.support.server import RunningServer

if TYPE_CHECKING:
    from triptych_server.domain.store_place import QdrantAddress

TITLE = "Ingest against fastembed and qdrant-client"

_GOALS = {1: 1.0, 3: 1.25, 12: 2.5}
_COUNTS = {1: 64, 3: 48, 12: 32}
# What fastembed takes at once by default; points are sent as they come out of it.
_SCRIPT_BATCH = 16


def run(bench: Bench) -> Findings:
    """Images a second of the service over those of the script, at three sizes."""
    if not has_engine():
        rows = [skipped(_name(size), NO_ENGINE, goal=_goal(size)) for size in _GOALS]
        return Findings(rows)
    with engine(bench.folder / "qdrant") as (store, address):
        script = _Script(address, bench.folder)
        with RunningServer(
            bench.folder / "data",
            store=store,
            encoders=f"clip={clip_folder()}",
            log_level="WARNING",
            **({"qdrant_api_key": key} if (key := api_key()) else {}),
        ) as server:
            return Findings([_measured(bench, size, server, script) for size in _GOALS])


class _Script:
    """fastembed's ImageEmbedding on the same ONNX file, and qdrant-client's upsert over gRPC."""

    def __init__(self, address: QdrantAddress, folder: Path) -> None:
        from fastembed import ImageEmbedding
        from qdrant_client import QdrantClient, models

        own = folder / "fastembed"
        own.mkdir()
        model = clip_folder()
        (own / "model.onnx").symlink_to(model / "vision" / "model.onnx")
        (own / "preprocessor_config.json").symlink_to(model / "preprocessor_config.json")
        self._model = ImageEmbedding("Qdrant/clip-ViT-B-32-vision", specific_model_path=str(own))
        self._client = QdrantClient(
            host=address.host,
            grpc_port=address.port,
            prefer_grpc=True,
            https=address.tls,
            api_key=api_key(),
            check_compatibility=False,
            timeout=120,
        )
        self._collection = f"{address.prefix}-script"
        self._numbers = itertools.count()
        vectors = {"image": models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)}
        self._client.create_collection(self._collection, vectors_config=vectors)

    def send(self, files: Sequence[Path]) -> None:
        """Embeds and writes the files, a batch of the model's at a time."""
        from qdrant_client import models

        paths = [str(file) for file in files]
        embeddings = iter(self._model.embed(paths, batch_size=_SCRIPT_BATCH))
        while vectors := list(itertools.islice(embeddings, _SCRIPT_BATCH)):
            points = [
                models.PointStruct(
                    id=(number := next(self._numbers)),
                    vector={"image": vector.tolist()},
                    payload={"number": number},
                )
                for vector in vectors
            ]
            self._client.upsert(self._collection, points, wait=True)


def _measured(bench: Bench, size: int, server: RunningServer, script: _Script) -> Row:
    count = 16 if bench.quick else _COUNTS[size]
    files = _files(bench.folder / f"{size}-mp", size, count)
    service = PictureService(server, f"of-{size}-mp")

    def ours() -> float:
        begin = time.perf_counter()
        service.send(files)
        return count / (time.perf_counter() - begin)

    def theirs() -> float:
        begin = time.perf_counter()
        script.send(files)
        return count / (time.perf_counter() - begin)

    rounds = interleaved({"ours": ours, "theirs": theirs}, rounds=bench.rounds(5))
    ratio = rounds.ratio("ours", "theirs")
    return Row(
        _name(size),
        str(ratio),
        _goal(size),
        ratio.median >= _GOALS[size],
        f"{rounds.median('ours'):.3g} against {rounds.median('theirs'):.3g} images/s. The same "
        "JPEG files, ONNX file (random ViT-B/32) and Qdrant server; one image vector an item, no "
        "OCR, no files kept. The script: ImageEmbedding.embed(paths) as it comes (batches of "
        f"{_SCRIPT_BATCH}, all {len(os.sched_getaffinity(0))} cores), each batch upserted over "
        "gRPC. Ours: AsyncClient.upsert of the files' bytes to the running service.",
    )


def _files(folder: Path, size: int, count: int) -> list[Path]:
    folder.mkdir()
    pictures = jpegs(size, 8)
    paths = []
    for number in range(count):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(pictures[number % len(pictures)])
    return paths


def _name(size: int) -> str:
    return f"{size} MP: images/s over the script's"


def _goal(size: int) -> str:
    return f"≥ {_GOALS[size]:.3g}×"
