"""Many callers at once, one short text each: what batching across them gives, and costs one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from benchmarks.frame import Bench, Findings, Rounds, Row, interleaved, percentile
from benchmarks.load import ENCODE, closed, encode_requests, queue
from benchmarks.models import clip_folder
from benchmarks.texts import queries
from tests.support.server import RunningServer

TITLE = "Many callers at once"

_MANY = 64


class _Arm:
    """One server, asked in closed loops; keeps the latencies of each of them."""

    def __init__(
        self, server: RunningServer, texts: Iterator[bytes], callers: int, seconds: float
    ) -> None:
        self._server = server
        self._texts = texts
        self._callers = callers
        self._seconds = seconds
        self.latencies: list[list[float]] = []

    def __call__(self) -> float:
        """Answers a second."""
        answers = asyncio.run(
            closed(
                self._server.address,
                ENCODE,
                self._texts,
                callers=self._callers,
                seconds=self._seconds,
            )
        )
        taken = answers.seconds()
        self.latencies.append(taken)
        return len(taken) / max(answers.ended)

    def percentiles(self, share: float, rounds: int) -> list[float]:
        """Of each of the last ``rounds`` loops."""
        return [percentile(taken, share) for taken in self.latencies[-rounds:]]


def run(bench: Bench) -> Findings:
    """A server that batches against one that runs each text alone, both at its real length."""
    rounds = bench.rounds(5)
    seconds = 2.0 if bench.quick else 5.0
    texts = encode_requests(queries(5000, seed=2))
    model = {"encoders": f"clip={clip_folder()}", "log_level": "WARNING"}
    with (
        RunningServer(bench.folder / "batched", **model) as batched,
        RunningServer(bench.folder / "alone", max_text_batch="1", **model) as alone,
    ):
        servers = {"batched": batched, "alone": alone}
        many = {name: _Arm(server, texts, _MANY, seconds) for name, server in servers.items()}
        one = {name: _Arm(server, texts, 1, seconds / 2) for name, server in servers.items()}
        throughput = interleaved(many, rounds=rounds)
        interleaved(one, rounds=rounds)
        state = queue(batched.address, "text")
    p99 = Rounds({name: arm.percentiles(0.99, rounds) for name, arm in many.items()})
    p50 = Rounds({name: arm.percentiles(0.5, rounds) for name, arm in one.items()})
    gained = throughput.ratio("batched", "alone")
    slowest = p99.ratio("batched", "alone")
    single = p50.ratio("batched", "alone")
    count = sum(len(taken) for taken in many["batched"].latencies[-rounds:])
    rows = [
        Row(
            f"{_MANY} callers, texts a second, over those without batching",
            str(gained),
            "≥ 1.5×",
            gained.median >= 1.5,
            f"{throughput.median('batched'):.0f}/s against {throughput.median('alone'):.0f}/s; "
            f"{state.encoded_count / max(1, state.run_count):.1f} texts a run on average",
        ),
        Row(
            f"{_MANY} callers, p99 over that without batching",
            str(slowest),
            "≤ 0.7×",
            slowest.median <= 0.7,
            f"{p99.median('batched') * 1000:.0f} ms against {p99.median('alone') * 1000:.0f} ms, "
            f"of {count} answers in {rounds} rounds",
        ),
        Row(
            "one caller, p50 over that without batching",
            str(single),
            "≤ 1.05×",
            single.median <= 1.05,
            f"{p50.median('batched') * 1000:.1f} ms against {p50.median('alone') * 1000:.1f} ms",
        ),
    ]
    return Findings(rows)
