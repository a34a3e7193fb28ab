"""The course of the demo, from the pictures to the last answer."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from tools.demo.gallery import draw_question, prepare
from tools.demo.places import COLLECTION, ENCODER, Places, command, shown
from tools.demo.problems import Interrupted, Problem
from tools.demo.questions import FIRST, QUESTIONS, Question
from tools.demo.server import DemoServer
from tools.demo_pictures.album import CAPTIONS_NAME, file_name
from tools.demo_pictures.scenes import Scene, load_scenes
from tools.sprites.catalogue import load_things
from triptych import Client, NotFound, TriptychError
from triptych.cli.app import run as run_command
from triptych.cli.output import one_line, stdout
from triptych.cli.sheet import contact_sheet
from triptych.cli.table import render_search

PAYLOAD_FIELDS = (
    "category=keyword",
    "colour=keyword",
    "price=float",
    "in_stock=bool",
    "year=integer",
)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run() -> int:
    """Runs the demo in ``demo/`` of the current folder; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a log may be plain ASCII
    console = stdout()
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        return _run(console, Places(Path.cwd() / "demo"))
    except Interrupted as interrupted:
        name = signal.Signals(interrupted.number).name
        sys.stderr.write(f"\ndemo: ended by {name}; the server is stopped\n")
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


def _run(console: Console, places: Places) -> int:
    started = time.monotonic()
    if shutil.which("tesseract") is None:
        raise Problem(
            "Tesseract is missing, which reads the words in pictures. Install it, then run this "
            "again:\n  sudo apt-get install -y tesseract-ocr"
        )
    console.print("Triptych", style="bold", end="")
    console.print(": every picture has three panels, and a search may ask all of them at once:")
    console.print("how it looks, what is said about it, what is written in it.\n")
    places.root.mkdir(exist_ok=True)
    # The folder keeps itself out of version control, wherever the demo is run.
    (places.root / ".gitignore").write_text("*\n", encoding="ascii")
    scenes = _pictures(console, places)
    begun = time.monotonic()
    with DemoServer(places) as server, Client(server.address, timeout=60) as client:
        _tell_server(console, places, server.address, time.monotonic() - begun)
        _tidy(console, client, scenes)
        _ingest(console, places, server.address)
        missed = [
            question.name
            for number, question in enumerate(QUESTIONS, start=1)
            if not _answered(console, client, places, number, question)
        ]
    _tell_next(console, places, time.monotonic() - started)
    if missed:
        console.print(
            f"\n{len(missed)} of {len(QUESTIONS)} questions missed an expected picture "
            f"({', '.join(missed)}): the demo failed.",
            style="bold red",
        )
        return 1
    return 0


def _pictures(console: Console, places: Places) -> Sequence[Scene]:
    begun = time.monotonic()
    bar = Progress(
        TextColumn("drawing"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    )
    total = len(load_scenes())
    if console.is_terminal:
        with bar:
            task = bar.add_task("", total=total)
            scenes, drawn = prepare(places.pictures, lambda n: bar.update(task, completed=n))
    else:
        scenes, drawn = prepare(places.pictures, lambda n: None)
    how = f"drawn in {time.monotonic() - begun:.1f} s" if drawn else "drawn by an earlier run"
    _fact(console, "pictures", f"{len(scenes)} in {shown(places.pictures)}, {how}")
    return scenes


def _tell_server(console: Console, places: Places, address: str, seconds: float) -> None:
    _fact(
        console,
        "server",
        f"{address}, ready in {seconds:.1f} s; store embedded:{shown(places.data)}, "
        f"log {shown(places.log)}",
    )
    _fact(
        console,
        "model",
        f"{ENCODER}, a demonstration model: it knows {len(load_things())} everyday things in drawn "
        "style, and is no substitute for CLIP on photographs. The server's own default is CLIP "
        "ViT-B/32.",
    )


def _tidy(console: Console, client: Client, scenes: Sequence[Scene]) -> None:
    """Takes away what an earlier version of the demo has left in the store."""
    try:
        found = client.get_collection(COLLECTION)
    except NotFound:
        return
    now = {encoder.name: encoder.revision for encoder in client.status().encoders}
    of_models = [space.stamp for space in found.vector_spaces if space.stamp.model in now]
    if any(stamp.revision != now[stamp.model] for stamp in of_models):
        client.delete_collection(COLLECTION)
        _fact(
            console, "store", f"its vectors were another {ENCODER}'s; the collection is made anew"
        )
        return
    names = {file_name(scene) for scene in scenes}
    items = client.list_items(COLLECTION, return_fields=["create_time"], page_size=1000)
    stale = [item.id for item in items if item.id not in names]
    if stale:
        client.delete_items(COLLECTION, ids=stale)
        _fact(console, "store", f"removed what an earlier version had: {', '.join(stale)}")


def _ingest(console: Console, places: Places, address: str) -> None:
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
    _shell(console, command(arguments))
    begun = time.monotonic()
    sys.stdout.flush()
    if run_command(["--server", address, *arguments]) != 0:
        raise Problem(f"not every picture was ingested; the server's log is {shown(places.log)}")
    _fact(console, "ingested", f"in {time.monotonic() - begun:.1f} s")


def _answered(
    console: Console, client: Client, places: Places, number: int, question: Question
) -> bool:
    """Asks one question and shows the answer; whether it holds what is expected."""
    console.print()
    console.rule(Text(f"{number}. {question.title}"), align="left")
    console.print(Text(question.about))
    image = question.image(places)
    if image is not None:
        draw_question(question.image_of, image)
        console.print(Text(f"The picture: {shown(image)}, just drawn"))
    else:
        console.print(Text(f"The words: {question.text}"))
    _shell(console, question.command(places))
    for line in question.python.splitlines():
        console.print(Text(f">>> {line}" if line.startswith("client") else f"... {line}"))
    console.print()
    response = question.ask(client, places)
    render_search(response, console)
    sheet = question.sheet(places)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    title = question.text or question.title
    contact_sheet(response.hits, response.legs, places.pictures, sheet, title=title)
    found = [hit.item.id for hit in response.hits]
    missing = question.missing(found)
    console.print(Text(f"sheet {shown(sheet)}", style="dim"))
    if missing:
        text = f"✗ expected among the first {FIRST}, and not there: {', '.join(missing)}"
        console.print(Text(text, style="bold red"))
    else:
        places_of = [f"{name} is number {found.index(name) + 1}" for name in question.expected]
        console.print(Text(f"✓ as expected: {', '.join(places_of)}", style="bold green"))
    return not missing


def _tell_next(console: Console, places: Places, seconds: float) -> None:
    console.print()
    console.rule(Text("What next"), align="left")
    console.print(Text(f"Done in {seconds:.0f} s; the server is stopped, its data stays."))
    console.print("Serve the same pictures:")
    store = f"TRIPTYCH_STORE=embedded:{shown(places.data)} TRIPTYCH_ENCODERS={ENCODER}"
    _shell(console, f"{store} make serve")
    console.print("and ask for what you like, in another terminal:")
    _shell(console, command(["search", "fresh milk"]))
    _shell(console, command(["search", "a loud clock", "--where", "in_stock=true"]))
    console.print("or without Triptych's own client:")
    _shell(
        console,
        'grpcurl -plaintext -d \'{"collection_id": "demo", "input": {"text": "a cat"}}\' \\\n'
        "    127.0.0.1:50051 triptych.v1.SearchService/Search",
    )
    console.print(
        f"The contact sheets are in {shown(places.answers)}/. README.md and docs/ say the rest; "
        "`make test` runs all tests."
    )


def _fact(console: Console, name: str, text: str) -> None:
    """A line of the report, its further lines under its first."""
    indent = 10
    lines = Text(text).wrap(console, console.width - indent)
    for number, line in enumerate(lines):
        head = name if number == 0 else ""
        line.rstrip()
        console.print(Text(f"{head:<{indent}}", style="bold") + line)


def _shell(console: Console, line: str) -> None:
    """A command to copy: never wrapped by the console, since that break would come along."""
    console.print(Text(f"$ {line}", style="cyan"), soft_wrap=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Once is enough: the server is stopped in a moment, and must not be left behind by a second.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)
