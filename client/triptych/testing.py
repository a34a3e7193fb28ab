"""For the tests of programs that use Triptych: answers without a server.

>>> from triptych import Client, Item, NotFound, SearchHit, SearchResponse
>>> from triptych.testing import FakeTransport
>>> fake = FakeTransport()
>>> fake.on("GetItem", NotFound("no such item", reason="ITEM_NOT_FOUND"))
>>> fake.on("Search", SearchResponse(hits=[SearchHit(rank=1, item=Item(id="cat-1"))]))
>>> with Client(transport=fake) as client:
...     [hit.item.id for hit in client.search("pictures", text="a cat").hits]
['cat-1']
>>> [(call.method, call.request.input.text) for call in fake.calls]
[('Search', 'a cat')]
"""

import copy
import difflib
import hashlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar, cast

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message

from triptych._contract import SERVICES
from triptych.errors import TriptychError
from triptych.v1.item_pb2 import KeptImage
from triptych.v1.item_service_pb2 import (
    GetItemImageResponse,
    UpsertItemsRequest,
    UpsertItemsResponse,
    UpsertOutcome,
)

__all__ = ["Answer", "FakeTransport", "RecordedCall", "Unanswered", "created", "image_answer"]

_METHODS: Mapping[str, MethodDescriptor] = MappingProxyType(
    {method.name: method for service in SERVICES for method in service.methods}
)
_MAX_CHUNK_BYTES = 256 * 1024

Given: TypeAlias = Message | TriptychError | Sequence[Message]
Answer: TypeAlias = Given | Callable[[Any], Given]
"""A message, a `TriptychError` to raise, a list of messages for a method that streams, or a
function of the request that returns or raises one of them."""

Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]
_Messages: TypeAlias = Sequence[Message]

Request = TypeVar("Request", bound=Message)


class Unanswered(AssertionError):
    """A call that the test has given no answer for."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call as it would have been sent.

    Attributes:
        method: the name of the RPC, such as `Search`.
        request: its message; a copy, which stays as it is.
        metadata: its headers, with the `authorization` of an API key.
        timeout: its deadline in seconds from its beginning.
    """

    method: str
    request: Message
    metadata: Metadata
    timeout: float


class FakeTransport:
    """Takes the calls of a `Client` or an `AsyncClient`, and answers as the test says.

    Nothing is listened to and nothing is waited for: an error is what a call comes to after its
    retries, so that each call arrives once. What is checked is what the contract fixes: that there
    is such an RPC, and that requests and answers are its messages. Threads may share one.

    >>> from triptych import AsyncClient, UpsertOutcome, make_item
    >>> from triptych.testing import FakeTransport, created
    >>> from triptych.v1.item_service_pb2 import UpsertItemsRequest
    >>> fake = FakeTransport()
    >>> fake.on("UpsertItems", created)
    >>> async with AsyncClient(transport=fake) as client:
    ...     [outcome] = await client.upsert("pictures", [make_item("a", caption="a cat")])
    >>> outcome.result == UpsertOutcome.RESULT_CREATED
    True
    >>> [item.caption for request in fake.requests(UpsertItemsRequest) for item in request.items]
    ['a cat']
    """

    def __init__(self) -> None:
        self.calls: list[RecordedCall] = []
        """Every call so far, those without an answer as well."""
        self._answers: dict[str, deque[Answer]] = {}
        self._lock = threading.Lock()

    def on(self, method: str, *answers: Answer) -> None:
        """Sets the answers of an RPC, by its name in the contract, in place of earlier ones.

        They are given in their order, and the last one from then on.

        Raises:
            ValueError: no such RPC, or no answer.
            TypeError: an answer that is no message of that RPC, no TriptychError and no function.
        """
        known = _method(method)
        if not answers:
            raise ValueError(f"{method}: needs an answer")
        for answer in answers:
            if not callable(answer):
                _check_answer(known, answer)
        with self._lock:
            self._answers[method] = deque(answers)

    def requests(self, kind: type[Request]) -> list[Request]:
        """The requests of one kind so far, in their order."""
        return [call.request for call in self.calls if isinstance(call.request, kind)]

    def channel(self) -> grpc.Channel:
        """What `Client(transport=...)` calls in place of a connection."""
        return cast(grpc.Channel, _Channel(self))

    def async_channel(self) -> grpc.aio.Channel:
        """What `AsyncClient(transport=...)` calls in place of a connection."""
        return cast(grpc.aio.Channel, _AsyncChannel(self))

    def _answer(self, path: str, request: Message, timeout: float, metadata: Metadata) -> _Messages:
        """Takes one call and gives its answer, for the two channels."""
        method = _METHODS[path.rpartition("/")[2]]
        _check_kind(method, "takes", method.input_type, request)
        snapshot = copy.deepcopy(request)
        with self._lock:
            self.calls.append(RecordedCall(method.name, snapshot, tuple(metadata), timeout))
            answers = self._answers.get(method.name)
            if answers is None:
                raise Unanswered(
                    f"no answer for {method.full_name}: give one with on({method.name!r}, ...)"
                )
            answer = answers.popleft() if len(answers) > 1 else answers[0]
        given = answer(copy.deepcopy(snapshot)) if callable(answer) else answer
        _check_answer(method, given)
        if isinstance(given, TriptychError):
            raise copy.copy(given)  # its traceback would grow with each call
        # The client may change what it was given: it counts an upsert's items anew.
        return [copy.deepcopy(m) for m in ([given] if isinstance(given, Message) else given)]


def created(request: UpsertItemsRequest) -> UpsertItemsResponse:
    """An answer for `UpsertItems`: every item is CREATED."""
    return UpsertItemsResponse(
        outcomes=[
            UpsertOutcome(index=index, id=item.id, result=UpsertOutcome.RESULT_CREATED)
            for index, item in enumerate(request.items)
        ]
    )


def image_answer(data: bytes, media_type: str = "image/png") -> list[GetItemImageResponse]:
    """An answer for `GetItemImage`: this file, as it is kept."""
    kept = KeptImage(
        variant=KeptImage.VARIANT_ORIGINAL,
        media_type=media_type,
        byte_size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    chunks = range(0, len(data), _MAX_CHUNK_BYTES)
    return [
        GetItemImageResponse(image=kept),
        *(GetItemImageResponse(chunk=data[at : at + _MAX_CHUNK_BYTES]) for at in chunks),
    ]


def _method(name: str) -> MethodDescriptor:
    if name not in _METHODS:
        near = difflib.get_close_matches(name, _METHODS, n=1, cutoff=0.4)
        hint = f"; is it {near[0]}?" if near else ""
        raise ValueError(f"the contract has no RPC {name!r}{hint}")
    return _METHODS[name]


def _check_answer(method: MethodDescriptor, given: object) -> None:
    """Raises TypeError for what is no answer of this method."""
    if isinstance(given, TriptychError):
        return
    several = isinstance(given, Sequence) and method.server_streaming
    for message in cast(Sequence[object], given) if several else [given]:
        _check_kind(method, "answers with", method.output_type, message)


def _check_kind(method: MethodDescriptor, what: str, wanted: Descriptor, message: object) -> None:
    if not isinstance(message, Message) or message.DESCRIPTOR.full_name != wanted.full_name:
        raise TypeError(f"{method.name}: {what} {wanted.name}, not {type(message).__name__}")


@dataclass(frozen=True, slots=True)
class _Channel:
    """As much of `grpc.Channel` as the generated stubs and the client use."""

    fake: FakeTransport

    def unary_unary(self, path: str, *_: object, **__: object) -> Callable[..., Message]:
        def call(request: Message, *, timeout: float, metadata: Metadata) -> Message:
            [message] = self.fake._answer(path, request, timeout, metadata)
            return message

        return call

    def unary_stream(self, path: str, *_: object, **__: object) -> Callable[..., "_Stream"]:
        def call(request: Message, *, timeout: float, metadata: Metadata) -> _Stream:
            return _Stream(self.fake._answer(path, request, timeout, metadata))

        return call

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _AsyncChannel:
    """As much of `grpc.aio.Channel`."""

    fake: FakeTransport

    def unary_unary(self, path: str, *_: object, **__: object) -> Callable[..., Awaitable[Message]]:
        async def call(request: Message, *, timeout: float, metadata: Metadata) -> Message:  # noqa: ASYNC109 - as gRPC's own
            [message] = self.fake._answer(path, request, timeout, metadata)
            return message

        return call

    def unary_stream(self, path: str, *_: object, **__: object) -> Callable[..., "_Stream"]:
        return _Channel(self.fake).unary_stream(path)

    async def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Stream:
    """The answers of a call that streams, for either kind of client."""

    messages: _Messages

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    async def __aiter__(self) -> AsyncIterator[Message]:
        for message in self.messages:
            yield message

    def cancel(self) -> bool:
        return False
