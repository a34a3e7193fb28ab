"""The channel of a `Client`: its calls, in every shape that there is."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from triptych._batches import Batch, Upsert
from triptych._connection import Connection
from triptych.errors import ResourceExhausted
from triptych.images import ImageReader, ItemImage, staged_file
from triptych.v1.collection_service_pb2 import ListCollectionsRequest, ListCollectionsResponse
from triptych.v1.item_pb2 import Item, KeptImage
from triptych.v1.item_service_pb2 import (
    GetItemImageRequest,
    GetItemImageResponse,
    ListItemsRequest,
    ListItemsResponse,
    UpsertItemsRequest,
    UpsertItemsResponse,
    UpsertOutcome,
)

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
PageRequest = TypeVar("PageRequest", bound=ListItemsRequest | ListCollectionsRequest)
Page = TypeVar("Page", bound=ListItemsResponse | ListCollectionsResponse)
Entry = TypeVar("Entry")


class Channel:
    """A gRPC channel that retries what may be retried and raises the exceptions of `errors`.

    Every call takes its deadline in seconds, the client's own where it is None, and raises
    `TriptychError`, or RuntimeError where the channel is closed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._closing = threading.Event()
        options = connection.options()
        if connection.transport is not None:
            self.grpc = connection.transport.channel()
        elif connection.credentials is None:
            self.grpc = grpc.insecure_channel(connection.target, options)
        else:
            self.grpc = grpc.secure_channel(connection.target, connection.credentials, options)

    def call(
        self,
        method: "grpc.UnaryUnaryMultiCallable[Request, Response]",
        request: Request,
        timeout: float | None,
    ) -> Response:
        """One call with one answer."""
        course = self._connection.begin(request, timeout)
        while True:
            try:
                return method(request, timeout=course.remaining(), metadata=course.metadata)
            except grpc.RpcError as error:
                pause = course.pause_after(error)
            self._wait(pause)

    def stream(
        self,
        method: "grpc.UnaryStreamMultiCallable[Request, Response]",
        request: Request,
        timeout: float | None,
    ) -> Generator[Response]:
        """The answers of one call, as they come; a caller that closes this early ends the call."""
        course = self._connection.begin(request, timeout)
        begun = False
        while True:
            running = method(request, timeout=course.remaining(), metadata=course.metadata)
            try:
                for part in running:
                    begun = True
                    yield part
                return
            except grpc.RpcError as error:
                pause = course.pause_after(error, begun=begun)
            finally:
                running.cancel()
            self._wait(pause)

    def pages(
        self,
        method: "grpc.UnaryUnaryMultiCallable[PageRequest, Page]",
        request: PageRequest,
        timeout: float | None,
        entries: Callable[[Page], Iterable[Entry]],
    ) -> Iterator[Entry]:
        """The entries of all pages; each page is fetched when it is reached."""
        while True:
            page = self.call(method, request, timeout)
            yield from entries(page)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def image(
        self,
        method: "grpc.UnaryStreamMultiCallable[GetItemImageRequest, GetItemImageResponse]",
        request: GetItemImageRequest,
        timeout: float | None,
    ) -> ItemImage:
        """A picture that comes as a stream."""
        reader = ImageReader()
        data = b"".join(map(reader.chunk, self.stream(method, request, timeout)))
        return ItemImage(reader.info(), data)

    def save_image(
        self,
        method: "grpc.UnaryStreamMultiCallable[GetItemImageRequest, GetItemImageResponse]",
        request: GetItemImageRequest,
        timeout: float | None,
        path: Path,
    ) -> KeptImage:
        """The same, to a file. Raises OSError too."""
        reader = ImageReader()
        parts = self.stream(method, request, timeout)
        try:
            with staged_file(path) as file:
                file.writelines(map(reader.chunk, parts))
                return reader.info()
        finally:
            parts.close()

    def upsert(
        self,
        method: "grpc.UnaryUnaryMultiCallable[UpsertItemsRequest, UpsertItemsResponse]",
        head: UpsertItemsRequest,
        items: Iterable[Item],
        batch_size: int,
        timeout: float | None,
    ) -> list[UpsertOutcome]:
        """Items in batches, one after the other; `head` is a request that lacks them."""
        upsert = self._connection.upsert(head, batch_size, timeout)
        for batch in upsert.batches(items):
            self._write(method, upsert, batch)
        return upsert.outcomes()

    def _write(
        self,
        method: "grpc.UnaryUnaryMultiCallable[UpsertItemsRequest, UpsertItemsResponse]",
        upsert: Upsert,
        batch: Batch,
    ) -> None:
        request = upsert.request(batch)
        try:
            answer = self.call(method, request, upsert.timeout(request))
        except ResourceExhausted as error:
            for smaller in upsert.refused(batch, error):
                self._write(method, upsert, smaller)
        else:
            upsert.answered(batch, answer)

    def _wait(self, seconds: float) -> None:
        self._closing.wait(seconds)
        self._connection.check_open()

    def close(self) -> None:
        """Ends the connection and every call under way; closing twice is fine."""
        self._connection.closed = True
        self._closing.set()
        self.grpc.close()
