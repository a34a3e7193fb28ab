"""What an ingest did, for people and as JSON."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from triptych.cli.captions import Failure
from triptych.cli.output import plain_table, printable
from triptych.v1.common_pb2 import Warning as Notice
from triptych.v1.item_service_pb2 import UpsertOutcome

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_SKIPPED = 10
WRITTEN = ("CREATED", "REPLACED", "UNCHANGED")


@dataclass(slots=True)
class Report:
    """What became of every picture: an outcome, a failure with its reason, or nothing yet.

    `failures` holds FAILED outcomes too, and what failed before it was sent. `not_done` are the
    pictures left when the ingest ended early; most of them were never sent, and of the last batch
    nobody knows.
    """

    outcomes: list[UpsertOutcome] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    not_done: list[str] = field(default_factory=list)
    results: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """How many failures there are."""
        return len(self.failures)

    def fail(self, file: str, reason: str) -> None:
        """Notes that a file is not ingested."""
        self.failures.append(Failure(file, reason))

    def answer(self, outcome: UpsertOutcome, refused: str | None) -> None:
        """Notes an outcome of the server's; `refused` says why it is FAILED, if it is."""
        self.outcomes.append(outcome)
        self.results[_result(outcome)] += 1
        if refused is not None:
            self.fail(outcome.id, refused)

    def settled(self) -> Mapping[str, int]:
        """How many are written, unchanged and failed so far."""
        return {
            "written": self.results["CREATED"] + self.results["REPLACED"],
            "unchanged": self.results["UNCHANGED"],
            "failed": self.failed,
        }

    def counts(self) -> Mapping[str, int]:
        """How many were CREATED, REPLACED, UNCHANGED and FAILED, and NOT_DONE if any."""
        counts = {name: self.results[name] for name in WRITTEN}
        counts["FAILED"] = self.failed
        if self.not_done:
            counts["NOT_DONE"] = len(self.not_done)
        return counts

    def warnings(self) -> Mapping[str, list[tuple[str, str]]]:
        """The warnings by kind: the items' ids, each with the message."""
        found: dict[str, list[tuple[str, str]]] = {}
        for outcome in self.outcomes:
            for warning in outcome.warnings:
                kind = Notice.Code.Name(warning.code).removeprefix("CODE_")
                found.setdefault(kind, []).append((outcome.id, warning.message))
        return found


def render(collection: str, report: Report, console: "Console", *, captions: bool = False) -> None:
    """Prints the counts, every failure, the warnings by kind, and what was skipped.

    `captions` says that a CSV file was given: without one, a skipped CSV file gets a hint.
    """
    from rich.text import Text

    console.print(Text(f"collection {collection}"))
    counts = plain_table(*report.counts())
    for column in counts.columns:
        column.justify = "right"
    counts.add_row(*(str(count) for count in report.counts().values()))
    console.print(counts)

    if report.failures:
        console.print()
        failed = plain_table("failed", "reason")
        for failure in report.failures:
            failed.add_row(Text(printable(failure.file)), Text(printable(failure.reason)))
        console.print(failed)

    if report.skipped or report.warnings():
        console.print()
    for kind, found in report.warnings().items():
        first_id, message = found[0]
        times = f"{len(found)} items" if len(found) > 1 else "1 item"
        text = f"warning {kind}, {times}: {printable(first_id)}: {printable(message)}"
        console.print(Text(text, style="yellow"))
    if report.skipped:
        names = ", ".join(printable(name) for name in report.skipped[:SHOWN_SKIPPED])
        more = len(report.skipped) - SHOWN_SKIPPED
        rest = f" and {more} more" if more > 0 else ""
        console.print(Text(f"skipped, no pictures by their suffix: {names}{rest}", style="dim"))
        tables = [name for name in report.skipped if name.lower().endswith(".csv")]
        if tables and not captions:
            hint = f"words of the pictures in {printable(tables[0])}? give it with --captions"
            console.print(Text(hint, style="yellow"))


def as_json(collection: str, report: Report) -> str:
    """The same as one JSON object, with every outcome as the contract's message."""
    document: dict[str, Any] = {
        "collection_id": collection,
        "counts": report.counts(),
        "failures": [{"file": f.file, "reason": f.reason} for f in report.failures],
        "not_done": report.not_done,
        "skipped": report.skipped,
        "warnings": {kind: len(found) for kind, found in report.warnings().items()},
        "outcomes": [_as_dict(outcome) for outcome in report.outcomes],
    }
    return json.dumps(document, indent=2)


def _as_dict(outcome: UpsertOutcome) -> dict[str, Any]:
    return MessageToDict(outcome, preserving_proto_field_name=True)


def _result(outcome: UpsertOutcome) -> str:
    return UpsertOutcome.Result.Name(outcome.result).removeprefix("RESULT_")
