"""The course of the demo, from the pictures to the last answer."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from tools.demo.gallery import prepare
from tools.demo.places import ENCODER, Places, command, shown
from tools.demo.problems import Problem, Unreadable
from tools.demo.questions import STEPS
from tools.demo.screen import drawing, fact, heading, prepare_streams, say, shell
from tools.demo.server import DemoServer
from tools.demo.signals import Interrupted, Interruption
from tools.demo.steps import take
from tools.demo.store import PAYLOAD_FIELDS, ingest, put_aside, tidy
from tools.demo_pictures.scenes import Scene, load_scenes
from tools.sprites.catalogue import load_things
from triptych import Client, TriptychError
from triptych.cli.output import one_line, stdout

__all__ = ["PAYLOAD_FIELDS", "run"]


def run(scenes: Sequence[Scene] | None = None) -> int:
    """Runs the demo in ``demo/`` of the current folder; returns the exit status.

    ``scenes`` are the pictures that it shows; all there are unless given.
    """
    prepare_streams()
    console = stdout()
    interruption = Interruption()
    try:
        return _run(console, Places(Path.cwd() / "demo"), scenes or load_scenes(), interruption)
    except Interrupted as interrupted:
        name = signal.Signals(interrupted.number).name
        sys.stderr.write(
            f"\ndemo: ended by {name}; the server is stopped, and the next run goes on from here\n"
        )
        return 128 + interrupted.number
    except Problem as problem:
        sys.stderr.write(f"demo: {problem}\n")
    except TriptychError as error:
        sys.stderr.write(f"demo: the server refused: {one_line(error)}\n")
    except BrokenPipeError:
        # Nobody reads on, as in `make demo | head`. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"demo: {where}{error.strerror or error}\n")
    return 1


def _run(
    console: Console, places: Places, scenes: Sequence[Scene], interruption: Interruption
) -> int:
    started = time.monotonic()
    if shutil.which("tesseract") is None:
        raise Problem(
            "Tesseract is missing, which reads the words in pictures. Install it, then run this "
            "again:\n  sudo apt-get install -y tesseract-ocr"
        )
    say(
        console,
        "Triptych: every picture has three panels, and a search may ask all of them at once: "
        "how it looks, what is said about it, what is written in it.",
        "bold",
    )
    console.print()
    places.root.mkdir(exist_ok=True)
    # The folder keeps itself out of version control, wherever the demo is run.
    (places.root / ".gitignore").write_text("*\n", encoding="ascii")
    _pictures(console, places, scenes)
    interruption.check()
    with ExitStack() as stack:
        server = _served(console, places, stack, interruption)
        client = stack.enter_context(Client(server.address, timeout=60))
        interruption.check()
        tidy(console, client, scenes)
        ingest(console, places, server.address, len(scenes))
        shutil.rmtree(places.answers, ignore_errors=True)
        failed = []
        for number, step in enumerate(STEPS, start=1):
            interruption.check()
            if not take(console, client, places, number, step):
                failed.append(number)
    _tell_next(console, places, time.monotonic() - started)
    if failed:
        steps = ", ".join(map(str, failed))
        console.print()
        text = f"The demo failed: not all came out as expected (see {steps} above)."
        say(console, text, "bold red")
        return 1
    return 0


def _pictures(console: Console, places: Places, scenes: Sequence[Scene]) -> None:
    begun = time.monotonic()
    with drawing(console, len(scenes)) as drawn:
        made = prepare(places.pictures, scenes, drawn)
    how = f"drawn in {time.monotonic() - begun:.1f} s" if made else "drawn by an earlier run"
    fact(console, "pictures", f"{len(scenes)} in {shown(places.pictures)}, {how}")


def _served(
    console: Console, places: Places, stack: ExitStack, interruption: Interruption
) -> DemoServer:
    """The server, started; it ends with the stack."""
    begun = time.monotonic()
    try:
        server = stack.enter_context(DemoServer(places, interruption.held))
    except Unreadable:
        put_aside(console, places)
        server = stack.enter_context(DemoServer(places, interruption.held))
    fact(
        console,
        "server",
        f"{server.address}, ready in {time.monotonic() - begun:.1f} s; store "
        f"embedded:{shown(places.data)}, log {shown(places.log)}",
    )
    fact(
        console,
        "model",
        f"{ENCODER}, a demonstration model: it knows {len(load_things())} everyday things in drawn "
        "style, and is no substitute for CLIP on photographs. The server's own default is CLIP "
        "ViT-B/32.",
    )
    return server


def _tell_next(console: Console, places: Places, seconds: float) -> None:
    heading(console, "What next")
    say(
        console,
        f"Done in {seconds:.0f} s; the server is stopped, its data stays. The contact sheets are "
        f"in {shown(places.answers)}/. Serve the same pictures:",
    )
    store = f"TRIPTYCH_STORE=embedded:{shown(places.data)} TRIPTYCH_ENCODERS={ENCODER}"
    shell(console, f"{store} make serve")
    say(console, "and ask for what you like, in another terminal:")
    shell(console, command(["search", "fresh milk"]))
    shell(console, command(["search", "a loud clock", "--where", "in_stock = true"]))
    say(console, "or without Triptych's own client:")
    shell(
        console,
        'grpcurl -plaintext -d \'{"collection_id": "demo", "input": {"text": "a cat"}}\' \\\n'
        "    127.0.0.1:50051 triptych.v1.SearchService/Search",
    )
    say(console, "README.md and docs/ say the rest; `make test` runs all tests.")
