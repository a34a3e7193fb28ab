"""What the calls of every service share."""

from triptych._channel import Channel
from triptych.v1.collection_service_pb2_grpc import CollectionServiceStub
from triptych.v1.encode_service_pb2_grpc import EncodeServiceStub
from triptych.v1.item_service_pb2_grpc import ItemServiceStub
from triptych.v1.search_service_pb2_grpc import SearchServiceStub
from triptych.v1.status_service_pb2_grpc import StatusServiceStub


class Calls:
    """The stubs of all services on one channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._collections = CollectionServiceStub(channel.grpc)
        self._items = ItemServiceStub(channel.grpc)
        self._searches = SearchServiceStub(channel.grpc)
        self._encoding = EncodeServiceStub(channel.grpc)
        self._status = StatusServiceStub(channel.grpc)
