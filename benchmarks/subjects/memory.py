"""Whether the server's memory grows with the requests it has answered."""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.frame import Bench, Findings, Row
from benchmarks.photos import jpegs
from benchmarks.texts import queries
from tests.support.server import RunningServer
from triptych import Client, make_item

TITLE = "Memory"

_REQUESTS = 5000
_CALLERS = 4
_ITEMS = 200
_CACHED = 600
_SAMPLES = 50


def run(bench: Bench) -> Findings:
    """The resident memory of the server and all its processes over mixed requests, tiny-clip."""
    requests = 400 if bench.quick else _REQUESTS
    photos, texts = jpegs(0.1, 16), queries(512, seed=5)
    samples: list[Resident] = []
    steps = 2 if bench.quick else _SAMPLES
    with (
        RunningServer(bench.folder / "data", encoders="tiny-clip", log_level="WARNING") as server,
        server.client(timeout=120) as client,
        ThreadPoolExecutor(_CALLERS) as pool,
    ):
        client.create_collection("c")
        work = _Work(client, photos, texts)
        # Every item is there before the first sample: what is kept is not what leaks.
        list(pool.map(work.upsert, range(_ITEMS)))
        list(pool.map(work.one, range(_ITEMS)))
        # So is the query cache full, which keeps 1,024 entries: two of each text.
        list(pool.map(work.search_text, range(-_CACHED, 0)))
        for _ in range(steps):
            list(pool.map(work.one, range(requests // steps)))
            time.sleep(0.2)
            samples.append(resident(server.process.pid))
    own, mapped = [one.own for one in samples], [one.mapped for one in samples]
    growth = _growth(own)
    tenths = [f"{_mib(value):.0f}" for value in own[:: max(1, len(samples) // 10)]]
    return Findings(
        [
            Row(
                f"memory over {requests:,} mixed requests, second half against first",
                f"{growth:+.2%}",
                "≤ +1 %",
                growth <= 0.01,
                f"what the server, its engine and its decoders hold of their own, "
                f"{_mib(statistics.median(own)):.0f} MiB at the median; {', '.join(tenths)} MiB "
                "on the way; searches by text and by picture, upserts in place, reads, counts and "
                f"lists, by {_CALLERS} callers",
            ),
            Row(
                "the same with the pages of files they have mapped",
                f"{_growth([a + b for a, b in zip(own, mapped, strict=True)]):+.2%}",
                detail=f"{_mib(mapped[0]):.0f} MiB of files at first, {_mib(mapped[-1]):.0f} at "
                "last: libraries, which count for less while other processes use them too, and "
                "the store's own files, which the kernel lets go of when it needs the memory",
            ),
        ]
    )


def _growth(values: Sequence[int]) -> float:
    half = len(values) // 2
    return statistics.median(values[half:]) / statistics.median(values[:half]) - 1


class _Work:
    """Requests of all kinds over the same items, so that the collection stays as large."""

    def __init__(self, client: Client, photos: list[bytes], texts: list[str]) -> None:
        self._client = client
        self._photos = photos
        self._texts = texts
        self._turns = itertools.count()
        self._kinds: tuple[Callable[[int], object], ...] = (
            self.upsert,
            self.search_text,
            self.search_text,
            self._search_picture,
            lambda n: client.get_item("c", str(n % _ITEMS)),
            lambda n: client.count_items("c"),
            lambda n: list(itertools.islice(client.list_items("c"), 20)),
        )

    def one(self, _: int) -> None:
        """The next request in turn."""
        turn = next(self._turns)
        self._kinds[turn % len(self._kinds)](turn)

    def upsert(self, turn: int) -> None:
        """Replace an item by one of another picture and text."""
        photo = self._photos[turn % len(self._photos)] + str(turn).encode()
        item = make_item(str(turn % _ITEMS), image=photo, caption=self._text(turn))
        [outcome] = self._client.upsert("c", [item], ocr="skip")
        assert not outcome.HasField("error"), outcome

    def search_text(self, turn: int) -> None:
        """Never the same text twice: this is not about what is kept of earlier ones."""
        self._client.search("c", text=f"{self._text(turn)} {turn}")

    def _search_picture(self, turn: int) -> None:
        self._client.search("c", image=self._photos[turn % len(self._photos)])

    def _text(self, turn: int) -> str:
        return self._texts[turn % len(self._texts)]


@dataclass(frozen=True, slots=True)
class Resident:
    """Bytes in memory: of processes' own, and of files that they have mapped."""

    own: int
    mapped: int


def resident(pid: int) -> Resident:
    """Of a process and its descendants; what several share counts once (PSS)."""
    found = {"Pss_Anon:": 0, "Pss_Shmem:": 0, "Pss_File:": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, value, *_ = line.split()
        if name in found:
            found[name] = int(value) * 1024
    own, mapped = found["Pss_Anon:"] + found["Pss_Shmem:"], found["Pss_File:"]
    for task in os.listdir(f"/proc/{pid}/task"):
        for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
            of_child = resident(int(child))
            own, mapped = own + of_child.own, mapped + of_child.mapped
    return Resident(own, mapped)


def _mib(value: float) -> float:
    return value / 2**20
