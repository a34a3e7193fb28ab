"""What an ingest did, for people and as JSON."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.text import Text

from triptych.cli.captions import Failure
from triptych.cli.output import plain_table, printable
from triptych.v1.common_pb2 import Warning as Notice
from triptych.v1.item_service_pb2 import UpsertOutcome

SHOWN_SKIPPED = 10
WRITTEN = ("CREATED", "REPLACED", "UNCHANGED")


@dataclass(slots=True)
class Report:
    """Outcomes of what was sent, and what was not sent or failed, with its reason.

    `failures` holds FAILED outcomes too; `not_sent` the pictures left when the ingest stopped.
    """

    outcomes: list[UpsertOutcome] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    not_sent: list[str] = field(default_factory=list)

    def counts(self) -> Mapping[str, int]:
        """How many were CREATED, REPLACED, UNCHANGED and FAILED, and NOT_SENT if any."""
        results = Counter(_result(outcome) for outcome in self.outcomes)
        counts = {name: results[name] for name in WRITTEN}
        counts["FAILED"] = len(self.failures)
        if self.not_sent:
            counts["NOT_SENT"] = len(self.not_sent)
        return counts

    def warnings(self) -> Mapping[str, list[tuple[str, str]]]:
        """The warnings by kind: the items' ids, each with the message."""
        found: dict[str, list[tuple[str, str]]] = {}
        for outcome in self.outcomes:
            for warning in outcome.warnings:
                kind = Notice.Code.Name(warning.code).removeprefix("CODE_")
                found.setdefault(kind, []).append((outcome.id, warning.message))
        return found


def render(collection: str, report: Report, console: Console) -> None:
    """Prints the counts, every failure, the warnings by kind, and what was skipped."""
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


def as_json(collection: str, report: Report) -> str:
    """The same as one JSON object, with every outcome as the contract's message."""
    document: dict[str, Any] = {
        "collection_id": collection,
        "counts": report.counts(),
        "failures": [{"file": f.file, "reason": f.reason} for f in report.failures],
        "not_sent": report.not_sent,
        "skipped": report.skipped,
        "warnings": {kind: len(found) for kind, found in report.warnings().items()},
        "outcomes": [_as_dict(outcome) for outcome in report.outcomes],
    }
    return json.dumps(document, indent=2)


def _as_dict(outcome: UpsertOutcome) -> dict[str, Any]:
    return MessageToDict(outcome, preserving_proto_field_name=True)


def _result(outcome: UpsertOutcome) -> str:
    return UpsertOutcome.Result.Name(outcome.result).removeprefix("RESULT_")
