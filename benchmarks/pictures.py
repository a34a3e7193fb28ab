"""Pictures through a real server, their vectors alone: no words read, no files kept."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

from tests.support.server import RunningServer
from triptych import AsyncClient, make_item
from triptych.v1.collection_pb2 import VectorSpace

_SPACE = "image"


class PictureService:
    """A collection of pictures alone on a running server. Every picture sent is a new item."""

    def __init__(self, server: RunningServer, collection: str) -> None:
        self._server = server
        self._collection = collection
        self._numbers = itertools.count()
        space = VectorSpace(
            name=_SPACE,
            kind=VectorSpace.KIND_DENSE,
            sources=[VectorSpace.SOURCE_IMAGE],
            distance=VectorSpace.DISTANCE_COSINE,
        )
        with server.client() as client:
            client.create_collection(collection, vector_spaces=[space], image_retention="none")

    def send(self, pictures: Sequence[bytes | Path]) -> None:
        """Writes every picture, by the client's own ``upsert``; returns once they are kept."""
        asyncio.run(self._send(pictures))

    async def _send(self, pictures: Sequence[bytes | Path]) -> None:
        items = (
            make_item(
                f"{next(self._numbers)}",
                image=picture.read_bytes() if isinstance(picture, Path) else picture,
            )
            for picture in pictures
        )
        async with AsyncClient(self._server.address, timeout=600) as client:
            outcomes = await client.upsert(self._collection, items, ocr="skip")
        failed = [outcome for outcome in outcomes if outcome.HasField("error")]
        assert not failed, failed[0]
