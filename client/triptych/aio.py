"""The client for asyncio: the calls of `triptych.client.Client`, to be awaited."""

from types import TracebackType
from typing import Self

from triptych._aio.collection_calls import AsyncCollectionCalls
from triptych._aio.explain_calls import AsyncExplainCalls
from triptych._aio.explore_calls import AsyncExploreCalls
from triptych._aio.item_calls import AsyncItemCalls
from triptych._aio.search_calls import AsyncSearchCalls
from triptych._aio.status_calls import AsyncStatusCalls

__all__ = ["AsyncClient"]


class AsyncClient(
    AsyncCollectionCalls,
    AsyncItemCalls,
    AsyncSearchCalls,
    AsyncExploreCalls,
    AsyncExplainCalls,
    AsyncStatusCalls,
):
    """A connection to a Triptych server, for the tasks of one event loop.

    It has the methods of `Client`, with the same arguments and errors, to be awaited; what lists
    entries is an asynchronous iterator, and `upsert` takes one too. It may be made anywhere, and
    belongs to the event loop of its first call. A task that is cancelled cancels its call.

    >>> from triptych import AsyncClient, make_item
    >>> async with AsyncClient("127.0.0.1:50051") as client:
    ...     _ = await client.create_collection("garden")
    ...     [outcome] = await client.upsert("garden", [make_item("rose", caption="a red rose")])
    ...     answer = await client.search("garden", text="a flower")
    ...     [hit.item.id for hit in answer.hits]
    ...     [item.id async for item in client.list_items("garden")]
    ['rose']
    ['rose']
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection and the calls under way; calls after this raise RuntimeError."""
        await self._channel.close()
