"""What the service adds to a search, from the wire and back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from benchmarks import panel_store, panels
from benchmarks.frame import Bench, Findings, Ratio, Row, interleaved, skipped
from benchmarks.noop import noop_server
from tests.support.live import api_key
from tests.support.server import RunningServer
from triptych.v1.search_service_pb2 import SearchRequest, SearchResponse
from triptych.v1.search_service_pb2_grpc import SearchServiceStub
from triptych_server.domain.store_place import QdrantAddress, parse_store
from triptych_server.domain.vectors import SparseVector

TITLE = "A search over the wire, beside the engine asked directly"

RATIO_GOAL, MORE_GOAL_MS = 1.3, 1.5
_WORDS = {4: "four legs", 1: "one leg"}

Ask = Callable[[panels.Asked, Sequence[str]], None]


def run(bench: Bench) -> Findings:
    """Search with ready vectors, ten hits, over a call that does nothing and the bare legs."""
    items = 500 if bench.quick else 10_000
    data = bench.folder / "data"
    asyncio.run(panel_store.embedded(data, items))
    shutil.copytree(data, bench.folder / "direct")
    rows: list[Row] = []
    with panel_store.own_shard(bench.folder / "direct") as shard:

        def directly(asked: panels.Asked, legs: Sequence[str]) -> None:
            panel_store.ask_edge(shard, asked, legs)

        with RunningServer(data) as server:
            for legs in (panels.LEGS, panels.LEGS[:1]):
                rows += _rows(bench, "embedded", server.address, items, legs, directly)
    if panel_store.has_qdrant():
        with panel_store.qdrant(bench.folder) as url:
            asyncio.run(_fill_qdrant(url, items))
            settings = {"store": url, "qdrant_api_key": api_key() or ""}
            with RunningServer(bench.folder / "q", **settings) as server, _client(url) as client:
                for legs in (panels.LEGS, panels.LEGS[:1]):
                    rows += _rows(bench, "Qdrant", server.address, items, legs, client)
    else:
        rows.append(skipped("Qdrant", panel_store.NO_QDRANT, goal=f"≤ {RATIO_GOAL}×"))
    note = (
        f"{items:,} items of {panels.DIMENSION} numbers (image, caption, three windows of ocr, "
        f"terms), {panel_store.CANDIDATES} candidates a leg. A search answers with ten hits, their "
        "payload and the exact similarity of each on every leg. Beside it stand a call whose "
        "server answers the same bytes without looking at the request, and the same legs asked of "
        "the engine in one batch, without exact scores of the others' candidates, fusion or "
        "payload: of the embedded engine in this process, of a Qdrant server through its client. "
        "The floor is the two one after the other, as a program would make them; `noop` and "
        "`direct` are each alone in a loop, which keeps the caches warm for the next."
    )
    return Findings(rows, [note])


def _rows(
    bench: Bench, engine: str, address: str, items: int, legs: Sequence[str], directly: Ask
) -> list[Row]:
    asked = panels.queries(20 if bench.quick else 60, items=items, seed=len(legs))
    messages = {id(one): panel_store.request(one, legs) for one in asked}

    def through(stub: Any) -> float:
        return panel_store.median_of(lambda one: stub.Search(messages[id(one)]), asked)

    with grpc.insecure_channel(address) as channel:
        search: Any = SearchServiceStub(channel)
        answer: SearchResponse = search.Search(messages[id(asked[0])])
        assert len(answer.hits) == panel_store.HITS, "not the answer that is measured"
        with (
            noop_server(answer.SerializeToString(), bench.folder) as other,
            grpc.insecure_channel(other) as idle,
        ):
            noop: Any = SearchServiceStub(idle)

            def floor(one: panels.Asked) -> None:
                noop.Search(messages[id(one)])
                directly(one, legs)

            found = interleaved(
                {
                    "search": lambda: through(search),
                    "floor": lambda: panel_store.median_of(floor, asked),
                    "noop": lambda: through(noop),
                    "direct": lambda: panel_store.median_of(lambda o: directly(o, legs), asked),
                },
                rounds=bench.rounds(9),
            )
        stages = _stages(search, list(messages.values()))
    ratio = found.ratio("search", "floor")
    more = sorted(
        s - f for s, f in zip(found.figures["search"], found.figures["floor"], strict=True)
    )
    more_ms = Ratio(*(1000 * value for value in (more[len(more) // 2], more[0], more[-1])))
    name = f"{engine}, {_WORDS[len(legs)]}"
    parts = ", ".join(f"{arm} {1000 * found.median(arm):.2f}" for arm in found.figures)
    return [
        Row(
            f"{name}: search over no-op and engine",
            str(ratio),
            f"≤ {RATIO_GOAL}×",
            ratio.median <= RATIO_GOAL,
            f"p50 in ms: {parts}. Inside the server, medians in ms: {stages}.",
        ),
        Row(
            f"{name}: more at p50",
            f"{more_ms.median:.2f} ms ({more_ms.low:.2f} to {more_ms.high:.2f})",
            f"≤ {MORE_GOAL_MS} ms",
            more_ms.median <= MORE_GOAL_MS,
        ),
    ]


def _stages(search: Any, messages: Sequence[SearchRequest]) -> str:
    timings = [search.Search(message).timings for message in messages]
    times: dict[str, list[int]] = {}
    for one in timings:
        for stage in one.stages:
            times.setdefault(stage.stage, []).append(stage.duration_us)
        times.setdefault("in all", []).append(one.total_us)
    return ", ".join(f"{n} {sorted(t)[len(t) // 2] / 1000:.2f}" for n, t in times.items())


async def _fill_qdrant(url: str, items: int) -> None:
    # Here, since the imports of Qdrant's client take over a second.
    from triptych_server.store.qdrant_store import QdrantStore

    place = _address(url)
    store = await QdrantStore.open(
        host=place.host, port=place.port, tls=place.tls, api_key=api_key(), prefix=place.prefix
    )
    try:
        await panel_store.fill(store, items)
    finally:
        await store.close()


@contextmanager
def _client(url: str) -> Iterator[Ask]:
    from qdrant_client import QdrantClient, models

    place = _address(url)
    name = f"{place.prefix}.{panels.COLLECTION}" if place.prefix else panels.COLLECTION
    client = QdrantClient(
        host=place.host,
        grpc_port=place.port,
        prefer_grpc=True,
        https=place.tls,
        api_key=api_key(),
        check_compatibility=False,
    )
    while client.get_collection(name).status is not models.CollectionStatus.GREEN:
        pass  # each look is a call, and what is measured has to be indexed

    def directly(asked: panels.Asked, legs: Sequence[str]) -> None:
        requests = []
        for leg in legs:
            vector = asked.vectors[leg]
            given: Any = (
                models.SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())
                if isinstance(vector, SparseVector)
                else panel_store.plain(vector)
            )
            requests.append(
                models.QueryRequest(query=given, using=leg, limit=panel_store.CANDIDATES)
            )
        client.query_batch_points(name, requests)

    try:
        yield directly
    finally:
        client.close()


def _address(url: str) -> QdrantAddress:
    place = parse_store(url)
    assert not isinstance(place, Path)
    return place
