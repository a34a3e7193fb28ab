"""``triptych-server optimize --store embedded:FOLDER [COLLECTION...]``: the index, offline.

Builds the search index of the collections named, or of all, in a folder that no server uses; with
all cores, and with the same safety as while serving: each collection is copied, the copy is
optimized, and takes the place of the other at the end. Tells on stderr how far it is.

Exits 0 when all are optimized, 1 where one could not be, 73 where a server holds the folder or it
can't be read, 78 where the settings or the names can't be used.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from triptych_server.domain.errors import Exhausted
from triptych_server.read_settings import SettingsProblem, read_settings
from triptych_server.store.errors import CollectionNotThere, StoreStartError

EX_CANTCREAT = 73
EX_CONFIG = 78


def main(arguments: Sequence[str]) -> int:
    """Optimize what is asked for; the exit code."""
    parser = argparse.ArgumentParser(
        prog="triptych-server optimize",
        description="Build the search index of collections in a folder that no server uses.",
    )
    parser.add_argument(
        "--store", help="embedded:FOLDER; unless given, that of TRIPTYCH_STORE", metavar="STORE"
    )
    parser.add_argument(
        "collections", nargs="*", metavar="COLLECTION", help="all of them unless given"
    )
    given = parser.parse_args(arguments)
    try:
        settings = read_settings(() if given.store is None else ("--store", given.store))
    except SettingsProblem as problem:
        return _told(problem, EX_CONFIG)
    place = settings.store_place
    if not isinstance(place, Path):
        return _told("a Qdrant server builds its indexes by itself", EX_CONFIG)
    if not (place / "collections").is_dir():
        return _told(f"the store in {place}: there is none", EX_CANTCREAT)
    logging.basicConfig(level=logging.WARNING)

    from triptych_server.store.edge_offline import optimize_folder

    try:
        optimize_folder(place, given.collections, _tell)
    except CollectionNotThere as error:
        return _told(error, EX_CONFIG)
    except StoreStartError as error:
        return _told(f"the store in {error.place}: {error}", EX_CANTCREAT)
    except (Exhausted, OSError) as error:
        return _told(error, 1)
    return 0


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _told(problem: object, code: int) -> int:
    sys.stderr.writelines(f"triptych-server: {line}\n" for line in str(problem).splitlines())
    return code
