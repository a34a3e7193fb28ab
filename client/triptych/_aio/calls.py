"""What the asynchronous calls of every service share."""

from triptych._aio.channel import AsyncChannel
from triptych._connection import Connected
from triptych.v1 import (
    collection_service_pb2_grpc,
    encode_service_pb2_grpc,
    item_service_pb2_grpc,
    search_service_pb2_grpc,
    status_service_pb2_grpc,
)


class AsyncCalls(Connected):
    """The channel, and the stubs of all services on it, each made when it is first asked for."""

    def _connect(self) -> None:
        self._channel = AsyncChannel(self._connection)

    @property
    def _collections(self) -> "collection_service_pb2_grpc.CollectionServiceAsyncStub":
        return self._channel.stub(collection_service_pb2_grpc.CollectionServiceStub)

    @property
    def _items(self) -> "item_service_pb2_grpc.ItemServiceAsyncStub":
        return self._channel.stub(item_service_pb2_grpc.ItemServiceStub)

    @property
    def _searches(self) -> "search_service_pb2_grpc.SearchServiceAsyncStub":
        return self._channel.stub(search_service_pb2_grpc.SearchServiceStub)

    @property
    def _encoding(self) -> "encode_service_pb2_grpc.EncodeServiceAsyncStub":
        return self._channel.stub(encode_service_pb2_grpc.EncodeServiceStub)

    @property
    def _status(self) -> "status_service_pb2_grpc.StatusServiceAsyncStub":
        return self._channel.stub(status_service_pb2_grpc.StatusServiceStub)
