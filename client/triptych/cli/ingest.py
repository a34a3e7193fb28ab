"""`triptych ingest`: the pictures of a folder into a collection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from triptych import error_of
from triptych.cli.captions import TYPES, Failure, read_captions
from triptych.cli.folder import SUFFIXES, Picture, Plan, plan, reason_of
from triptych.cli.output import CommandError, Session, exit_code, one_line, stderr, stdout
from triptych.cli.progress import progress
from triptych.cli.report import Report, as_json, render
from triptych.client import DEFAULT_MAX_MESSAGE_BYTES, Client
from triptych.errors import (
    AlreadyExists,
    DeadlineExceeded,
    NotFound,
    ResourceExhausted,
    TriptychError,
)
from triptych.v1.collection_pb2 import Collection, PayloadField
from triptych.v1.item_pb2 import Item

BATCH_TIMEOUT_S = 120.0
# Leaves room for the rest of an item in its message.
MAX_PICTURE_BYTES = DEFAULT_MAX_MESSAGE_BYTES - 1024 * 1024


class OcrMode(StrEnum):
    """When the words in a picture are read."""

    SKIP = "skip"
    WHEN_EMPTY = "when-empty"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Options:
    """How the items are written."""

    collection: str
    ocr: str
    ocr_language: str
    batch: int


@dataclass(slots=True)
class Tally:
    """The report as it grows."""

    report: Report = field(default_factory=Report)
    stopped_by: TriptychError | None = None


def ingest(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(
            exists=True, file_okay=False, metavar="FOLDER", help="Where the pictures are."
        ),
    ],
    collection: Annotated[str, typer.Option(metavar="NAME", help="The collection to write to.")],
    create: Annotated[
        bool, typer.Option("--create/--no-create", help="Make the collection if there is none.")
    ] = True,
    captions: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE.csv",
            help="Words of the pictures: columns file, caption, ocr_text; any other is payload.",
        ),
    ] = None,
    ocr: Annotated[
        OcrMode, typer.Option(help="When the words in a picture are read.")
    ] = OcrMode.WHEN_EMPTY,
    language: Annotated[
        str,
        typer.Option(
            metavar="ISO",
            help="The language of a new collection, such as en or de.",
            show_default=False,
        ),
    ] = "",
    ocr_language: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The language in the pictures, as Tesseract names it, such as eng or deu+eng; "
            "the collection's unless given.",
            show_default=False,
        ),
    ] = "",
    batch: Annotated[int, typer.Option(min=1, max=256, help="Pictures of one request.")] = 16,
    payload_field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=TYPE",
            help=f"A payload field with an index in a new collection, and the type of the column "
            f"of that name: {', '.join(TYPES)}. May be given more than once.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcomes as JSON.")] = False,
) -> None:
    """Write a folder's pictures into a collection.

    The folders in it are looked into too; hidden files and folders are left out. Files are
    pictures by their suffix. The id of a picture is its path relative to FOLDER, which its
    payload holds as well, as file. Writing the same folder again with the same words changes only
    what is new; each picture is written as a whole, so what an earlier --captions said of it goes
    where this one says nothing.

    Words beside a picture cat.png: cat.txt is its caption; cat.json may hold caption, ocr_text
    and payload. What a row of --captions holds is stronger. In that file the column tags is split
    at | and ; into a list, and a column of numbers or of true and false is typed so.
    """
    session: Session = context.obj
    fields = _payload_fields(payload_field or [])
    looked = plan(folder, ignore=captions)
    if not looked.pictures and not looked.failures:
        known = ", ".join(sorted(SUFFIXES))
        raise CommandError(f"{folder}: holds no picture (allowed {known})")
    with session.client(timeout_s=BATCH_TIMEOUT_S) as client:
        found = _collection(client, collection, create=create, language=language, fields=fields)
        types = {**{f.name: _type_name(f) for f in found.payload_fields}, **fields}
        rows = None if captions is None else read_captions(captions, types)
        planned = plan(folder, rows, ignore=captions)
        options = Options(collection, ocr.value, ocr_language, batch)
        tally = _write(client, planned, options)

    if json:
        typer.echo(as_json(collection, tally.report))
    else:
        render(collection, tally.report, stdout())
    if tally.stopped_by is not None:
        typer.echo(one_line(tally.stopped_by), err=True)
        raise typer.Exit(exit_code(tally.stopped_by))
    if tally.report.failures:
        raise typer.Exit(1)


def _write(client: Client, planned: Plan, options: Options) -> Tally:
    tally = Tally(Report(failures=list(planned.failures), skipped=list(planned.skipped)))
    with progress(stderr(), len(planned.pictures)) as advance:
        for batch in _batched(planned.pictures, options.batch):
            if tally.stopped_by is None:
                _write_batch(client, batch, options, tally)
            else:
                tally.report.not_sent += [picture.name for picture in batch]
            advance(len(batch))
    return tally


def _write_batch(
    client: Client, pictures: Sequence[Picture], options: Options, tally: Tally
) -> None:
    report = tally.report
    items: list[Item] = []
    for picture in pictures:
        try:
            items.append(picture.item(max_bytes=MAX_PICTURE_BYTES))
        except (OSError, ValueError) as error:
            report.failures.append(Failure(picture.name, reason_of(error)))
    try:
        outcomes = client.upsert(
            options.collection,
            items,
            ocr=options.ocr,
            ocr_language=options.ocr_language,
            batch_size=options.batch,
        )
    except (DeadlineExceeded, ResourceExhausted) as error:
        # It may be these pictures only, so the next batch has its own try.
        report.failures += [Failure(item.id, error.message) for item in items]
    except TriptychError as error:
        tally.stopped_by = error
        report.not_sent += [item.id for item in items]
    else:
        report.outcomes += outcomes
        for outcome in outcomes:
            if refused := error_of(outcome):
                report.failures.append(Failure(outcome.id, _of_item(refused, outcome.index)))


def _of_item(error: TriptychError, index: int) -> str:
    """Why an item was refused, without its place in a request that the user never saw."""
    texts = [str(violation) for violation in error.violations] or [error.message]
    plain = [
        text.removeprefix(f"items[{index}].").removeprefix(f"items[{index}]: ") for text in texts
    ]
    return "; ".join(plain) + (f" [{error.reason}]" if error.reason else "")


def _collection(
    client: Client, name: str, *, create: bool, language: str, fields: Mapping[str, str]
) -> Collection:
    """The collection, made first if need be.

    Raises:
        CommandError: it is there, with another language or with fields of other types.
        TriptychError: it is not there, or can't be made.
    """
    try:
        found = client.get_collection(name)
    except NotFound:
        if not create:
            raise
        try:
            return client.create_collection(name, payload_fields=fields, language=language)
        except AlreadyExists:  # somebody was quicker
            found = client.get_collection(name)
    if language and found.language != language:
        raise CommandError(
            f"--language {language}: collection '{name}' is there already, in {found.language}"
        )
    declared = {one.name: _type_name(one) for one in found.payload_fields}
    for path, kind in fields.items():
        if declared.get(path, kind) != kind:
            raise CommandError(
                f"--payload-field {path}={kind}: collection '{name}' is there already, "
                f"with {path}={declared[path]}"
            )
    return found


def _payload_fields(arguments: Sequence[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for argument in arguments:
        name, equals, kind = argument.rpartition("=")
        if not (name and equals and kind in TYPES):
            raise CommandError(
                f"--payload-field {argument}: needs FIELD=TYPE, with a type of {', '.join(TYPES)}"
            )
        fields[name] = kind
    return fields


def _type_name(payload_field: PayloadField) -> str:
    return PayloadField.Type.Name(payload_field.type).removeprefix("TYPE_").lower()


def _batched(pictures: Sequence[Picture], size: int) -> Iterator[list[Picture]]:
    left = iter(pictures)
    while batch := list(islice(left, size)):
        yield batch
