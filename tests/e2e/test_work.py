"""How much work a search, a batch and an upsert are: counted, since times can't be pinned in CI.

Whoever makes one of these numbers grow has made every such call slower, and should know why.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio
import qdrant_edge as edge

from tests.support.counting import CountedApp, Work, count_inner_work
from tests.support.panels import draw_words
from tests.support.stores import collection, dense, sparse, whole_point
from triptych.v1 import collection_service_pb2 as collections
from triptych.v1 import common_pb2 as common
from triptych.v1 import item_pb2 as item
from triptych.v1 import item_service_pb2 as items
from triptych.v1 import search_service_pb2 as search
from triptych.v1.collection_service_pb2_grpc import CollectionServiceStub
from triptych.v1.item_service_pb2_grpc import ItemServiceStub
from triptych.v1.search_service_pb2_grpc import SearchServiceStub
from triptych_server.domain.filters import EVERYTHING
from triptych_server.domain.legs import Ask, ExactQuery, LegQuery, UnionQuery
from triptych_server.read_settings import read_settings
from triptych_server.store.edge_engine import EdgeEngine
from triptych_server.store.edge_protocol import CreateCollection, QueryUnions, Upsert

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEMS = 16
# Each names the collection first, which the embedded store answers from memory.
LOOK = {"store.get_collection": 1}
# What the engine's process is asked by one search, whatever its legs and candidates are.
ONE_SEARCH = {
    **LOOK,
    "store.query_unions": 1,
    "frame QueryUnions": 1,
    "store.fetch": 1,
    "frame Fetch": 1,
    "points made items": 10,
}
# A text on image, caption, ocr and terms: the three of one encoder share a run.
ONE_TEXT = {"encoder.encode_text": 1, "terms.encode_query": 1}
STAMPS = {"terms.stamp": 1}


class House:
    """A service that counts, and callers of it."""

    def __init__(self, channel: grpc.aio.Channel, work: Work) -> None:
        self.work = work
        self.collections: Any = CollectionServiceStub(channel)
        self.items: Any = ItemServiceStub(channel)
        self.searches: Any = SearchServiceStub(channel)

    async def search(self, text: str, **given: Any) -> search.SearchResponse:
        request = search.SearchRequest(collection_id="things", **given)
        request.input.text = text
        self.work.clear()
        answer: search.SearchResponse = await self.searches.Search(request)
        assert len(answer.hits) == 10
        return answer


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("work")
    settings = read_settings(
        [
            *("--listen", "127.0.0.1:0", "--store", f"embedded:{folder}"),
            *("--encoders", "tiny-clip", "--device", "cpu", "--threads", "1"),
            *("--decode-workers", "1", "--ocr-workers", "1"),
        ]
    )
    work = Work()
    with pytest.MonkeyPatch.context() as patch:
        count_inner_work(work, patch)
        async with (
            CountedApp(settings, work) as app,
            grpc.aio.insecure_channel(app.address) as channel,
        ):
            made = House(channel, work)
            await made.collections.CreateCollection(
                collections.CreateCollectionRequest(collection_id="things")
            )
            await made.items.UpsertItems(wanted("first", pictures=False))
            yield made


def wanted(name: str, *, pictures: bool) -> items.UpsertItemsRequest:
    """An upsert of ``ITEMS`` items; equal pictures, since what they show is nothing to this."""
    data = draw_words([name], width=160, height=128) if pictures else b""
    return items.UpsertItemsRequest(
        collection_id="things",
        ocr=item.OcrOptions(mode=item.OcrOptions.MODE_SKIP),
        items=[
            item.Item(
                id=f"{name}-{n}",
                caption=f"{name} thing number {n}",
                image=common.Image(data=data) if pictures else None,
            )
            for n in range(ITEMS)
        ],
    )


async def test_a_search(house: House) -> None:
    answer = await house.search("a thing of the first kind")
    house.work.check("a search", {**ONE_SEARCH, **ONE_TEXT, "terms.stamp": 2})
    assert len(answer.legs) == 4
    assert not any(leg.from_cache for leg in answer.legs)


async def test_the_same_search_again(house: House) -> None:
    first = await house.search("a thing, again")
    again = await house.search("a thing, again")
    house.work.check("a repeated search", {**ONE_SEARCH, "terms.stamp": 2})
    assert all(leg.from_cache for leg in again.legs)
    assert [leg.tokens for leg in again.legs] == [leg.tokens for leg in first.legs]
    assert again.hits == first.hits


async def test_a_search_that_bypasses_the_cache(house: House) -> None:
    await house.search("a thing, bypassed")
    answer = await house.search("a thing, bypassed", bypass_query_cache=True)
    house.work.check("a search past the cache", {**ONE_SEARCH, **ONE_TEXT, "terms.stamp": 2})
    assert not any(leg.from_cache for leg in answer.legs)


async def test_a_warning_comes_from_the_cache_too(house: House) -> None:
    text = "thing " * 300
    first, again = await house.search(text), await house.search(text)
    assert [leg.from_cache for leg in again.legs] == [True] * 4
    assert first.warnings
    assert again.warnings == first.warnings
    assert [leg.tokens for leg in again.legs] == [leg.tokens for leg in first.legs]


async def test_equal_searches_at_once(house: House) -> None:
    request = search.SearchRequest(collection_id="things")
    request.input.text = "things at once"
    house.work.clear()
    answers = await asyncio.gather(*(house.searches.Search(request) for _ in range(6)))
    found = {name: house.work[name] for name in ONE_TEXT}
    assert found == ONE_TEXT, "equal texts of searches at once are encoded once"
    assert len({tuple(hit.item.id for hit in answer.hits) for answer in answers}) == 1


async def test_a_batch_of_searches(house: House) -> None:
    request = search.BatchSearchRequest()
    for n in range(8):
        one = request.searches.add(collection_id="things")
        one.input.text = f"a thing of batch {n % 4}"
    house.work.clear()
    answer = await house.searches.BatchSearch(request)
    assert [len(found.response.hits) for found in answer.results] == [10] * 8
    pinned = {
        "store.get_collection": 8,
        "encoder.encode_text": 4,
        "terms.encode_query": 4,
        "terms.stamp": 16,
        "store.query_unions": 1,
        "frame QueryUnions": 1,
        "store.fetch": 8,
        "frame Fetch": 8,
        "points made items": 80,
    }
    house.work.check("a batch of 8 searches, 4 of them different", pinned)


async def test_an_upsert_of_sixteen_items(house: House) -> None:
    house.work.clear()
    answer = await house.items.UpsertItems(wanted("pictured", pictures=True))
    assert [o.result for o in answer.outcomes] == [items.UpsertOutcome.RESULT_CREATED] * ITEMS
    pinned = {
        **LOOK,
        **STAMPS,
        "store.retrieve": 1,
        "frame Retrieve": 1,
        "intake.decode": ITEMS,
        "intake.thumbnail": ITEMS,
        "encoder.crop_image": ITEMS,
        "encoder.encode_crop": ITEMS,
        "encoder.encode_windows": ITEMS,
        "terms.encode_document": ITEMS,
        "items made points": ITEMS,
        "store.upsert": 1,
        "frame Upsert": 1,
    }
    house.work.check(f"an upsert of {ITEMS} items", pinned)


class CountedShard:
    """A shard, and what it is asked: calls, queries in them, and points that come back."""

    def __init__(self, shard: edge.EdgeShard, work: Work) -> None:
        self._shard = shard
        self._work = work

    def query_batch(self, request: edge.QueryBatchRequest) -> list[list[edge.ScoredPoint]]:
        answers = self._shard.query_batch(request)
        self._work["engine calls"] += 1
        self._work["queries"] += len(answers)
        self._work["points"] += sum(map(len, answers))
        return answers


async def test_what_a_leg_has_scored_is_not_scored_again(tmp_path: Path) -> None:
    made = collection()
    engine = EdgeEngine(tmp_path / "data", min_free_bytes=0)
    (tmp_path / "data").mkdir()
    engine.open()
    engine.execute(CreateCollection(made))
    engine.execute(Upsert(made.id, tuple(whole_point(n) for n in range(40)), None))
    work = Work()
    engine._shards[made.id] = CountedShard(engine._shards[made.id], work)  # type: ignore[assignment]

    def asked(asks: dict[str, Ask], limit: int) -> tuple[int, int]:
        """How many points the legs find, and how many scores there are of their union."""
        union = UnionQuery(
            tuple(LegQuery(name, ask, limit, EVERYTHING) for name, ask in asks.items()),
            tuple(ExactQuery(name, ask) for name, ask in asks.items()),
        )
        work.clear()
        answers: Any = engine.execute(QueryUnions(made.id, (union,), None))
        [(_, found, scores)] = answers
        return sum(map(len, found)), sum(score is not None for row in scores for score in row)

    _, scored = asked({"image": dense(1, -2, 3), "ocr": dense(0, 1, 1), "terms": sparse({3: 1})}, 5)
    # Each score of the union comes out of the engine just once.
    work.check("three legs", {"engine calls": 2, "queries": 6, "points": scored})
    found, scored = asked({"image": np.asarray(dense(1, 2))}, 5)
    assert (found, scored) == (5, 5)
    work.check("one leg", {"engine calls": 1, "queries": 1, "points": 5})
