"""Fusion with all scores shown, beside the engine's own that shows none."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc

from benchmarks import panel_store, panels
from benchmarks.frame import Bench, Findings, Rounds, Row, interleaved, percentile
from benchmarks.noop import noop_server
from tests.support.server import RunningServer
from triptych.v1.search_service_pb2 import SearchResponse
from triptych.v1.search_service_pb2_grpc import SearchServiceStub
from triptych_server.domain import layout
from triptych_server.domain.filters import EVERYTHING
from triptych_server.domain.fusion import LegScores, ReciprocalRank, fuse
from triptych_server.domain.legs import ExactQuery, LegQuery, UnionQuery
from triptych_server.domain.ports import VectorStore
from triptych_server.store.edge_store import EdgeStore

TITLE = "Fused search with complete scores, beside Qdrant's own prefetch and RRF"

GOAL = 1.25


def run(bench: Bench) -> Findings:
    """Three ways in: the store with fusion, the same in pieces, and the whole service."""
    items = 500 if bench.quick else 10_000
    data, direct = bench.folder / "data", bench.folder / "direct"
    asyncio.run(panel_store.embedded(data, items))
    shutil.copytree(data, direct)
    asked = panels.queries(20 if bench.quick else 60, items=items, seed=9)
    with panel_store.own_shard(direct) as shard:

        def theirs() -> float:
            return panel_store.median_of(
                lambda one: panel_store.fuse_edge(shard, one, panels.LEGS), asked
            )

        with asyncio.Runner() as runner:
            store = runner.run(EdgeStore.open(data))
            unions: list[int] = []

            def ours() -> float:
                return runner.run(_searches(store, asked, unions, complete=False))

            def complete() -> float:
                return runner.run(_searches(store, asked, unions, complete=True))

            in_store = interleaved(
                {"ours": ours, "complete": complete, "theirs": theirs}, rounds=bench.rounds(9)
            )
            runner.run(store.close())
        legs = interleaved(
            {
                "legs": lambda: panel_store.median_of(
                    lambda one: panel_store.ask_edge(shard, one, panels.LEGS), asked
                ),
                "theirs": theirs,
            },
            rounds=bench.rounds(5),
        )
        by_rpc = _by_rpc(
            bench, asked, theirs, lambda one: panel_store.fuse_edge(shard, one, panels.LEGS)
        )
    stored, bare = in_store.ratio("ours", "theirs"), legs.ratio("legs", "theirs")
    remote = by_rpc.ratio("search", "floor")
    goal = f"≤ {GOAL}×"
    size = percentile([float(n) for n in unions], 0.5)
    rows = [
        Row(
            "store and fusion, over prefetch + RRF",
            str(stored),
            goal,
            stored.median <= GOAL,
            f"p50 in ms: {_told(in_store)}. The legs of a search find {size:.0f} items together; "
            "every hit has its exact score on every leg.",
        ),
        Row(
            "the same with the scores of all candidates",
            str(in_store.ratio("complete", "theirs")),
            detail="What a fusion of similarities asks for, which the engine's own has not.",
        ),
        Row(
            "by RPC, over no-op call and prefetch + RRF",
            str(remote),
            goal,
            remote.median <= GOAL,
            f"p50 in ms: {_told(by_rpc)}.",
        ),
        Row(
            "the bare legs, over prefetch + RRF",
            str(bare),
            detail="What is left for exact scores, fusion and the way to the engine's process.",
        ),
    ]
    note = (
        f"{items:,} items, {panel_store.CANDIDATES} candidates on each of image, caption, ocr "
        "(multivectors) and terms (sparse with IDF), ten hits with their payload, k = 2 on both "
        "sides. Every hit of ours has its exact similarity on every leg, where the engine's RRF "
        "tells one score. Theirs runs in the benchmark's own process, ours in the engine's child "
        "process, pipe included."
    )
    return Findings(rows, [note])


async def _searches(
    store: VectorStore, asked: Sequence[panels.Asked], unions: list[int], *, complete: bool
) -> float:
    """The median time of a search as the corridor walks it, without what surrounds it.

    By places only the winners' scores are missing in the end; a fusion of similarities needs the
    ``complete`` ones of every candidate.
    """
    times = []
    for one in asked:
        begin = time.perf_counter()
        exact = tuple(ExactQuery(name, vector) for name, vector in one.vectors.items())
        union = UnionQuery(
            tuple(
                LegQuery(name, vector, panel_store.CANDIDATES, EVERYTHING)
                for name, vector in one.vectors.items()
            ),
            exact,
            complete=complete,
        )
        [answer] = await store.query_unions(panels.COLLECTION, [union])
        ranking = fuse(
            [
                LegScores(1.0, candidates, scores)
                for candidates, scores in zip(answer.candidates, answer.scores, strict=True)
            ],
            ReciprocalRank(),
        )
        best = tuple(fused.id for fused in ranking.items[: panel_store.HITS])
        lacking = [[id_ for id_ in best if id_ not in scores] for scores in answer.scores]
        points, more = await store.fetch(
            panels.COLLECTION,
            best,
            [
                LegQuery(query.vector_name, query.ask, len(ids), within=tuple(ids))
                for query, ids in zip(exact, lacking, strict=True)
                if ids
            ],
        )
        answers = iter(more)
        found = [
            {**scores, **{hit.id: hit.similarity for hit in next(answers)}} if ids else scores
            for scores, ids in zip(answer.scores, lacking, strict=True)
        ]
        hits = [
            (
                layout.from_payload(point.payload),
                ranking.parts(point.id, [scores.get(point.id) for scores in found]),
            )
            for point in points
        ]
        times.append(time.perf_counter() - begin)
        assert len(hits) == panel_store.HITS
        unions.append(len(ranking.items))
    return percentile(times, 0.5)


def _by_rpc(
    bench: Bench,
    asked: Sequence[panels.Asked],
    theirs: Callable[[], float],
    fused: Callable[[panels.Asked], object],
) -> Rounds:
    messages = {id(one): panel_store.request(one, panels.LEGS) for one in asked}

    def through(stub: Any) -> float:
        return panel_store.median_of(lambda one: stub.Search(messages[id(one)]), asked)

    with (
        RunningServer(bench.folder / "data") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        search: Any = SearchServiceStub(channel)
        answer: SearchResponse = search.Search(messages[id(asked[0])])
        with (
            noop_server(answer.SerializeToString(), bench.folder) as address,
            grpc.insecure_channel(address) as idle,
        ):
            noop: Any = SearchServiceStub(idle)

            def floor(one: panels.Asked) -> None:
                noop.Search(messages[id(one)])
                fused(one)

            return interleaved(
                {
                    "search": lambda: through(search),
                    "floor": lambda: panel_store.median_of(floor, asked),
                    "noop": lambda: through(noop),
                    "theirs": theirs,
                },
                rounds=bench.rounds(9),
            )


def _told(rounds: Rounds) -> str:
    return ", ".join(f"{arm} {1000 * rounds.median(arm):.2f}" for arm in rounds.figures)
