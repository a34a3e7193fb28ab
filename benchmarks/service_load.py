"""A real server process, and many calls at a time to it."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from triptych.v1.collection_pb2 import Collection, VectorSpace
from triptych.v1.collection_service_pb2 import CreateCollectionRequest
from triptych.v1.collection_service_pb2_grpc import CollectionServiceStub
from triptych.v1.common_pb2 import Image
from triptych.v1.encode_service_pb2 import EncodeInput, EncodeRequest
from triptych.v1.encode_service_pb2_grpc import EncodeServiceStub
from triptych.v1.item_pb2 import Item, OcrOptions
from triptych.v1.item_service_pb2 import UpsertItemsRequest
from triptych.v1.item_service_pb2_grpc import ItemServiceStub


async def closed_loop(call: Callable[[], Awaitable[int]], *, callers: int, seconds: float) -> float:
    """Items a second, where each of ``callers`` calls again as soon as it is answered.

    ``call`` returns how many items it did. None begins after ``seconds``; all are waited for.
    """
    begin = time.perf_counter()
    done = 0

    async def keep_calling() -> None:
        nonlocal done
        while time.perf_counter() - begin < seconds:
            done += await call()

    await asyncio.gather(*(keep_calling() for _ in range(callers)))
    return done / (time.perf_counter() - begin)


class Server:
    """``triptych-server`` with an empty embedded store. A context manager that ends it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """Settings by their names, such as ``device``; returns when the server listens."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRIPTYCH_")}
        own = {"listen": "127.0.0.1:0", "store": f"embedded:{folder / 'store'}", **settings}
        environment |= {f"TRIPTYCH_{name.upper()}": value for name, value in own.items()}
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "server.log"
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "triptych_server"],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("listening on "):
            self._process.wait()
            raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")
        self.address = line.removeprefix("listening on ").strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Caller:
    """Calls to a server, each with ``items`` of the files in turn."""

    def __init__(self, address: str, files: Sequence[bytes], items: int) -> None:
        self._channel = grpc.aio.insecure_channel(
            address, options=[("grpc.max_send_message_length", -1)]
        )
        self._files = itertools.cycle([Image(data=file) for file in files])
        self._items = items
        self._numbers = itertools.count()

    async def create(self) -> None:
        """A collection of pictures' vectors alone: nothing is read and no picture kept."""
        space = VectorSpace(name="image", sources=[VectorSpace.SOURCE_IMAGE])
        await CollectionServiceStub(self._channel).CreateCollection(
            CreateCollectionRequest(
                collection_id="bench",
                vector_spaces=[space],
                image_retention=Collection.IMAGE_RETENTION_NONE,
            )
        )

    async def upsert(self) -> int:
        """New items; the number of those that are kept."""
        items = [
            Item(id=str(next(self._numbers)), image=next(self._files)) for _ in range(self._items)
        ]
        response = await ItemServiceStub(self._channel).UpsertItems(
            UpsertItemsRequest(
                collection_id="bench", items=items, ocr=OcrOptions(mode=OcrOptions.MODE_SKIP)
            )
        )
        failed = [outcome.error.message for outcome in response.outcomes if outcome.error.code]
        if failed:
            raise RuntimeError(f"an item was refused: {failed[0]}")
        return len(items)

    async def encode(self) -> int:
        """Vectors of pictures, of which nothing is kept."""
        inputs = [EncodeInput(image=next(self._files)) for _ in range(self._items)]
        response = await EncodeServiceStub(self._channel).Encode(EncodeRequest(inputs=inputs))
        return len(response.embeddings)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
