"""The dual encoder that the use cases see: queues in front of a vision and a text model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from triptych_server.domain.collections import Stamp, Windows
from triptych_server.domain.decoding import Decoding, ImageWay
from triptych_server.domain.items import Picture, TokenUse
from triptych_server.domain.ports import EncoderInfo, TextEmbedding, WindowedEmbedding
from triptych_server.domain.queues import BatcherCounters
from triptych_server.domain.vectors import FloatArray
from triptych_server.encode.batcher import Batcher, Run
from triptych_server.encode.device_for import device_for
from triptych_server.encode.errors import EncodingFailed
from triptych_server.encode.model_folder import ModelFolder, load_model_folder
from triptych_server.encode.preprocess import ImageRecipe, Pixels, read_image_recipe
from triptych_server.encode.priority import step_back
from triptych_server.encode.session import CPU, check_runtime, parse_device
from triptych_server.encode.tokenize import TextTokenizer, TokenIds
from triptych_server.encode.windows import cut_windows
from triptych_server.encode.workers import batch_sizes, image_worker, open_on_each, text_worker

logger = logging.getLogger(__name__)

# A text up to this length is tokenized on the event loop (under 1 ms); a longer one, which can
# take 100 ms, in the pool.
_SHORT_TEXT = 1024

# A full batch has this many tokens a text: longer texts come in smaller batches, which fill the
# device as well and keep it for less long.
_TOKENS_OF_A_TEXT = 16
# On a CPU that is reached sooner. Per core, a text of 10 tokens takes 16.4 ms alone, 9.2 in a run
# of 80 tokens, 9.4 of 120, and 10.5 of 320; one of 72 tokens gains nothing from company.
_TOKENS_OF_A_THREAD = 64
# What a run costs a CPU whatever is in it, in tokens (10 by measurement), and out of how many texts
# it is put together: with these, 64 callers of 3 to 12 words get 1.66 times the throughput of runs
# of one text, and their p99 is 0.75 of that. Half the cost gives shorter runs, and a better p99 for
# the same throughput; twice the texts give 1.73 times, and 0.84.
_RUN_COST = 5
_WINDOW = 16


class ClipEncoder:
    """A dual encoder with one queue a model; see ``domain.ports.Encoder``. Made by load_encoder.

    Pictures are shrunk in a pool of ``threads`` threads. Each of ``images`` and ``texts`` is a
    model on a device, run in a thread of its own; those of several devices share a queue.
    """

    def __init__(
        self,
        info: EncoderInfo,
        recipe: ImageRecipe,
        images: Sequence[Run[Pixels, FloatArray]],
        tokenizer: TextTokenizer,
        texts: Sequence[Run[TokenIds, FloatArray]],
        *,
        threads: int,
        max_image_batch: int,
        max_text_batch: int,
        max_queue: int,
    ) -> None:
        self._info = info
        self._recipe = recipe
        self._tokenizer = tokenizer
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix=f"prepare-{info.id}", initializer=step_back
        )
        self._shrinking = 0
        max_tokens, window = max_text_batch * _TOKENS_OF_A_TEXT, max_text_batch
        if info.provider == CPU:
            max_tokens = min(max_tokens, threads * _TOKENS_OF_A_THREAD)
            window = min(window, _WINDOW)
        self._images: Batcher[Pixels, FloatArray] = Batcher(
            "image", images, max_batch=max_image_batch, max_queue=max_queue, in_bulk=True
        )
        self._texts: Batcher[TokenIds, FloatArray] = Batcher(
            "text",
            texts,
            max_batch=max_text_batch,
            max_queue=max_queue,
            size_of=len,
            max_cost=max_tokens,
            run_cost=_RUN_COST,
            window=window,
        )

    @property
    def info(self) -> EncoderInfo:
        """What runs, and on what."""
        return self._info

    @property
    def image_counters(self) -> BatcherCounters:
        """What the image queue did since the start."""
        return self._images.counters

    @property
    def text_counters(self) -> BatcherCounters:
        """What the text queue did since the start."""
        return self._texts.counters

    async def encode_image(self, picture: Picture) -> FloatArray:
        """The picture's embedding, shape (dimension,), unit length, by the way of its detail.

        Raises Exhausted, Unavailable, EncodingFailed.
        """
        return await self.encode_crop(await self.crop_image(picture))

    async def crop_image(self, picture: Picture) -> Pixels:
        """What the model sees of ``picture``, uint8 (*crop, 3): a small part of its memory.

        Raises Exhausted, Unavailable.
        """
        # Asked before the work, not after it: a full queue costs a refused picture nothing.
        self._images.require_room(preparing=self._shrinking)
        self._shrinking += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._recipe.crop_of, picture)
        finally:
            self._shrinking -= 1

    async def encode_crop(self, crop: Pixels) -> FloatArray:
        """The embedding of what ``crop_image`` gave.

        Raises Exhausted, Unavailable, EncodingFailed.
        """
        return _embedding(await self._images.submit(crop))

    async def encode_text(self, text: str) -> TextEmbedding:
        """One vector for one text; tokens past the context length are cut and counted.

        Raises Exhausted, Unavailable, EncodingFailed.
        """
        content = await self._content(text)
        ids = self._tokenizer.wrap(content)
        vector = _embedding(await self._texts.submit(ids))
        count = len(content) + self._tokenizer.specials
        return TextEmbedding(vector, TokenUse(token_count=count, tokens_used=len(ids)))

    async def encode_windows(self, text: str, windows: Windows) -> WindowedEmbedding:
        """A long text as overlapping windows, in reading order.

        Raises Exhausted, Unavailable, EncodingFailed.
        """
        content = await self._content(text)
        cut = cut_windows(content, windows, self._tokenizer.capacity)
        rows = await self._texts.submit_all([self._tokenizer.wrap(part) for part in cut.windows])
        specials = self._tokenizer.specials
        tokens = TokenUse(
            token_count=len(content) + specials,
            tokens_used=cut.tokens_read + specials,
            windows=len(rows),
        )
        return WindowedEmbedding(
            np.stack([_embedding(row) for row in rows]), tokens, cut.windows_cut
        )

    async def close(self) -> None:
        """Let the runs in progress finish, fail what waits with Unavailable, end the threads."""
        await self._images.close()
        await self._texts.close()
        self._pool.shutdown(wait=False)

    async def _content(self, text: str) -> list[int]:
        # Asked before the work, not after it, as for a picture.
        self._texts.require_room()
        if len(text) <= _SHORT_TEXT:
            return self._tokenizer.content(text)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._tokenizer.content, text)


def load_encoder(
    encoder_id: str,
    folder: Path,
    *,
    device: str,
    threads: int,
    max_image_batch: int,
    max_text_batch: int,
    max_queue: int,
    device_ids: Sequence[int] = (0,),
    gpu_memory_bytes: int = 0,
    decoding: Decoding = Decoding.EXACT,
) -> ClipEncoder:
    """Load, check and warm up the dual encoder in a model folder; blocks for seconds.

    ``device`` is ``cpu``, ``cuda`` or ``auto``; ``device_ids`` are the GPUs that each get both
    models, as CUDA counts them (on a CPU, as many copies run side by side), of whose memory each
    model takes at most ``gpu_memory_bytes``, 0 for any; ``threads`` is how many a model run and
    the shrinking of pictures use each; a batch of 0 is that of the device; ``max_queue`` is how
    many inputs may wait for each model; ``decoding`` is that of new collections. Raises
    DeviceError and ModelFolderError, which are for the operator.
    """
    check_runtime()
    stated = load_model_folder(folder)
    chosen = device_for(stated, parse_device(device))
    recipe = read_image_recipe(folder)
    tokenizer = TextTokenizer(folder, stated.context_length)
    open_model = partial(
        open_on_each,
        device=chosen,
        device_ids=device_ids,
        threads=threads,
        memory_bytes=gpu_memory_bytes,
    )
    # The threads of a model's runs are as those of its opening: a picture's run is long, and steps
    # back; a text's is short, and somebody waits for it.
    with ThreadPoolExecutor(1, initializer=step_back) as behind:
        visions = behind.submit(open_model, stated.vision).result()
    texts = open_model(stated.text)
    image_batch, text_batch = batch_sizes([*visions, *texts], max_image_batch, max_text_batch)
    max_cost = text_batch * _TOKENS_OF_A_TEXT
    others = [way for way in Decoding if way is not decoding]
    info = EncoderInfo(
        id=encoder_id,
        name=stated.name,
        revision=stated.revision,
        dimension=stated.dimension,
        context_length=stated.context_length,
        special_tokens=tokenizer.specials,
        image_size=stated.image_size,
        # The same twice, but for an `auto` that could place only one of them on the GPU.
        provider=", ".join(dict.fromkeys(session.place for session in (*visions, *texts))),
        licence=stated.licence,
        pictures_at_once=image_batch * len(visions),
        image_ways=tuple(_image_way(stated, recipe, way) for way in (decoding, *others)),
        text_stamp=Stamp(stated.name, stated.revision, tokenizer.fingerprint),
        precision=stated.precision.value,
    )
    return ClipEncoder(
        info,
        recipe,
        [
            image_worker(stated, one, recipe, max_batch=image_batch, threads=threads)
            for one in visions
        ],
        tokenizer,
        [
            text_worker(stated, one, tokenizer, max_batch=text_batch, max_cost=max_cost)
            for one in texts
        ],
        threads=threads,
        max_image_batch=image_batch,
        max_text_batch=text_batch,
        max_queue=max_queue,
    )


def _image_way(stated: ModelFolder, recipe: ImageRecipe, decoding: Decoding) -> ImageWay:
    stamp = Stamp(stated.name, stated.revision, recipe.fingerprint(decoding))
    return ImageWay(stamp, recipe.detail if decoding is Decoding.SCALED else None)


def _embedding(row: FloatArray) -> FloatArray:
    """``row``, or EncodingFailed where it is not of unit length: NaN, infinite or zero."""
    square = float(row @ row)
    if not abs(square - 1.0) < 1e-3:
        logger.error("a model gave a vector of squared length %s", square)
        raise EncodingFailed("encoder: the model's output for this input is not a finite vector")
    return row
