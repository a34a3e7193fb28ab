"""What was answered OK has its picture after ``kill -9``; nothing else has one for long."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pictures import encoded, poster
from tests.support.server import RunningServer
from triptych import Client, Item, TriptychError, Unavailable, UpsertOutcome, make_item

SOAK = os.environ.get("TRIPTYCH_SOAK") == "1"
ROUNDS = 50 if SOAK else 4
SEED = 20_261_122

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800 if SOAK else 300)]

Kept = dict[str, bytes | None]


class Writer(threading.Thread):
    """Writes, replaces and removes items until told to stop; knows what was answered OK.

    Ids whose last call was not answered are in doubt: what stands there may be old or new.
    """

    def __init__(self, address: str, kept: Kept, seed: int) -> None:
        super().__init__(daemon=True)
        self._client = Client(address, timeout=10)
        self._chance = random.Random(seed)
        self.kept = dict(kept)
        self.doubtful: set[str] = set()
        self.stopping = threading.Event()
        self.first_answer = threading.Event()
        self.errors: list[TriptychError] = []

    def run(self) -> None:
        with self._client:
            while not self.stopping.is_set():
                names = self._chance.sample([f"item-{n}" for n in range(40)], 4)
                try:
                    if self._chance.random() < 0.2:
                        self._client.delete_items("kill", ids=names)
                        self.kept.update(dict.fromkeys(names))
                    else:
                        self._write([self._item(name) for name in names])
                except TriptychError as error:
                    self.errors.append(error)
                    self.doubtful.update(names)
                else:
                    self.doubtful.difference_update(names)
                    self.first_answer.set()

    def _write(self, items: list[Item]) -> None:
        outcomes = self._client.upsert("kill", items, ocr="skip")
        assert all(o.result != UpsertOutcome.RESULT_FAILED for o in outcomes)
        self.kept.update({item.id: item.image.data for item in items})

    def _item(self, name: str) -> Item:
        # Some pictures are those of other items, too.
        return make_item(name, image=picture(self._chance.randrange(200)))


def picture(number: int) -> bytes:
    """A picture that no other number gives."""
    return encoded(poster("KILL", str(number), side=96, size=12)[0], "PNG")


def check(server: RunningServer, kept: Kept, doubtful: set[str]) -> Kept:
    """Every item has its picture, whole; those not in doubt have the one that was answered OK."""
    with server.client() as client:
        stands = {item.id for item in client.list_items("kill", page_size=500)}
        found: Kept = {name: client.get_item_image("kill", name).data for name in stands}
        for name in stands:
            assert client.get_item_image("kill", name, variant="thumbnail").data
    for name, data in kept.items():
        if name not in doubtful:
            assert found.get(name) == data, name
    return found


def test_kill_the_service_while_pictures_come_and_go(
    tmp_path: Path, note: Callable[[str], None]
) -> None:
    chance = random.Random(SEED)
    kept: Kept = {}
    doubtful: set[str] = set()
    answers = 0
    for round_number in range(ROUNDS):
        with RunningServer(tmp_path / "data") as server:
            if round_number == 0:
                with server.client() as client:
                    client.create_collection("kill", image_retention="original")
            kept = check(server, kept, doubtful)
            writer = Writer(server.address, kept, SEED + round_number)
            writer.start()
            assert writer.first_answer.wait(20)
            time.sleep(chance.uniform(0.0, 0.6))
            server.kill()
            writer.stopping.set()
            writer.join(20)
            assert not writer.is_alive()
            assert all(isinstance(error, Unavailable) for error in writer.errors), writer.errors
            kept, doubtful = writer.kept, writer.doubtful
            answers += len(writer.kept) - len(doubtful)
    with RunningServer(tmp_path / "data") as server:
        kept = check(server, kept, doubtful)
        referred = 2 * len(kept)
        left = len([*(tmp_path / "data" / "pictures").glob("*/items/*/*")]) - referred
        # A crash leaves at most what was on its way: the old and the new files of one call.
        assert 0 <= left <= 16 * ROUNDS
        with server.client() as client:
            client.delete_collection("kill")
        assert not [*(tmp_path / "data" / "pictures").glob("kill.*")]
        assert server.stop() == 0
    note(f"{ROUNDS} kills, {answers} answered items looked at, {left} files left for the sweep")
