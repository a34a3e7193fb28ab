"""The channel of an `AsyncClient`: what `triptych._channel` is to a `Client`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar, cast

import grpc

from triptych._aio.window import Window
from triptych._batches import Batch, Upsert
from triptych._channel import Entry, Page, PageRequest, Request, Response
from triptych._connection import Connection
from triptych.errors import ResourceExhausted
from triptych.images import ImageReader, ItemImage, staged_file
from triptych.v1.item_pb2 import Item, KeptImage
from triptych.v1.item_service_pb2 import (
    GetItemImageRequest,
    GetItemImageResponse,
    UpsertItemsRequest,
    UpsertItemsResponse,
    UpsertOutcome,
)

Stub = TypeVar("Stub")

BATCHES_UNDER_WAY = 4


class AsyncChannel:
    """A channel of grpc.aio, with the calls and the errors of `triptych._channel.Channel`.

    It is opened by the first call, on the event loop of that call, and stays there. Where a
    caller's task is cancelled, so is the call.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._grpc: grpc.aio.Channel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stubs: dict[object, object] = {}

    def stub(self, make: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """The stub of a service. Raises RuntimeError on another event loop."""
        self._connection.check_open()
        loop = asyncio.get_running_loop()
        if self._grpc is None:
            self._grpc, self._loop = self._open(), loop
        elif self._loop is not loop:
            raise RuntimeError(
                "this client was first used in another event loop: make one for each loop"
            )
        if make not in self._stubs:
            self._stubs[make] = make(self._grpc)
        return cast(Stub, self._stubs[make])

    async def call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]",
        request: Request,
        timeout: float | None,
    ) -> Response:
        """One call with one answer."""
        course = self._connection.begin(request, timeout)
        while True:
            running = method(request, timeout=course.remaining(), metadata=course.metadata)
            try:
                return await running
            except grpc.RpcError as error:
                pause = course.pause_after(error)
            except asyncio.CancelledError:
                if self._is_callers_own():
                    raise
                raise course.cut_off() from None
            await self._wait(pause)

    async def stream(
        self,
        method: "grpc.aio.UnaryStreamMultiCallable[Request, Response]",
        request: Request,
        timeout: float | None,
    ) -> AsyncGenerator[Response]:
        """The answers of one call, as they come; a caller that closes this early ends the call."""
        course = self._connection.begin(request, timeout)
        begun = False
        while True:
            running = method(request, timeout=course.remaining(), metadata=course.metadata)
            try:
                async for part in running:
                    begun = True
                    yield part
                return
            except grpc.RpcError as error:
                pause = course.pause_after(error, begun=begun)
            except asyncio.CancelledError:
                if self._is_callers_own():
                    raise
                raise course.cut_off() from None
            finally:
                running.cancel()
            await self._wait(pause)

    async def pages(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[PageRequest, Page]",
        request: PageRequest,
        timeout: float | None,
        entries: Callable[[Page], Iterable[Entry]],
    ) -> AsyncIterator[Entry]:
        """The entries of all pages; each page is fetched when it is reached."""
        while True:
            page = await self.call(method, request, timeout)
            for entry in entries(page):
                yield entry
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def image(
        self,
        method: "grpc.aio.UnaryStreamMultiCallable[GetItemImageRequest, GetItemImageResponse]",
        request: GetItemImageRequest,
        timeout: float | None,
    ) -> ItemImage:
        """A picture that comes as a stream."""
        reader = ImageReader()
        chunks: list[bytes] = []
        async with aclosing(self.stream(method, request, timeout)) as parts:
            async for part in parts:
                chunks.append(reader.chunk(part))
        return ItemImage(reader.info(), b"".join(chunks))

    async def save_image(
        self,
        method: "grpc.aio.UnaryStreamMultiCallable[GetItemImageRequest, GetItemImageResponse]",
        request: GetItemImageRequest,
        timeout: float | None,
        path: Path,
    ) -> KeptImage:
        """The same, to a file. Raises OSError too."""
        image = await self.image(method, request, timeout)
        await asyncio.to_thread(_write_file, path, image.data)
        return image.info

    async def upsert(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[UpsertItemsRequest, UpsertItemsResponse]",
        head: UpsertItemsRequest,
        items: Iterable[Item] | AsyncIterable[Item],
        batch_size: int,
        timeout: float | None,
    ) -> list[UpsertOutcome]:
        """Items in batches, several at a time; `head` is a request that lacks them."""
        upsert = self._connection.upsert(head, batch_size, timeout)
        async with Window(BATCHES_UNDER_WAY) as window, aclosing(_batches(upsert, items)) as ready:
            async for batch in ready:
                if not await window.start(self._write(method, upsert, batch)):
                    break
        return upsert.outcomes()

    async def _write(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[UpsertItemsRequest, UpsertItemsResponse]",
        upsert: Upsert,
        batch: Batch,
    ) -> None:
        request = upsert.request(batch)
        seconds = upsert.timeout(request, under_way=BATCHES_UNDER_WAY)
        try:
            answer = await self.call(method, request, seconds)
        except ResourceExhausted as error:
            for smaller in upsert.refused(batch, error):
                await self._write(method, upsert, smaller)
        else:
            upsert.answered(batch, answer)

    async def close(self) -> None:
        """Ends the connection and every call under way; closing twice is fine."""
        self._connection.closed = True
        if self._grpc is not None:
            await self._grpc.close()

    def _open(self) -> grpc.aio.Channel:
        connection = self._connection
        if connection.transport is not None:
            return connection.transport.async_channel()
        options = connection.options()
        if connection.credentials is None:
            return grpc.aio.insecure_channel(connection.target, options)
        return grpc.aio.secure_channel(connection.target, connection.credentials, options)

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._connection.check_open()

    def _is_callers_own(self) -> bool:
        """Whether a CancelledError is for the task; grpc.aio raises it for a closed channel too."""
        task = asyncio.current_task()
        return not self._connection.closed or (task is not None and task.cancelling() > 0)


async def _batches(
    upsert: Upsert, items: Iterable[Item] | AsyncIterable[Item]
) -> AsyncGenerator[Batch]:
    """The items in batches, each as soon as it is full."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            if full := upsert.add(item):
                yield full
        if rest := upsert.rest():
            yield rest
    else:
        for batch in upsert.batches(items):
            yield batch


def _write_file(path: Path, data: bytes) -> None:
    with staged_file(path) as file:
        file.write(data)
