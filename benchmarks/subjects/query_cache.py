"""What the query cache saves where texts come again."""

from __future__ import annotations

import asyncio
import itertools

import grpc

from benchmarks.frame import Bench, Findings, Row, interleaved, percentile
from benchmarks.models import clip_folder
from benchmarks.panel_store import HITS
from benchmarks.texts import queries
from tests.support.server import RunningServer
from triptych import Item
from triptych.v1.search_service_pb2 import SearchRequest
from triptych.v1.search_service_pb2_grpc import SearchServiceStub

TITLE = "The query cache"

_AT_ONCE = 16


def run(bench: Bench) -> Findings:
    """Searches by text whose text was asked before, and many of one text at once."""
    texts = queries(8 if bench.quick else 24, seed=3)
    new = itertools.count()
    with RunningServer(
        bench.folder / "data", encoders=f"clip={clip_folder()}", log_level="WARNING"
    ) as server:
        with server.client() as client:
            client.create_collection("texts")
            captions = queries(64, seed=4)
            client.upsert(
                "texts", [Item(id=f"t{n}", caption=text) for n, text in enumerate(captions)]
            )
            for text in texts:
                client.search("texts", text=text)

            def times(*, fresh: bool) -> float:
                begun = []
                for text in texts:
                    answer = client.search("texts", text=text, bypass_query_cache=fresh)
                    assert len(answer.hits) == HITS
                    assert all(leg.from_cache is not fresh for leg in answer.legs)
                    begun.append(answer.timings.total_us / 1e6)
                return percentile(begun, 0.5)

            found = interleaved(
                {"again": lambda: times(fresh=False), "anew": lambda: times(fresh=True)},
                rounds=bench.rounds(7),
            )
        crowd = interleaved(
            {
                "alike": lambda: asyncio.run(_at_once(server.address, [f"alike {next(new)}"])),
                "different": lambda: asyncio.run(
                    _at_once(server.address, [f"one {next(new)}" for _ in range(_AT_ONCE)])
                ),
            },
            rounds=bench.rounds(7),
        )
    saved, shared = found.ratio("anew", "again"), crowd.ratio("different", "alike")
    rows = [
        Row(
            "a text asked before: encoded anew, over from the cache",
            str(saved),
            detail=f"p50 in the server, in ms: anew {1000 * found.median('anew'):.1f}, from the "
            f"cache {1000 * found.median('again'):.1f}.",
        ),
        Row(
            f"{_AT_ONCE} searches at once: different texts, over the same new text",
            str(shared),
            detail=f"All answered after, in ms: different {1000 * crowd.median('different'):.1f}, "
            f"the same {1000 * crowd.median('alike'):.1f}.",
        ),
    ]
    note = "64 items with captions, ViT-B/32 with random weights, texts of 3 to 12 words."
    return Findings(rows, [note])


async def _at_once(address: str, texts: list[str]) -> float:
    """Seconds until as many searches as fit are answered that begin together."""
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        stub = SearchServiceStub(channel)
        requests = []
        for text in itertools.islice(itertools.cycle(texts), _AT_ONCE):
            request = SearchRequest(collection_id="texts")
            request.input.text = text
            requests.append(request)
        begin = asyncio.get_running_loop().time()
        await asyncio.gather(*(stub.Search(request) for request in requests))
        return asyncio.get_running_loop().time() - begin
