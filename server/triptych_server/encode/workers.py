"""The models on their devices: loaded, warmed up, and fit for a batch that is too large."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from triptych_server.domain.vectors import FloatArray
from triptych_server.encode.batcher import Run
from triptych_server.encode.buckets import image_buckets, text_buckets
from triptych_server.encode.errors import DeviceError, ModelFolderError
from triptych_server.encode.halving import Halving
from triptych_server.encode.model_folder import TEXT, VISION, ModelFolder
from triptych_server.encode.preprocess import ImageRecipe, Pixels
from triptych_server.encode.session import Device, Session, open_session
from triptych_server.encode.side_by_side import LEAST_ON_A_CORE, Encode, SideBySide
from triptych_server.encode.tokenize import TextTokenizer, TokenIds
from triptych_server.encode.towers import TextTower, VisionTower

T = TypeVar("T")

# Pictures and texts of one run where nothing else is set. A CPU is at its best with few. A GPU has
# to be filled: 64 pictures are 3,200 rows for its matrix products, as many texts of 16 tokens as
# give 4,096 rows are 256.
_CPU_BATCH, _GPU_BATCH = (8, 32), (64, 256)


def open_on_each(
    model: Path, *, device: Device, device_ids: Sequence[int], threads: int, memory_bytes: int
) -> list[Session]:
    """The model on each of the GPUs; see ``open_session``.

    On a CPU as many copies of it, but for ``auto``: without a GPU that is one.
    """
    found: list[Session] = []
    for device_id in device_ids:
        session = open_session(
            model, device=device, threads=threads, device_id=device_id, memory_bytes=memory_bytes
        )
        if device is Device.AUTO and not session.on_gpu:
            return found or [session]
        found.append(session)
    return found


def batch_sizes(sessions: Iterable[Session], images: int, texts: int) -> tuple[int, int]:
    """The most pictures and texts of a run; one that is given as 0 goes by the device."""
    chosen = _GPU_BATCH if all(session.on_gpu for session in sessions) else _CPU_BATCH
    return images or chosen[0], texts or chosen[1]


def image_worker(
    folder: ModelFolder, session: Session, recipe: ImageRecipe, *, max_batch: int, threads: int
) -> Run[Pixels, FloatArray]:
    """Runs the vision model. Raises ModelFolderError, and DeviceError for too little memory.

    On a CPU, with enough pictures for each of its ``threads``, every one of them runs a part.
    """
    buckets = image_buckets(max_batch) if session.on_gpu else None
    tower = VisionTower(folder, session, recipe, buckets=buckets)
    encode: Encode = tower.encode
    if not session.on_gpu and threads > 1 and max_batch >= LEAST_ON_A_CORE * threads:

        def narrow() -> Encode:
            alone = open_session(folder.vision, device=Device.CPU, threads=1)
            return VisionTower(folder, alone, recipe).encode

        encode = SideBySide(tower.encode, narrow, cores=threads)
    return _warm(Halving("image", encode), tower.samples(), folder, VISION, session)


def text_worker(
    folder: ModelFolder,
    session: Session,
    tokenizer: TextTokenizer,
    *,
    max_batch: int,
    max_cost: int,
) -> Run[TokenIds, FloatArray]:
    """Runs the text model, likewise. ``max_cost`` is the most texts × tokens of a batch."""
    buckets = text_buckets(max_batch, folder.context_length, max_cost) if session.on_gpu else None
    tower = TextTower(folder, session, tokenizer, buckets=buckets)
    run = Halving("text", tower.encode, size_of=len)
    return _warm(run, tower.samples(), folder, TEXT, session)


def _warm(
    run: Halving[T, FloatArray],
    samples: Iterable[Sequence[T]],
    folder: ModelFolder,
    file: str,
    session: Session,
) -> Run[T, FloatArray]:
    """``run``, after it has seen a batch of every shape that it will be given."""
    for sample in samples:
        try:
            failed = [found for found in run(sample) if isinstance(found, Exception)]
        # onnxruntime's errors have no common base but Exception.
        except Exception as error:
            raise ModelFolderError(
                folder.path, f"{file} fails on a batch of {len(sample)} inputs: {error}"
            ) from error
        if failed:
            raise DeviceError(
                f"{session.place}: not enough memory for one input of {file} in {folder.path}"
            )
    return run
