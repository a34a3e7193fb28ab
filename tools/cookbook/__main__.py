"""``python -m tools.cookbook draw FOLDER`` draws the pictures of docs/queries.md;
``python -m tools.cookbook renew`` runs all of its blocks and writes their outputs into it.

Exit status: 0 when that is done, 1 when something on the way failed.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import grpc
from google.protobuf import json_format

from tools.cookbook.document import QUERIES, Block, recipes, replaced, setup
from tools.cookbook.grpcurl import NotACall
from tools.cookbook.outputs import part_of, same_answer
from tools.cookbook.pictures import draw
from tools.cookbook.session import Session
from tools.demo.places import Places
from tools.demo.problems import Problem
from tools.demo.server import DemoServer
from triptych import TriptychError


def main(argv: list[str] | None = None) -> int:
    """Draws or renews; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.cookbook", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    drawing = commands.add_parser("draw", help="draw the pictures into a folder")
    drawing.add_argument("folder", type=Path, metavar="FOLDER")
    commands.add_parser("renew", help="run docs/queries.md and write its outputs")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "draw":
            album = draw(arguments.folder)
            print(f"{len(album.files)} pictures in {album.folder}", file=sys.stderr)
        else:
            document = QUERIES.read_text(encoding="utf-8")
            QUERIES.write_text(renewed(document), encoding="utf-8")
    except (Problem, NotACall, TriptychError, json_format.ParseError, grpc.RpcError) as error:
        print(f"cookbook: {error}", file=sys.stderr)
        return 1
    return 0


def renewed(document: str) -> str:
    """The document with the outputs of a run.

    Raises:
        Problem: the server does not start.
        NotACall: a shell block fails, or its answer is not the one that Python gets.
    """
    texts: list[tuple[Block, str]] = []
    with tempfile.TemporaryDirectory(prefix="triptych-cookbook-") as folder:
        places = Places(Path(folder))
        with DemoServer(places) as server, Session(server.address, places.root) as session:
            session.prepare(setup(document))
            for recipe in recipes(document):
                print(f"cookbook: {recipe.title}", file=sys.stderr)
                answer = session.make(session.calls(recipe.one("sh")))
                printed, told = session.python(recipe.one("python"))
                texts.append((recipe.one("text"), printed))
                if not same_answer(told, answer):
                    raise NotACall(f"{recipe.title}: grpcurl and Python are told different things")
                for block in recipe.of("json"):
                    part = part_of(json.loads(block.text), json_format.MessageToDict(answer))
                    shown = json.dumps(part, indent=2, ensure_ascii=False)
                    texts.append((block, f"{shown}\n"))
    return replaced(document, texts)


if __name__ == "__main__":
    sys.exit(main())
