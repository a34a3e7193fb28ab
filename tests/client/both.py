"""Runs the same call on the client and on the asynchronous client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Literal

import pytest

from triptych import AsyncClient, Client

Kind = Literal["sync", "async"]
EITHER = pytest.mark.parametrize("kind", ["sync", "async"])


async def outcome(kind: Kind, address: str, call: Callable[[Any], object], **options: Any) -> Any:
    """What `call` gives on a new client of this kind, or raises; of an iterator, its entries."""
    if kind == "sync":
        return await asyncio.to_thread(_of_client, address, call, options)
    async with AsyncClient(address, **options) as client:
        given = call(client)
        if isinstance(given, AsyncIterator):
            return [entry async for entry in given]
        assert isinstance(given, Awaitable)
        return await given


def _of_client(address: str, call: Callable[[Any], object], options: dict[str, Any]) -> object:
    with Client(address, **options) as client:
        given = call(client)
        return list(given) if isinstance(given, Iterator) else given
