"""What was answered OK is there after ``kill -9``, of the service and of its engine."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.children import engine_pid
from tests.support.panels import draw_words
from tests.support.server import RunningServer
from tests.support.waiting import wait_for
from triptych import Client, Item, TriptychError, Unavailable, UpsertOutcome, make_item

SOAK = os.environ.get("TRIPTYCH_SOAK") == "1"
ROUNDS = 50 if SOAK else 10
SEED = 20_261_121
VECTORS = {"image", "caption", "terms"}
# Enough for a loaded machine; a service that can't open its folder fails at once instead.
START_LIMIT_S = 20.0

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800 if SOAK else 300)]


class Writer(threading.Thread):
    """Upserts batches until told to stop; knows every id that was answered OK."""

    def __init__(self, address: str, first: int, picture: bytes) -> None:
        super().__init__(daemon=True)
        # A batch that is sent again may meet its own items, which are then not created.
        self._client = Client(address, timeout=10, retries=0)
        self._next = first
        self._picture = picture
        self.stopping = threading.Event()
        self.first_answer = threading.Event()
        self.acknowledged: set[str] = set()
        self.errors: list[TriptychError] = []

    @property
    def next_number(self) -> int:
        return self._next

    def run(self) -> None:
        with self._client:
            while not self.stopping.is_set():
                batch = [self._item(self._next + n) for n in range(4)]
                self._next += 4
                try:
                    outcomes = self._client.upsert("kill", batch, ocr="skip")
                except TriptychError as error:
                    self.errors.append(error)
                    continue
                assert all(o.result == UpsertOutcome.RESULT_CREATED for o in outcomes)
                self.acknowledged.update(o.id for o in outcomes)
                self.first_answer.set()

    def _item(self, number: int) -> Item:
        return make_item(
            f"item-{number}",
            image=self._picture,
            caption=f"caption number {number}",
            payload={"number": number},
        )


def check(server: RunningServer, acknowledged: set[str]) -> None:
    """Every acknowledged item is there with all its vectors, and no item is half there."""
    with server.client() as client:
        items = list(client.list_items("kill", page_size=500, return_fields=["vectors"]))
    for item in items:
        assert set(item.vectors) == VECTORS
    assert acknowledged <= {item.id for item in items}


def test_kill_the_service_during_upserts(tmp_path: Path, note: Callable[[str], None]) -> None:
    chance = random.Random(SEED)
    picture = draw_words(["KILL"], width=128, height=128)
    acknowledged: set[str] = set()
    number = 0
    slowest = 0.0
    for round_number in range(ROUNDS):
        begin = time.monotonic()
        with RunningServer(tmp_path / "data") as server:
            slowest = max(slowest, time.monotonic() - begin)
            if round_number == 0:
                with server.client() as client:
                    client.create_collection("kill")
            check(server, acknowledged)
            writer = Writer(server.address, number, picture)
            writer.start()
            assert writer.first_answer.wait(START_LIMIT_S)
            time.sleep(chance.uniform(0.0, 0.4))
            server.kill()
            writer.stopping.set()
            writer.join(20)
            assert not writer.is_alive()
            assert all(isinstance(error, Unavailable) for error in writer.errors), writer.errors
            acknowledged |= writer.acknowledged
            number = writer.next_number
    with RunningServer(tmp_path / "data") as server:
        check(server, acknowledged)
        assert server.stop() == 0
    assert acknowledged
    assert slowest < START_LIMIT_S
    note(f"{ROUNDS} kills, {len(acknowledged)} items kept, slowest start {slowest:.1f} s")


def test_kill_the_engine_during_upserts(tmp_path: Path, note: Callable[[str], None]) -> None:
    chance = random.Random(SEED + 1)
    picture = draw_words(["KILL"], width=128, height=128)
    with RunningServer(tmp_path / "data") as server:
        with server.client() as client:
            client.create_collection("kill")
        writer = Writer(server.address, 0, picture)
        writer.start()
        assert writer.first_answer.wait(START_LIMIT_S)
        seen = set()
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.05, 0.4))
            pid = engine_pid(server)
            seen.add(pid)
            os.kill(pid, signal.SIGKILL)
        # An engine killed over and over before it did any work is started ever more slowly.
        engine_pid(server)
        before = len(writer.acknowledged)
        wait_for(lambda: len(writer.acknowledged) > before)
        writer.stopping.set()
        writer.join(20)
        assert not writer.is_alive()
        assert len(seen) == ROUNDS
        assert all(isinstance(error, Unavailable) for error in writer.errors), writer.errors
        assert writer.acknowledged
        check(server, writer.acknowledged)
        assert server.stop() == 0
    note(f"{ROUNDS} kills, {len(writer.acknowledged)} items kept")


def test_a_killed_service_leaves_no_engine_behind(tmp_path: Path) -> None:
    """The folder is free at once, also when the engine was busy."""
    with RunningServer(tmp_path / "data") as server:
        with server.client() as client:
            client.create_collection("kill")
        writer = Writer(server.address, 0, draw_words(["KILL"], width=128, height=128))
        writer.start()
        assert writer.first_answer.wait(START_LIMIT_S)
        server.kill()
        with RunningServer(tmp_path / "data") as after, after.client() as client:
            assert client.get_collection("kill").id == "kill"
        writer.stopping.set()
        writer.join(20)


def test_health_follows_the_engine(tmp_path: Path) -> None:
    """While the engine is down, health says NOT_SERVING and GetStatus still answers."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with RunningServer(tmp_path / "data") as server:
        with grpc.insecure_channel(server.address) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=30)
            states = health_pb2.HealthCheckResponse
            assert next(watch).status == states.SERVING
            os.kill(engine_pid(server), signal.SIGKILL)
            assert next(watch).status == states.NOT_SERVING
            assert next(watch).status == states.SERVING
            watch.cancel()
        with server.client() as client:
            assert client.status().store.ready
        assert server.stop() == 0
