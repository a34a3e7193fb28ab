"""What a program pays before its first call: the client's imports, and the command's."""

from __future__ import annotations

import statistics
import sys
from functools import partial

from benchmarks.frame import Bench, Findings, Row, interleaved
from benchmarks.started import COMMAND, StartedServer, output_of

TITLE = "Imports of the client, and the command"
GOAL_IMPORT = 1.5
GOAL_HELP_S = 0.4

NOTHING, LIBRARIES, CLIENT, HELP = "python alone", "gRPC, protobuf, Struct", "triptych", "--help"
PROGRAMS = {
    NOTHING: "pass",
    LIBRARIES: "import grpc, google.protobuf; from google.protobuf import struct_pb2",
    CLIENT: "import triptych",
}
# What bash runs for `triptych sea<Tab>`.
COMPLETION = {
    "_TRIPTYCH_COMPLETE": "complete_bash",
    "COMP_WORDS": "triptych\nsea",
    "COMP_CWORD": "1",
}
COLLECTION = "pictures"


def run(bench: Bench) -> Findings:
    """Whole processes, from their start to their end, taking turns."""
    with StartedServer(bench.folder / "data") as server:
        with server.client() as client:
            client.create_collection(COLLECTION)
        call = partial(output_of, COMMAND, TRIPTYCH_SERVER=server.address)
        arms = {name: partial(output_of, sys.executable, "-c", p) for name, p in PROGRAMS.items()}
        arms |= {
            HELP: partial(output_of, COMMAND, "--help"),
            "status": partial(call, "status"),
            "count": partial(call, "count", COLLECTION),
            "search": partial(call, "search", "a cup", "--collection", COLLECTION),
            "completion of a subcommand": partial(output_of, COMMAND, **COMPLETION),
        }
        rounds = interleaved(
            {name: partial(_discard, arm) for name, arm in arms.items()}, rounds=bench.rounds(15)
        )
    ratio = rounds.ratio(CLIENT, LIBRARIES)
    rows = [
        Row(
            "`import triptych` over gRPC, protobuf and Struct alone",
            str(ratio),
            f"≤ {GOAL_IMPORT:g}×",
            ratio.median <= GOAL_IMPORT,
        )
    ]
    for name in arms:
        if name in PROGRAMS:
            continue
        is_help = name == HELP
        figures = rounds.figures[name]
        median = statistics.median(figures)
        rows.append(
            Row(
                f"`triptych {name}`" if " " not in name else name,
                f"{median:.3f} s ({min(figures):.3f} to {max(figures):.3f})",
                f"≤ {GOAL_HELP_S:g} s" if is_help else "",
                median <= GOAL_HELP_S if is_help else None,
            )
        )
    alone = ", ".join(f"{name} {1000 * rounds.median(name):.0f} ms" for name in PROGRAMS)
    return Findings(rows, [f"Whole processes, modules compiled before: {alone}."])


def _discard(arm: partial[str]) -> None:
    arm()
