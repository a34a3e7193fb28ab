"""Callers of a real server: many at once in a closed loop, or arriving by chance in an open one."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import grpc

from triptych.v1 import encode_service_pb2 as encode_pb
from triptych.v1.status_service_pb2 import GetStatusRequest, GetStatusResponse, QueueStatus
from triptych.v1.status_service_pb2_grpc import StatusServiceStub

ENCODE = "/triptych.v1.EncodeService/Encode"


@dataclass(slots=True)
class Answers:
    """When each call was begun and how it ended, in seconds since the load began."""

    begun: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    codes: list[grpc.StatusCode] = field(default_factory=list)

    def seconds(self) -> list[float]:
        """How long each call that was answered took."""
        calls = zip(self.begun, self.ended, self.codes, strict=True)
        return [end - begin for begin, end, code in calls if code is grpc.StatusCode.OK]

    def rate(self, since: float, until: float) -> float:
        """Good answers a second that came between the two times."""
        calls = zip(self.ended, self.codes, strict=True)
        good = sum(since <= end < until for end, code in calls if code is grpc.StatusCode.OK)
        return good / (until - since)

    def count(self, code: grpc.StatusCode) -> int:
        """How many calls ended so."""
        return sum(found is code for found in self.codes)


class Caller:
    """Sends requests that are bytes already, and lets the answers be bytes: costs little itself."""

    def __init__(self, channel: grpc.aio.Channel, method: str, deadline_s: float | None) -> None:
        self._call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        self._deadline_s = deadline_s
        self._start = time.perf_counter()
        self.answers = Answers()

    async def call(self, request: bytes) -> None:
        """One call, whatever becomes of it."""
        begun = time.perf_counter() - self._start
        try:
            await self._call(request, timeout=self._deadline_s)
            code = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            code = error.code()
        self.answers.begun.append(begun)
        self.answers.ended.append(time.perf_counter() - self._start)
        self.answers.codes.append(code)


async def closed(
    address: str, method: str, requests: Iterator[bytes], *, callers: int, seconds: float
) -> Answers:
    """``callers`` that each ask again as soon as they are answered."""
    async with grpc.aio.insecure_channel(address) as channel:
        caller = Caller(channel, method, None)
        end = time.perf_counter() + seconds

        async def keep_asking() -> None:
            while time.perf_counter() < end:
                await caller.call(next(requests))

        await asyncio.gather(*(keep_asking() for _ in range(callers)))
        return caller.answers


async def poisson(
    address: str,
    method: str,
    requests: Iterator[bytes],
    *,
    rate: float,
    seconds: float,
    deadline_s: float,
    seed: int,
) -> Answers:
    """Calls that arrive ``rate`` times a second on average, whether or not others are answered."""
    rng = random.Random(seed)
    async with grpc.aio.insecure_channel(address) as channel:
        caller = Caller(channel, method, deadline_s)
        begin, due = time.perf_counter(), 0.0
        running: set[asyncio.Task[None]] = set()
        while (due := due + rng.expovariate(rate)) < seconds:
            await asyncio.sleep(max(0.0, begin + due - time.perf_counter()))
            task = asyncio.create_task(caller.call(next(requests)))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)
        return caller.answers


def encode_requests(texts: Iterable[str]) -> Iterator[bytes]:
    """Requests of one text each, over and over."""
    made = []
    for text in texts:
        request = encode_pb.EncodeRequest()
        request.inputs.add().text = text
        made.append(request.SerializeToString())
    return itertools.cycle(made)


def status(address: str) -> GetStatusResponse:
    """What the server says of itself."""
    with grpc.insecure_channel(address) as channel:
        return StatusServiceStub(channel).GetStatus(GetStatusRequest(), timeout=30)


def queue(address: str, model: str) -> QueueStatus:
    """The counters of the first encoder's queue."""
    return next(found for found in status(address).queues if found.model == model)
