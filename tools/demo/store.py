"""The demo's collection: what an earlier version left, and what is written into it."""

import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from rich.console import Console

from tools.demo.places import COLLECTION, ENCODER, Places, command, shown
from tools.demo.problems import Problem
from tools.demo.screen import fact, say, shell
from tools.demo_pictures.album import CAPTIONS_NAME, file_name
from tools.demo_pictures.scenes import Scene
from triptych import Client, Collection, NotFound, PayloadField, VectorSpace
from triptych.cli.app import run as run_command

PAYLOAD_FIELDS = (
    "category=keyword",
    "colour=keyword",
    "tags=keyword",
    "place=keyword",
    "taken=datetime",
    "price=float",
    "in_stock=bool",
    "year=integer",
    "location=geo",
)


def put_aside(console: Console, places: Places) -> None:
    """Makes room for a new store where the server can't read the one that is there."""
    numbers = (number for number in count(1) if not _aside(places, number).exists())
    aside = _aside(places, next(numbers))
    places.data.rename(aside)
    fact(
        console,
        "store",
        f"{shown(places.data)} can't be read, it is damaged or another version's; it is now "
        f"{shown(aside)}, and a new one is made",
    )


def tidy(console: Console, client: Client, scenes: Sequence[Scene]) -> None:
    """Takes away what an earlier version of the demo has left in the store."""
    try:
        found = client.get_collection(COLLECTION)
    except NotFound:
        return
    reason = _outdated(client, found)
    if reason:
        client.delete_collection(COLLECTION)
        fact(console, "store", f"{reason}; the collection is made anew")
        return
    names = {file_name(scene) for scene in scenes}
    items = client.list_items(COLLECTION, return_fields=["create_time"], page_size=1000)
    stale = [item.id for item in items if item.id not in names]
    if stale:
        client.delete_items(COLLECTION, ids=stale)
        fact(console, "store", f"removed what an earlier version had: {', '.join(stale)}")


def ingest(console: Console, places: Places, address: str, total: int) -> None:
    """Writes the pictures through the ``triptych`` command.

    Raises:
        Problem: not all of them were written.
    """
    arguments = [
        "ingest",
        shown(places.pictures),
        "--collection",
        COLLECTION,
        "--captions",
        shown(places.pictures / CAPTIONS_NAME),
        *(part for field in PAYLOAD_FIELDS for part in ("--payload-field", field)),
    ]
    console.print()
    say(
        console,
        "Every picture is looked at and read once; the reading (OCR) takes longest. A later run "
        "skips what is there unchanged.",
    )
    shell(console, command(arguments))
    begun = time.monotonic()
    if run_command(["--server", address, *arguments]) != 0:
        raise Problem(f"not every picture was ingested; the server's log is {shown(places.log)}")
    seconds = time.monotonic() - begun
    fact(console, "ingested", f"{total} pictures in {seconds:.1f} s")


def _aside(places: Places, number: int) -> Path:
    return places.data.with_name(f"{places.data.name}.old-{number}")


def _outdated(client: Client, found: Collection) -> str:
    """Why the collection can't be used on, or an empty text."""
    served = [
        stamp
        for encoder in client.status().encoders
        for stamp in (encoder.image_stamp, encoder.text_stamp)
    ]
    stamps = [
        space.stamp
        for space in found.vector_spaces
        if space.kind != VectorSpace.KIND_SPARSE and space.HasField("stamp")
    ]
    if any(stamp not in served for stamp in stamps):
        return f"its vectors were another {ENCODER}'s"
    declared = {
        f"{field.name}={PayloadField.Type.Name(field.type).removeprefix('TYPE_').lower()}"
        for field in found.payload_fields
    }
    if declared != set(PAYLOAD_FIELDS):
        return "its payload fields were an earlier version's"
    return ""
