"""What is left of a server's work when four times as much is asked of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import grpc

from benchmarks.frame import Bench, Findings, Row, interleaved, percentile
from benchmarks.load import ENCODE, Answers, closed, encode_requests, poisson, queue
from benchmarks.models import clip_folder
from benchmarks.texts import queries
from tests.support.server import RunningServer

TITLE = "Overload"

_DEADLINE_S = 1.0
_CALLERS = 64
_TIMES = 4
# The first second and a half fills queues and empties them.
_SETTLED_S = 1.5


def run(bench: Bench) -> Findings:
    """Goodput at four times the peak rate, by Poisson arrivals with a deadline of a second."""
    seconds = 3.0 if bench.quick else 8.0
    texts = encode_requests(queries(5000, seed=1, words=(20, 40)))
    seeds = itertools.count()
    last: list[Answers] = []
    with RunningServer(
        bench.folder / "data", encoders=f"clip={clip_folder()}", log_level="WARNING"
    ) as server:
        # What a full batch takes has to be known before it is multiplied.
        peaks = [_peak(server, texts, 3.0)]

        def peak() -> float:
            peaks.append(_peak(server, texts, seconds))
            return peaks[-1]

        def overload() -> float:
            answers = asyncio.run(
                poisson(
                    server.address,
                    ENCODE,
                    texts,
                    rate=_TIMES * peaks[-1],
                    seconds=seconds,
                    deadline_s=_DEADLINE_S,
                    seed=next(seeds),
                )
            )
            last.append(answers)
            return answers.rate(_SETTLED_S, seconds)

        rounds = interleaved({"peak": peak, "overload": overload}, rounds=bench.rounds(5))
        counters = queue(server.address, "text")
    ratio = rounds.ratio("overload", "peak")
    codes = ", ".join(
        f"{code.name} {sum(a.count(code) for a in last)}"
        for code in (
            grpc.StatusCode.OK,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        )
    )
    taken = [second for answers in last for second in answers.seconds()]
    refusals = [
        end - begin
        for a in last
        for begin, end, code in zip(a.begun, a.ended, a.codes, strict=True)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED
    ]
    refused = f"{percentile(refusals, 0.5) * 1000:.1f}" if refusals else "none"
    rows = [
        Row(
            "goodput at 4× the peak rate, over the peak",
            str(ratio),
            "≥ 0.9×",
            ratio.median >= 0.9,
            f"peak {rounds.median('peak'):.0f}/s ({_CALLERS} callers in a closed loop), goodput "
            f"{rounds.median('overload'):.0f}/s; answers: {codes}; an answer takes "
            f"{percentile(taken, 0.5) * 1000:.0f} ms (p50), "
            f"{percentile(taken, 0.99) * 1000:.0f} ms (p99) of a deadline of "
            f"{_DEADLINE_S * 1000:.0f} ms, a refusal {refused} ms (p50)",
        ),
        Row(
            "texts given to the model after their deadline",
            str(counters.begun_late_count),
            "0",
            counters.begun_late_count == 0,
            f"of {counters.encoded_count} encoded; done after their deadline "
            f"{counters.ended_late_count}, refused {counters.refused_count}, overtaken in the "
            f"queue and not encoded {counters.expired_count}",
        ),
    ]
    return Findings(rows)


def _peak(server: RunningServer, texts: Iterator[bytes], seconds: float) -> float:
    load = closed(server.address, ENCODE, texts, callers=_CALLERS, seconds=seconds)
    return asyncio.run(load).rate(min(_SETTLED_S, seconds / 2), seconds)
