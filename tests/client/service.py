"""A small gRPC server for faults that the real one can't be made to have."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar, cast

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from triptych import Client
from triptych.v1 import collection_service_pb2 as collections
from triptych.v1 import collection_service_pb2_grpc as collections_grpc
from triptych.v1 import item_service_pb2 as items
from triptych.v1 import item_service_pb2_grpc as items_grpc
from triptych.v1 import search_service_pb2 as searches
from triptych.v1 import search_service_pb2_grpc as searches_grpc
from triptych.v1 import status_service_pb2 as statuses
from triptych.v1 import status_service_pb2_grpc as statuses_grpc

Answer = Callable[[Message, grpc.ServicerContext], Message]
Response = TypeVar("Response", bound=Message)


@dataclass(frozen=True)
class Call:
    """One call as it arrived."""

    method: str
    request: Message
    metadata: Mapping[str, str | bytes]


@dataclass
class Service:
    """What the server answers, method by method, and what it was asked.

    `answers` are used up from the left; the last one stays. `images` is what the one method with a
    stream of answers sends.
    """

    address: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: dict[str, deque[Answer]] = field(default_factory=dict)
    images: list[items.GetItemImageResponse] = field(default_factory=list)

    def on(self, method: str, *answers: Answer) -> None:
        """Sets the answers of a method."""
        self.answers[method] = deque(answers)

    def client(self, timeout: float = 10.0) -> Client:
        """A new client of this server."""
        return Client(self.address, timeout=timeout)

    def requests(self, kind: type[Response]) -> list[Response]:
        """The requests of one kind, in the order of their arrival."""
        return [call.request for call in self.calls if isinstance(call.request, kind)]

    def answer(
        self,
        method: str,
        request: Message,
        context: grpc.ServicerContext,
        kind: type[Response],
    ) -> Response:
        """Notes the call and gives the next answer; an empty message where none is set."""
        metadata = dict(context.invocation_metadata())
        self.calls.append(Call(method, request, metadata))
        answers = self.answers.get(method)
        if not answers:
            return kind()
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        return cast(Response, answer(request, context))


def gives(message: Message) -> Answer:
    """An answer that is this message."""
    return lambda request, context: message


def aborts(code: grpc.StatusCode, text: str = "") -> Answer:
    """An answer that is a bare status."""

    def answer(request: Message, context: grpc.ServicerContext) -> NoReturn:
        context.abort(code, text)

    return answer


def refuses(
    code: grpc.StatusCode,
    reason: str,
    message: str,
    *,
    violations: Sequence[tuple[str, str, str]] = (),
    metadata: Mapping[str, str] | None = None,
    retry_after_s: float | None = None,
) -> Answer:
    """An answer that is a status with details, as the real server makes them."""
    status = rich_status(
        code,
        reason,
        message,
        violations=violations,
        metadata=metadata,
        retry_after_s=retry_after_s,
    )

    def answer(request: Message, context: grpc.ServicerContext) -> NoReturn:
        context.abort_with_status(rpc_status.to_status(status))

    return answer


def rich_status(
    code: grpc.StatusCode,
    reason: str,
    message: str,
    *,
    domain: str = "triptych",
    violations: Sequence[tuple[str, str, str]] = (),
    metadata: Mapping[str, str] | None = None,
    retry_after_s: float | None = None,
) -> status_pb2.Status:
    """A `google.rpc.Status` with details."""
    status = status_pb2.Status(code=code.value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata or {})
    status.details.add().Pack(info)
    if violations:
        bad = error_details_pb2.BadRequest()
        for path, violation, description in violations:
            bad.field_violations.add(field=path, reason=violation, description=description)
        status.details.add().Pack(bad)
    if retry_after_s is not None:
        delay = Duration()
        delay.FromNanoseconds(round(retry_after_s * 1e9))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


class Collections(collections_grpc.CollectionServiceServicer):
    def __init__(self, service: Service) -> None:
        self.service = service

    def CreateCollection(
        self, request: collections.CreateCollectionRequest, context: grpc.ServicerContext
    ) -> collections.CreateCollectionResponse:
        kind = collections.CreateCollectionResponse
        return self.service.answer("CreateCollection", request, context, kind)

    def GetCollection(
        self, request: collections.GetCollectionRequest, context: grpc.ServicerContext
    ) -> collections.GetCollectionResponse:
        kind = collections.GetCollectionResponse
        return self.service.answer("GetCollection", request, context, kind)

    def ListCollections(
        self, request: collections.ListCollectionsRequest, context: grpc.ServicerContext
    ) -> collections.ListCollectionsResponse:
        kind = collections.ListCollectionsResponse
        return self.service.answer("ListCollections", request, context, kind)

    def DeleteCollection(
        self, request: collections.DeleteCollectionRequest, context: grpc.ServicerContext
    ) -> collections.DeleteCollectionResponse:
        kind = collections.DeleteCollectionResponse
        return self.service.answer("DeleteCollection", request, context, kind)

    def OptimizeCollection(
        self, request: collections.OptimizeCollectionRequest, context: grpc.ServicerContext
    ) -> collections.OptimizeCollectionResponse:
        kind = collections.OptimizeCollectionResponse
        return self.service.answer("OptimizeCollection", request, context, kind)


class Items(items_grpc.ItemServiceServicer):
    def __init__(self, service: Service) -> None:
        self.service = service

    def UpsertItems(
        self, request: items.UpsertItemsRequest, context: grpc.ServicerContext
    ) -> items.UpsertItemsResponse:
        return self.service.answer("UpsertItems", request, context, items.UpsertItemsResponse)

    def GetItem(
        self, request: items.GetItemRequest, context: grpc.ServicerContext
    ) -> items.GetItemResponse:
        return self.service.answer("GetItem", request, context, items.GetItemResponse)

    def GetItemImage(
        self, request: items.GetItemImageRequest, context: grpc.ServicerContext
    ) -> Iterator[items.GetItemImageResponse]:
        metadata = dict(context.invocation_metadata())
        self.service.calls.append(Call("GetItemImage", request, metadata))
        yield from self.service.images

    def ListItems(
        self, request: items.ListItemsRequest, context: grpc.ServicerContext
    ) -> items.ListItemsResponse:
        return self.service.answer("ListItems", request, context, items.ListItemsResponse)

    def DeleteItems(
        self, request: items.DeleteItemsRequest, context: grpc.ServicerContext
    ) -> items.DeleteItemsResponse:
        return self.service.answer("DeleteItems", request, context, items.DeleteItemsResponse)

    def CountItems(
        self, request: items.CountItemsRequest, context: grpc.ServicerContext
    ) -> items.CountItemsResponse:
        return self.service.answer("CountItems", request, context, items.CountItemsResponse)


class Searches(searches_grpc.SearchServiceServicer):
    def __init__(self, service: Service) -> None:
        self.service = service

    def Search(
        self, request: searches.SearchRequest, context: grpc.ServicerContext
    ) -> searches.SearchResponse:
        return self.service.answer("Search", request, context, searches.SearchResponse)

    def Recommend(
        self, request: searches.RecommendRequest, context: grpc.ServicerContext
    ) -> searches.RecommendResponse:
        return self.service.answer("Recommend", request, context, searches.RecommendResponse)

    def Discover(
        self, request: searches.DiscoverRequest, context: grpc.ServicerContext
    ) -> searches.DiscoverResponse:
        return self.service.answer("Discover", request, context, searches.DiscoverResponse)

    def ContextSearch(
        self, request: searches.ContextSearchRequest, context: grpc.ServicerContext
    ) -> searches.ContextSearchResponse:
        kind = searches.ContextSearchResponse
        return self.service.answer("ContextSearch", request, context, kind)

    def BatchSearch(
        self, request: searches.BatchSearchRequest, context: grpc.ServicerContext
    ) -> searches.BatchSearchResponse:
        return self.service.answer("BatchSearch", request, context, searches.BatchSearchResponse)

    def Explain(
        self, request: searches.ExplainRequest, context: grpc.ServicerContext
    ) -> searches.ExplainResponse:
        return self.service.answer("Explain", request, context, searches.ExplainResponse)


class Statuses(statuses_grpc.StatusServiceServicer):
    def __init__(self, service: Service) -> None:
        self.service = service

    def GetStatus(
        self, request: statuses.GetStatusRequest, context: grpc.ServicerContext
    ) -> statuses.GetStatusResponse:
        return self.service.answer("GetStatus", request, context, statuses.GetStatusResponse)


@contextmanager
def serving(
    max_message_bytes: int = 32 * 1024 * 1024, credentials: grpc.ServerCredentials | None = None
) -> Iterator[Service]:
    """A service on a free port, until the block ends; with TLS where there are credentials."""
    service = Service()
    with ThreadPoolExecutor(16) as pool:
        server = grpc.server(
            pool,
            options=[
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.so_reuseport", 0),
            ],
        )
        collections_grpc.add_CollectionServiceServicer_to_server(Collections(service), server)
        items_grpc.add_ItemServiceServicer_to_server(Items(service), server)
        searches_grpc.add_SearchServiceServicer_to_server(Searches(service), server)
        statuses_grpc.add_StatusServiceServicer_to_server(Statuses(service), server)
        if credentials is None:
            port = server.add_insecure_port("127.0.0.1:0")
        else:
            port = server.add_secure_port("127.0.0.1:0", credentials)
        service.address = f"127.0.0.1:{port}"
        server.start()
        try:
            yield service
        finally:
            server.stop(grace=None).wait()
