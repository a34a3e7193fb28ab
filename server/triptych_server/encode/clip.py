"""The dual encoder that the use cases see: queues in front of a vision and a text model."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from triptych_server.domain.collections import Stamp, Windows
from triptych_server.domain.items import Picture, TokenUse
from triptych_server.domain.ports import EncoderInfo, TextEmbedding, WindowedEmbedding
from triptych_server.domain.queues import BatcherCounters
from triptych_server.domain.vectors import FloatArray
from triptych_server.encode.batcher import Batcher
from triptych_server.encode.errors import EncodingFailed
from triptych_server.encode.model_folder import load_model_folder
from triptych_server.encode.preprocess import ImageRecipe, Pixels, read_image_recipe
from triptych_server.encode.session import CPU, check_runtime, open_session, parse_device
from triptych_server.encode.tokenize import TextTokenizer, TokenIds
from triptych_server.encode.towers import TextTower, VisionTower
from triptych_server.encode.windows import cut_windows

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

    Pictures are shrunk in a pool of ``threads`` threads; each model runs in a thread of its own.
    """

    def __init__(
        self,
        info: EncoderInfo,
        recipe: ImageRecipe,
        vision: VisionTower,
        tokenizer: TextTokenizer,
        text: TextTower,
        *,
        threads: int,
        max_image_batch: int,
        max_text_batch: int,
        max_queue: int,
    ) -> None:
        self._info = info
        self._recipe = recipe
        self._tokenizer = tokenizer
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"prepare-{info.id}")
        self._shrinking = 0
        max_tokens, window = max_text_batch * _TOKENS_OF_A_TEXT, max_text_batch
        if info.provider == CPU:
            max_tokens = min(max_tokens, threads * _TOKENS_OF_A_THREAD)
            window = min(window, _WINDOW)
        self._images: Batcher[Pixels, FloatArray] = Batcher(
            "image", vision.encode, max_batch=max_image_batch, max_queue=max_queue
        )
        self._texts: Batcher[TokenIds, FloatArray] = Batcher(
            "text",
            text.encode,
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
        """The picture's embedding, shape (dimension,), unit length.

        Raises Exhausted, Unavailable, EncodingFailed.
        """
        # Asked before the work, not after it: a full queue costs a refused picture nothing.
        self._images.require_room(preparing=self._shrinking)
        self._shrinking += 1
        try:
            loop = asyncio.get_running_loop()
            crop = await loop.run_in_executor(self._pool, self._recipe.shrink, picture.pixels)
        finally:
            self._shrinking -= 1
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
) -> ClipEncoder:
    """Load, check and warm up the dual encoder in a model folder; blocks for seconds.

    ``device`` is ``cpu``, ``cuda`` or ``auto``; ``threads`` is how many a model run and the
    shrinking of pictures use each; ``max_queue`` is how many inputs may wait for each model.
    Raises DeviceError and ModelFolderError, which are for the operator.
    """
    check_runtime()
    chosen = parse_device(device)
    stated = load_model_folder(folder)
    recipe = read_image_recipe(folder)
    tokenizer = TextTokenizer(folder, stated.context_length)
    vision = open_session(stated.vision, device=chosen, threads=threads)
    text = open_session(stated.text, device=chosen, threads=threads)
    info = EncoderInfo(
        id=encoder_id,
        name=stated.name,
        revision=stated.revision,
        dimension=stated.dimension,
        context_length=stated.context_length,
        special_tokens=tokenizer.specials,
        image_size=stated.image_size,
        # The same twice, but for an `auto` that could place only one of them on the GPU.
        provider=", ".join(dict.fromkeys([vision.provider, text.provider])),
        licence=stated.licence,
        image_stamp=Stamp(stated.name, stated.revision, recipe.fingerprint),
        text_stamp=Stamp(stated.name, stated.revision, tokenizer.fingerprint),
    )
    return ClipEncoder(
        info,
        recipe,
        VisionTower(stated, vision, recipe),
        tokenizer,
        TextTower(stated, text, tokenizer),
        threads=threads,
        max_image_batch=max_image_batch,
        max_text_batch=max_text_batch,
        max_queue=max_queue,
    )


def _embedding(row: FloatArray) -> FloatArray:
    """``row``, or EncodingFailed where it is not of unit length: NaN, infinite or zero."""
    square = float(row @ row)
    if not abs(square - 1.0) < 1e-3:
        logger.error("a model gave a vector of squared length %s", square)
        raise EncodingFailed("encoder: the model's output for this input is not a finite vector")
    return row
