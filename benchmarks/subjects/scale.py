"""How long a filtered search of three legs takes as a collection grows.

The vectors are made: points of clusters, 100 items a cluster, since random ones without clusters
have no neighbours worth the name and no graph finds them. 128 numbers and not 512, so that graphs
over 100,000 items are built within minutes. Ratios carry over to other dimensions, times don't.

``BENCH_SCALE_ITEMS`` (``10000,100000``) has the sizes.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.frame import Bench, Findings, Rounds, Row, interleaved, percentile, skipped
from tests.support.qdrant_server import RunningQdrant, qdrant_binary
from tests.support.server import RunningServer
from triptych import Client, Field, leg, make_item
from triptych.v1.collection_pb2 import Optimization, VectorSpace
from triptych.v1.item_pb2 import Item
from triptych.v1.search_service_pb2 import VectorQuery

TITLE = "Growing collections"
GOAL = 1.6
DIMENSION = 128
ITEMS_A_CLUSTER = 100
SPREAD = 0.6  # of the distance of a cluster's centre from the origin
WORDS, WORDS_AN_ITEM = 30_000, 12
KINDS = 4
QUERIES = 40
NAME = "scale"
LEGS = ("image", "caption", "terms")


@dataclass(frozen=True, slots=True)
class Question:
    """One search: legs with ready vectors, and the kind that the filter lets through."""

    legs: Sequence[VectorQuery]
    kind: str


class Made:
    """Items and questions of a collection of ``count`` items, the same each time."""

    def __init__(self, count: int) -> None:
        self.count = count
        centres = np.random.default_rng(1).standard_normal(
            (max(count // ITEMS_A_CLUSTER, 20), DIMENSION)
        )
        self._centres = centres.astype(np.float32)
        # The frequent words of a language are stop words and not kept.
        weights = 1 / (np.arange(WORDS) + 50)
        self._words = np.cumsum(weights / weights.sum())

    def items(self) -> Iterator[list[Item]]:
        """All items, 256 at a time."""
        rng = np.random.default_rng(2)
        for first in range(0, self.count, 256):
            size = min(256, self.count - first)
            images, captions = self._near(size, rng), self._near(size, rng)
            yield [
                make_item(
                    f"item-{first + n}",
                    payload={"kind": f"kind-{(first + n) % KINDS}"},
                    vectors={
                        "image": images[n],
                        "caption": captions[n : n + 1],
                        "terms": self._terms(WORDS_AN_ITEM, rng),
                    },
                )
                for n in range(size)
            ]

    def questions(self) -> list[Question]:
        """What is asked, of clusters that the items are of."""
        rng = np.random.default_rng(3)
        return [
            Question(
                [
                    leg("image", vector=self._near(1, rng)[0]),
                    leg("caption", vector=self._near(1, rng)),
                    leg("terms", vector=self._terms(5, rng)),
                ],
                f"kind-{number % KINDS}",
            )
            for number in range(QUERIES)
        ]

    def _near(self, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
        chosen = self._centres[rng.integers(0, len(self._centres), count)]
        noise = rng.standard_normal((count, DIMENSION)).astype(np.float32)
        return chosen + np.float32(SPREAD) * noise

    def _terms(self, count: int, rng: np.random.Generator) -> dict[int, float]:
        words = np.searchsorted(self._words, rng.random(count))
        # No two items alike: which of equal ones are candidates is the engine's choice.
        return dict(zip(words.tolist(), rng.uniform(0.5, 1.5, count).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Filled:
    """A service with the items in it."""

    client: Client
    questions: list[Question]

    def search(self, question: Question, names: Sequence[str] = LEGS) -> list[str]:
        """The ids of the first ten."""
        legs = [one for one in question.legs if one.vector_name in names]
        where = Field("kind") == question.kind
        found = self.client.search(NAME, vectors=legs, where=where, return_fields=["payload"])
        return [hit.item.id for hit in found.hits]

    def median_ms(self) -> float:
        """The median search of all questions, in milliseconds."""
        times = []
        for question in self.questions:
            begin = time.perf_counter()
            self.search(question)
            times.append(time.perf_counter() - begin)
        return statistics.median(times) * 1e3


def run(bench: Bench) -> Findings:
    """The curve of the embedded store before and after optimizing, and of a Qdrant server."""
    asked = os.environ.get("BENCH_SCALE_ITEMS", "500,1000" if bench.quick else "10000,100000")
    sizes = [int(size) for size in asked.split(",")]
    rows: list[Row] = []
    notes = [
        f"Clustered synthetic vectors of {DIMENSION} numbers, {ITEMS_A_CLUSTER} items a cluster: "
        f"`image` dense, `caption` a multivector of one window, `terms` {WORDS_AN_ITEM} words of "
        f"{WORDS:,}; a filter that lets a quarter through; candidates 100, limit 10, through the "
        "whole service; the median of "
        f"{QUERIES} searches a round.",
    ]
    curve = Curve(sizes)
    with ExitStack() as stack:
        served = {
            size: stack.enter_context(_served(bench.folder / f"embedded-{size}", Made(size)))
            for size in sizes
        }
        exact = curve.measure("embedded, not optimized", served, bench.rounds(5))
        rows += curve.steps("embedded, not optimized", exact, goal=False)
        truth = {size: _answers(filled) for size, filled in served.items()}
        for size, filled in served.items():
            rows.append(_optimized(size, filled))
        graph = curve.measure("embedded, optimized", served, bench.rounds(5))
        rows += curve.steps("embedded, optimized", graph, goal=True)
        for size, filled in served.items():
            recall = _recall(truth[size], _answers(filled))
            worst = min(recall.values())
            detail = ", ".join(f"{name} {share:.3f}" for name, share in recall.items())
            rows.append(
                Row(
                    f"recall@10 after optimizing, {size:,} items",
                    f"{worst:.3f}",
                    "≥ 0.98",
                    worst >= 0.98,
                    f"against the answers before, filtered: {detail}",
                )
            )
    if qdrant_binary() is None:
        rows.append(skipped("Qdrant server", "TRIPTYCH_QDRANT_BINARY names none"))
    else:
        with ExitStack() as stack:
            qdrant = stack.enter_context(RunningQdrant(bench.folder / "qdrant"))
            served = {}
            for size in sizes:
                store = f"qdrant://127.0.0.1:{qdrant.port}/n{size}"
                folder = bench.folder / f"qdrant-{size}"
                served[size] = stack.enter_context(_served(folder, Made(size), store))
            _wait_until_indexed(qdrant.port, [f"n{size}.{NAME}" for size in sizes])
            live = curve.measure("Qdrant server", served, bench.rounds(5))
            rows += curve.steps("Qdrant server", live, goal=True)
    return Findings(rows, [*notes, curve.table()])


class Curve:
    """Medians by size, of one way of keeping the items after the other."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = sizes
        self._ways: dict[str, Rounds] = {}

    def measure(self, way: str, served: dict[int, Filled], rounds: int) -> Rounds:
        """Searches of every size in turn."""
        arms: dict[str, Callable[[], float]] = {
            str(size): filled.median_ms for size, filled in served.items()
        }
        self._ways[way] = interleaved(arms, rounds=rounds)
        return self._ways[way]

    def steps(self, way: str, measured: Rounds, *, goal: bool) -> list[Row]:
        """A row for each size over the one before."""
        rows = []
        for small, large in zip(self._sizes, self._sizes[1:], strict=False):
            ratio = measured.ratio(str(large), str(small))
            rows.append(
                Row(
                    f"{way}: p50, {small:,} → {large:,} items",
                    str(ratio),
                    f"≤ {GOAL}×" if goal else "",
                    ratio.median <= GOAL if goal else None,
                    f"{measured.median(str(small)):.2f} → {measured.median(str(large)):.2f} ms",
                )
            )
        return rows

    def table(self) -> str:
        """The curve, as Markdown."""
        lines = ["| items | " + " | ".join(f"{way}, ms" for way in self._ways) + " |"]
        lines.append("|---:|" + "---:|" * len(self._ways))
        for size in self._sizes:
            cells = (f"{measured.median(str(size)):.2f}" for measured in self._ways.values())
            lines.append(f"| {size:,} | " + " | ".join(cells) + " |")
        return "\n".join(lines)


@contextmanager
def _served(folder: Path, made: Made, store: str = "") -> Iterator[Filled]:
    settings = {"store": store} if store else {}
    with RunningServer(folder, **settings) as server, server.client() as client:
        kinds = (VectorSpace.KIND_DENSE, VectorSpace.KIND_MULTI, VectorSpace.KIND_SPARSE)
        spaces = [
            VectorSpace(
                name=name,
                kind=kind,
                sources=[VectorSpace.SOURCE_SUPPLIED],
                dimension=None if kind == VectorSpace.KIND_SPARSE else DIMENSION,
            )
            for name, kind in zip(LEGS, kinds, strict=True)
        ]
        client.create_collection(NAME, vector_spaces=spaces, payload_fields={"kind": "keyword"})
        for batch in made.items():
            client.upsert(NAME, batch, timeout=60)
        yield Filled(client, made.questions())


def _optimized(size: int, filled: Filled) -> Row:
    """Optimizes the collection while it is searched, and says what that did to the searches."""
    before = [_timed(partial(filled.search, question)) for question in filled.questions]
    times: list[float] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            for question in filled.questions:
                times.append(_timed(partial(filled.search, question)))
                done.wait(0.05)

    asking = threading.Thread(target=ask)
    begin = time.perf_counter()
    filled.client.optimize_collection(NAME)
    asking.start()
    try:
        while (found := filled.client.get_collection(NAME, timeout=60).optimization).state in (
            Optimization.STATE_WAITING,
            Optimization.STATE_RUNNING,
        ):
            time.sleep(0.2)
    finally:
        done.set()
        asking.join()
    taken = time.perf_counter() - begin
    assert found.state == Optimization.STATE_DONE, found.message
    assert found.item_count == size
    p50, p99 = statistics.median(times), percentile(times, 0.99)
    return Row(
        f"optimizing {size:,} items while they are searched",
        f"{taken:.0f} s",
        detail=f"{len(times)} searches meanwhile: p50 {p50 * 1e3:.1f} ms (before "
        f"{statistics.median(before) * 1e3:.1f}), p99 {p99 * 1e3:.0f} ms, the longest "
        f"{max(times) * 1e3:.0f} ms; {found.indexed_vector_count:,} vectors in the index",
    )


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _answers(filled: Filled) -> dict[str, list[list[str]]]:
    """The first ten of every question, of the fused search and of each leg alone."""
    return {
        "+".join(names): [filled.search(question, names) for question in filled.questions]
        for names in (LEGS, ("image",), ("caption",))
    }


def _recall(
    truth: dict[str, list[list[str]]], found: dict[str, list[list[str]]]
) -> dict[str, float]:
    return {
        name: statistics.mean(
            len(set(one) & set(other)) / len(other)
            for one, other in zip(found[name], answers, strict=True)
        )
        for name, answers in truth.items()
    }


def _wait_until_indexed(port: int, names: Sequence[str]) -> None:
    from qdrant_client import QdrantClient, models

    client = QdrantClient(port=port, grpc_port=port, prefer_grpc=True, check_compatibility=False)
    try:
        for name in names:
            while client.get_collection(name).status is not models.CollectionStatus.GREEN:
                time.sleep(0.5)
    finally:
        client.close()
