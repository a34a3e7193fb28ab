"""The client: one method for each call of the contract."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc

from triptych._channel import Channel
from triptych._collection_calls import CollectionCalls
from triptych._explain_calls import ExplainCalls
from triptych._explore_calls import ExploreCalls
from triptych._item_calls import ItemCalls
from triptych._search_calls import SearchCalls
from triptych.v1.status_service_pb2 import GetStatusRequest, GetStatusResponse

__all__ = ["Client"]

DEFAULT_TARGET = "127.0.0.1:50051"
DEFAULT_TIMEOUT_S = 30.0
DEFAULT_MAX_MESSAGE_BYTES = 32 * 1024 * 1024


class Client(CollectionCalls, ItemCalls, SearchCalls, ExploreCalls, ExplainCalls):
    """A connection to a Triptych server. Threads may share one.

    Every method takes a `timeout` in seconds for each of its RPCs, and raises a `TriptychError`:
    `Unavailable` and `DeadlineExceeded` where the server can't be reached or is late, `Internal`
    where it fails, and what the method's own text names. A call that may be repeated (all but
    `create_collection`) is repeated up to four times while the server is not available.

    >>> from triptych import Client, Field, make_item
    >>> with Client("127.0.0.1:50051") as client:
    ...     _ = client.create_collection("kitchen", payload_fields={"price": "float"})
    ...     mug = make_item("mug", caption="a cup of coffee", payload={"price": 12})
    ...     [outcome] = client.upsert("kitchen", [mug])
    ...     answer = client.search("kitchen", text="espresso", where=Field("price") < 20)
    ...     [hit.item.id for hit in answer.hits]
    ['mug']
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        timeout: float = DEFAULT_TIMEOUT_S,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> None:
        """A client of the server at `target`; it connects with the first call.

        Args:
            target: host and port, or any other gRPC target.
            timeout: seconds that each RPC may take unless its method is given another time.
            max_message_bytes: the largest message in either direction; the server has its own
                limit, which `status().limits` tells.
            credentials: for TLS, `grpc.ssl_channel_credentials()` for example; plaintext without.
            metadata: headers of every call. Without an `x-request-id` among them each call gets
                one of its own.

        Raises:
            ArgumentError: a timeout that is no number above 0.
        """
        super().__init__(
            Channel(
                target,
                timeout=timeout,
                max_message_bytes=max_message_bytes,
                credentials=credentials,
                metadata=metadata,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; calls after this raise RuntimeError."""
        self._channel.close()

    def status(self, *, timeout: float | None = None) -> GetStatusResponse:
        """The server's version, encoders, limits and store; it answers with the store down too."""
        return self._channel.call(self._status.GetStatus, GetStatusRequest(), timeout)
