"""Fusion with all scores shown, beside the engine's own that shows none."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
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
                return runner.run(_searches(store, asked, unions))

            in_store = interleaved({"ours": ours, "theirs": theirs}, rounds=bench.rounds(9))
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
        by_rpc = _by_rpc(bench, asked, theirs)
    stored, bare = in_store.ratio("ours", "theirs"), legs.ratio("legs", "theirs")
    floor = [n + t for n, t in zip(by_rpc.figures["noop"], by_rpc.figures["theirs"], strict=True)]
    remote = Rounds({"ours": by_rpc.figures["search"], "floor": floor}).ratio("ours", "floor")
    goal = f"≤ {GOAL}×"
    size = percentile([float(n) for n in unions], 0.5)
    rows = [
        Row(
            "store and fusion, over prefetch + RRF",
            str(stored),
            goal,
            stored.median <= GOAL,
            f"p50 in ms: {_told(in_store)}. The legs of a search find {size:.0f} items together.",
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
        "sides. Ours has the exact similarity of every hit on every leg; the engine's RRF "
        "tells one score. Theirs runs in the benchmark's own process, ours in the engine's child "
        "process, pipe included."
    )
    return Findings(rows, [note])


async def _searches(store: VectorStore, asked: Sequence[panels.Asked], unions: list[int]) -> float:
    times = []
    for one in asked:
        begin = time.perf_counter()
        union = UnionQuery(
            tuple(
                LegQuery(name, vector, panel_store.CANDIDATES, EVERYTHING)
                for name, vector in one.vectors.items()
            ),
            tuple(ExactQuery(name, vector) for name, vector in one.vectors.items()),
            complete=False,
        )
        [answer] = await store.query_unions(panels.COLLECTION, [union])
        ranking = fuse(
            [
                LegScores(1.0, candidates, scores)
                for candidates, scores in zip(answer.candidates, answer.scores, strict=True)
            ],
            ReciprocalRank(),
        )
        best = [fused.id for fused in ranking.items[: panel_store.HITS]]
        # What the use case asks for, too: the scores that the winners still lack.
        lacking = [tuple(id_ for id_ in best if id_ not in known) for known in answer.scores]
        rest = [
            LegQuery(exact.vector_name, exact.ask, len(ids), within=ids)
            for exact, ids in zip(union.exact, lacking, strict=True)
        ]
        points, more = await store.fetch(panels.COLLECTION, best, rest)
        added = [{hit.id: hit.similarity for hit in hits} for hits in more]
        hits = []
        for point in points:
            scores = [
                known.get(point.id, own.get(point.id))
                for known, own in zip(answer.scores, added, strict=True)
            ]
            hits.append((layout.from_payload(point.payload), ranking.parts(point.id, scores)))
        times.append(time.perf_counter() - begin)
        assert len(hits) == panel_store.HITS
        unions.append(len(ranking.items))
    return percentile(times, 0.5)


def _by_rpc(bench: Bench, asked: Sequence[panels.Asked], theirs: Any) -> Rounds:
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
            return interleaved(
                {
                    "search": lambda: through(search),
                    "noop": lambda: through(noop),
                    "theirs": theirs,
                },
                rounds=bench.rounds(9),
            )


def _told(rounds: Rounds) -> str:
    return ", ".join(f"{arm} {1000 * rounds.median(arm):.2f}" for arm in rounds.figures)
