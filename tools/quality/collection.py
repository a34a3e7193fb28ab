"""The demo's pictures as a collection, and the same with every panel on a wrong item."""

import random
from collections.abc import Sequence
from pathlib import Path

from tools.demo.gallery import SEED
from tools.demo.store import PAYLOAD_FIELDS
from tools.demo_pictures.album import Album, draw_album
from tools.demo_pictures.scenes import Scene
from triptych import Client, UpsertOutcome, make_item, payload
from triptych.cli.app import run as run_command

COLLECTION = "quality"
SHUFFLED = "shuffled"
SHUFFLE_SEED = 20


class NotIngested(Exception):
    """Not every picture came into the collection."""


def draw(scenes: tuple[Scene, ...], folder: Path) -> Album:
    """The pictures that the demo shows."""
    return draw_album(scenes, folder, SEED)


def ingest(address: str, client: Client, album: Album) -> None:
    """Writes the album with ``triptych ingest``: pictures, captions, payload, words read by OCR.

    Raises:
        NotIngested: a picture is missing afterwards.
    """
    fields = [part for field in PAYLOAD_FIELDS for part in ("--payload-field", field)]
    arguments = ["ingest", str(album.folder), "--captions", str(album.captions), *fields]
    status = run_command(["--server", address, *arguments, "--collection", COLLECTION])
    count = client.count_items(COLLECTION).count
    if status != 0 or count != len(album.files):
        raise NotIngested(f"exit status {status}, {count} of {len(album.files)} pictures")


def ingest_shuffled(client: Client, album: Album) -> None:
    """Writes every item with the picture, the caption and the printed words of three others.

    Ids and payload stay where they are, so that filters work as before. The words that OCR read
    are taken from ``COLLECTION``, which has to be there.

    Raises:
        NotIngested: a picture is missing afterwards.
    """
    right = {item.id: item for item in client.list_items(COLLECTION)}
    items = []
    for name, (picture, caption, words) in others(album.files).items():
        item = make_item(
            name,
            image=album.folder / picture,
            caption=right[caption].caption,
            ocr_text=right[words].ocr_text,
            payload=payload(right[name]),
        )
        items.append(item)
    fields = dict(field.split("=") for field in PAYLOAD_FIELDS)
    client.create_collection(SHUFFLED, payload_fields=fields)
    outcomes = client.upsert(SHUFFLED, items, ocr="skip")
    made = sum(outcome.result == UpsertOutcome.RESULT_CREATED for outcome in outcomes)
    if made != len(album.files):
        raise NotIngested(f"{made} of {len(album.files)} pictures")


def others(names: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """For each name three others, the same in each run; no name stands twice in one place."""
    circle = sorted(names)
    random.Random(SHUFFLE_SEED).shuffle(circle)
    around = circle + circle[:3]
    return {name: (around[i + 1], around[i + 2], around[i + 3]) for i, name in enumerate(circle)}
