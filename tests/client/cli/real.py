"""The command against the real server, with items that are quickly written."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.server import RunningServer
from triptych import make_item
from triptych.cli.app import run

PROGRAM = Path(sys.executable).with_name("triptych")
SPRITES = Path(__file__).resolve().parents[3] / "tools" / "sprites" / "png"


def command(server: RunningServer, *arguments: str) -> int:
    return run(["--server", server.address, *arguments])


def write_cups(server: RunningServer, name: str) -> None:
    """Makes the collection `name`: a mug with its picture and a payload, a jug and a cup."""
    with server.client() as client:
        client.create_collection(
            name, payload_fields={"price": "float", "made": "datetime"}, image_retention="original"
        )
        mug = make_item(
            "cups/mug",
            image=SPRITES / "coffee.png",
            caption="A cup of coffee",
            ocr_text="GOOD\nMORNING",
            payload={"price": 12.5, "tags": ["red", "new"], "made": "2025-06-01", "name": "Möwe"},
        )
        jug = make_item("cups/jug", caption="A jug of milk", payload={"price": 90})
        cup = make_item("cups/cup", caption="A cup of tea", payload={"price": 7})
        outcomes = client.upsert(name, [mug, jug, cup], ocr="skip")
        assert [outcome.result for outcome in outcomes] == [1, 1, 1]


def program(
    server: RunningServer, *arguments: str, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, its output going to pipes."""
    kept = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    return subprocess.run(
        [PROGRAM, *arguments],
        env={**kept, "TRIPTYCH_SERVER": server.address, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
