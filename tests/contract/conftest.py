"""The store contract runs once against every store; a module shares one store of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.stores import LIVE, STORES, collection, opened
from triptych_server.domain.filters import Filter
from triptych_server.domain.ports import VectorStore

EVERY = [pytest.param(kind, marks=pytest.mark.live if kind in LIVE else ()) for kind in STORES]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=EVERY)
async def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[VectorStore]:
    """An open store of each kind in turn."""
    async with opened(request.param, tmp_path_factory.mktemp("store")) as opened_store:
        yield opened_store


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_things(store: VectorStore) -> str:
    """The id of a collection with spaces of every kind and an index of every type."""
    await store.create_collection(collection("things"))
    return "things"


@pytest_asyncio.fixture(loop_scope="module")
async def things(store: VectorStore, shared_things: str) -> str:
    """The same, empty. Making a collection syncs 150 files, emptying one none."""
    await store.delete_matching(shared_things, Filter())
    return shared_things
