"""Draws the demo's pictures: ``python -m tools.demo_pictures OUT [--seed N]``."""

import argparse
import sys
import time
from pathlib import Path

from tools.demo_pictures.album import draw_album
from tools.demo_pictures.scenes import load_scenes


def main(argv: list[str] | None = None) -> int:
    """Draws all pictures and their captions into a folder; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo_pictures", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to draw into")
    parser.add_argument("--seed", type=int, default=1, help="another one draws other variants")
    arguments = parser.parse_args(argv)
    started = time.monotonic()
    album = draw_album(load_scenes(), arguments.out, arguments.seed)
    seconds = time.monotonic() - started
    print(f"{len(album.files)} pictures and {album.captions} in {seconds:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
