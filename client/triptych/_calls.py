"""What the calls of every service share."""

from triptych._channel import Channel
from triptych._connection import Connected
from triptych.v1.collection_service_pb2_grpc import CollectionServiceStub
from triptych.v1.encode_service_pb2_grpc import EncodeServiceStub
from triptych.v1.item_service_pb2_grpc import ItemServiceStub
from triptych.v1.search_service_pb2_grpc import SearchServiceStub
from triptych.v1.status_service_pb2_grpc import StatusServiceStub


class Calls(Connected):
    """The channel, and the stubs of all services on it."""

    def _connect(self) -> None:
        self._channel = Channel(self._connection)
        self._collections = CollectionServiceStub(self._channel.grpc)
        self._items = ItemServiceStub(self._channel.grpc)
        self._searches = SearchServiceStub(self._channel.grpc)
        self._encoding = EncodeServiceStub(self._channel.grpc)
        self._status = StatusServiceStub(self._channel.grpc)
