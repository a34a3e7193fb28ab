"""The client: one method for each call of the contract."""

from types import TracebackType
from typing import Self

from triptych._collection_calls import CollectionCalls
from triptych._connection import DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_TARGET, DEFAULT_TIMEOUT_S
from triptych._explain_calls import ExplainCalls
from triptych._explore_calls import ExploreCalls
from triptych._item_calls import ItemCalls
from triptych._search_calls import SearchCalls
from triptych._status_calls import StatusCalls

__all__ = ["DEFAULT_MAX_MESSAGE_BYTES", "DEFAULT_TARGET", "DEFAULT_TIMEOUT_S", "Client"]


class Client(CollectionCalls, ItemCalls, SearchCalls, ExploreCalls, ExplainCalls, StatusCalls):
    """A connection to a Triptych server. Threads may share one.

    Every method takes a `timeout` in seconds for each of its calls, and raises a `TriptychError`:
    `Unavailable` and `DeadlineExceeded` where the server can't be reached or is late,
    `Unauthenticated` where it wants an API key, `Internal` where it fails, and what the method's
    own text names.

    >>> from triptych import Client, Field, make_item
    >>> with Client("127.0.0.1:50051") as client:
    ...     _ = client.create_collection("kitchen", payload_fields={"price": "float"})
    ...     mug = make_item("mug", caption="a cup of coffee", payload={"price": 12})
    ...     [outcome] = client.upsert("kitchen", [mug])
    ...     answer = client.search("kitchen", text="espresso", where=Field("price") < 20)
    ...     [hit.item.id for hit in answer.hits]
    ['mug']
    """

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
        """Ends the connection and the calls under way; calls after this raise RuntimeError."""
        self._channel.close()
