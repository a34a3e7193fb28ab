"""Whether the server still answers at once while it takes in pictures with all it has."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.frame import Bench, Findings, Rounds, Row, interleaved, percentile
from benchmarks.models import clip_folder
from tests.support.server import RunningServer

TITLE = "Health during ingest"

_PAUSE_S = 0.01


def run(bench: Bench) -> Findings:
    """The health RPC's latency beside a full ingest with OCR, against that of an idle server."""
    rounds = bench.rounds(5)
    calls = 100 if bench.quick else 400
    taken: dict[str, list[list[float]]] = {"idle": [], "ingest": []}
    items = 0
    numbers = itertools.count()
    with (
        RunningServer(bench.folder / "data", encoders=f"clip={clip_folder()}") as server,
        server.client() as client,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = health_pb2_grpc.HealthStub(channel)

        def idle() -> float:
            taken["idle"].append(_ask(stub, calls))
            return percentile(taken["idle"][-1], 0.99)

        def ingest() -> float:
            nonlocal items
            collection = client.create_collection(f"c{next(numbers)}").id
            with _ingesting(server.address, collection):
                taken["ingest"].append(_ask(stub, calls))
            items += client.count_items(collection).count
            client.delete_collection(collection)
            return percentile(taken["ingest"][-1], 0.99)

        found = interleaved({"idle": idle, "ingest": ingest}, rounds=rounds)
    p99 = found.ratio("ingest", "idle")
    p50s = {name: [percentile(one, 0.5) for one in all_[-rounds:]] for name, all_ in taken.items()}
    p50 = Rounds(p50s)
    slowest = max(max(one) for one in taken["ingest"][-rounds:])
    return Findings(
        [
            Row(
                "p99 of the health RPC during ingest, over that of an idle server",
                str(p99),
                "≤ 5×",
                p99.median <= 5,
                f"p99 {found.median('ingest') * 1000:.1f} ms against "
                f"{found.median('idle') * 1000:.1f} ms, p50 {p50.median('ingest') * 1000:.1f} ms "
                f"against {p50.median('idle') * 1000:.1f} ms, of {calls} calls a round; the "
                f"slowest of all {slowest * 1000:.0f} ms; {items} pictures of 1 megapixel were "
                "kept meanwhile, each decoded, read, encoded and indexed",
            )
        ]
    )


def _ask(stub: Any, calls: int) -> list[float]:
    taken = []
    for _ in range(calls):
        begin = time.perf_counter()
        stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
        taken.append(time.perf_counter() - begin)
        time.sleep(_PAUSE_S)
    return taken


@contextmanager
def _ingesting(address: str, collection: str) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.ingester", address, collection]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ingesting\n":
                raise RuntimeError("the ingester ended early")
            yield
        finally:
            process.kill()
