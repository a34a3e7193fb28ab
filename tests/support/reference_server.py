"""The whole service on the reference store, in this process: all of it is real but the engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from tests.support.reference_store import ReferenceStore
from triptych import Client
from triptych_server.app import App
from triptych_server.domain.ports import VectorStore
from triptych_server.read_settings import read_settings


class _OnReference(App):
    async def _open_store(self) -> VectorStore:
        return ReferenceStore()


@contextmanager
def reference_client(folder: Path) -> Iterator[Client]:
    """A client of a server that keeps its items in the reference store."""
    pictures = f"folder:{folder / 'pictures'}"
    given = ["--listen", "127.0.0.1:0", "--encoders", "tiny-clip", "--device", "cpu"]
    settings = read_settings([*given, "--store", f"embedded:{folder}", "--pictures", pictures])
    started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        try:
            async with _OnReference(settings) as app:
                started.set_result((app.address, asyncio.get_running_loop(), stop))
                await stop.wait()
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    address, loop, stop = started.result(timeout=60)
    try:
        with Client(address) as client:
            assert client.status().store.kind == "reference"
            yield client
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=60)
    assert not thread.is_alive()
