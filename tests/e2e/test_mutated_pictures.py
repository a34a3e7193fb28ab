"""Damaged files of every format, as items and as questions: a picture, or a clean refusal."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.broken_pictures import ACCIDENTS, FORMATS, seeds
from tests.support.children import DECODER, children
from tests.support.pictures import encoded, textless
from tests.support.server import RunningServer
from triptych import Client, InvalidArgument, UpsertOutcome, error_of, make_item

SOAK = os.environ.get("TRIPTYCH_SOAK") == "1"
FILES = 2000 if SOAK else 336
BATCH = 12
SEED = 20_261_122
LOST = "a process that decodes pictures ended"
GOOD = encoded(textless(5, side=64), "PNG")


def damaged_files() -> Iterator[bytes]:
    """Every accident to every format, in turn."""
    accidents = list(ACCIDENTS.values())
    for number in range(FILES):
        rng = random.Random(f"{SEED} {number}")
        file = rng.choice(seeds(FORMATS[number % len(FORMATS)]))
        accident = accidents[number // len(FORMATS) % len(accidents)]
        yield accident(file, rng) or b"\x00"


def check_reason(reason: str) -> str:
    assert reason.startswith("IMAGE_"), reason
    return reason


def as_items(client: Client, files: list[bytes]) -> Iterator[str]:
    """What became of each file; the good picture among them is always kept."""
    items = [make_item(f"file-{n}", image=data) for n, data in enumerate(files)]
    items.insert(len(items) // 2, make_item("good", image=GOOD))
    client.delete_items("pictures", all=True)
    for outcome in client.upsert("pictures", items, ocr="skip"):
        if outcome.result == UpsertOutcome.RESULT_CREATED:
            if outcome.id != "good":
                yield "OK"
            continue
        assert outcome.result == UpsertOutcome.RESULT_FAILED
        assert outcome.id != "good", outcome.error
        error = error_of(outcome)
        assert isinstance(error, InvalidArgument), error
        assert error.message.isprintable()
        yield check_reason(error.reason)


def as_question(client: Client, data: bytes) -> str:
    try:
        client.search("pictures", image=data)
    except InvalidArgument as error:
        return check_reason(error.reason)
    return "OK"


@pytest.mark.soak
@pytest.mark.timeout(3600 if SOAK else 120)
def test_mutated_pictures(tmp_path: Path, note: Callable[[str], None]) -> None:
    found: Counter[str] = Counter()
    with RunningServer(tmp_path / "data") as server, server.client() as client:
        client.create_collection("pictures")
        service = server.process.pid
        waiting: list[bytes] = []
        for number, data in enumerate(damaged_files()):
            if number % 4 == 3:
                found[as_question(client, data)] += 1
                continue
            waiting.append(data)
            if len(waiting) == BATCH:
                found.update(as_items(client, waiting))
                waiting.clear()
        found.update(as_items(client, waiting))
        assert found.total() == FILES
        assert found["OK"] > FILES // 20
        assert found["IMAGE_DECODE_FAILED"] > FILES // 20
        assert server.process.poll() is None
        assert server.process.pid == service
        hits = client.search("pictures", image=GOOD).hits
        assert hits[0].item.id == "good"
        restarts = server.log.count(LOST)
        assert children(DECODER, service)
        assert server.stop() == 0
    assert "Traceback" not in server.log
    assert "incident" not in server.log
    told = ", ".join(f"{reason} {count}" for reason, count in found.most_common())
    note(f"{FILES} files: {told}; {restarts} decoders lost")
