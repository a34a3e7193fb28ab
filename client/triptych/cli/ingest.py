"""`triptych ingest`: the pictures of a folder into a collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from triptych._requests import FIELD_TYPES, IMAGE_RETENTIONS
from triptych.cli.captions import read_captions
from triptych.cli.complaint import at_the_shell
from triptych.cli.folder import SUFFIXES, Plan, plan
from triptych.cli.options import (
    collection_names,
    connected,
    one_of,
    session_of,
    whole_number,
    words,
)
from triptych.cli.output import UNREACHABLE, CommandError, printable, stdout
from triptych.cli.report import Report, as_json, render
from triptych.cli.writing import Options, write
from triptych.client import Client
from triptych.errors import AlreadyExists, NotFound, TriptychError
from triptych.v1.collection_pb2 import Collection, PayloadField

BATCH_TIMEOUT_S = 120.0
MAX_BATCH = 256


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new collection is to be like; empty or None where it does not matter."""

    language: str
    keep: str | None
    fields: Mapping[str, str]


class OcrMode(StrEnum):
    """When the words in a picture are read."""

    SKIP = "skip"
    WHEN_EMPTY = "when-empty"
    ALWAYS = "always"


@connected()
def ingest(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(
            exists=True, file_okay=False, metavar="FOLDER", help="Where the pictures are."
        ),
    ],
    collection: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="The collection to write to.", autocompletion=collection_names
        ),
    ],
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
        str,
        typer.Option(
            metavar="|".join(OcrMode),
            help="When the words in a picture are read; unless given, where there is no ocr_text.",
            parser=one_of(list(OcrMode)),
            autocompletion=words(OcrMode),
            show_default=False,
        ),
    ] = OcrMode.WHEN_EMPTY.value,
    language: Annotated[
        str,
        typer.Option(
            metavar="ISO",
            help="The language of a new collection, such as en or de.",
            show_default=False,
        ),
    ] = "",
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(IMAGE_RETENTIONS),
            help="What a new collection keeps of its pictures: the files as they are and "
            "thumbnails, thumbnails (unless given), or nothing.",
            parser=one_of(list(IMAGE_RETENTIONS)),
            autocompletion=words(IMAGE_RETENTIONS),
        ),
    ] = None,
    ocr_language: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The language in the pictures, as Tesseract names it, such as eng or deu+eng; "
            "the collection's unless given.",
            show_default=False,
        ),
    ] = "",
    batch: Annotated[
        int,
        typer.Option(
            metavar="N",
            help=f"Pictures of one request, 1 to {MAX_BATCH}.",
            parser=whole_number(1, MAX_BATCH),
        ),
    ] = 16,
    payload_field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=TYPE",
            help=f"A payload field with an index in a new collection, and the type of the column "
            f"of that name: {', '.join(FIELD_TYPES)}. May be given more than once.",
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
    at | and ; into a list, and a column of numbers or of true and false is typed so. A header is
    the path of a field: the columns location.lat and location.lon make one field, location.

    \b
    For example:
      triptych ingest ./photos --collection pictures
      triptych ingest ./shop --collection shop --captions shop.csv \\
          --payload-field price=float
    """
    fields = _payload_fields(payload_field or [])
    looked = plan(folder, ignore=captions)
    if not looked.pictures and not looked.failures:
        known = ", ".join(sorted(SUFFIXES))
        raise CommandError(f"{folder}: holds no picture (allowed {known})")
    with session_of(context).client(timeout_s=BATCH_TIMEOUT_S) as client:
        wanted = Wanted(language, keep, fields)
        found = _collection(client, collection, wanted, create=create)
        # Faults of the captions are told before a collection is made.
        types = _types(found, fields)
        planned = looked if captions is None else _planned(folder, captions, types)
        if found is None:
            found = _made(client, collection, wanted)
            if captions is not None and _types(found, fields) != types:
                planned = _planned(folder, captions, _types(found, fields))
        report = Report(failures=list(planned.failures), skipped=list(planned.skipped))
        options = Options(collection, ocr, ocr_language, batch)
        stopped_by = write(client, planned.pictures, options, report)

    if json:
        typer.echo(as_json(collection, report))
    else:
        render(collection, report, stdout(), captions=captions is not None)
    if stopped_by is not None:
        raise _stopped(stopped_by, left=len(report.not_done), total=len(planned.pictures))
    if report.failures:
        raise typer.Exit(1)


def _types(found: Collection | None, fields: Mapping[str, str]) -> Mapping[str, str]:
    """The type of each payload field, as the collection declares it or the user does."""
    declared = [] if found is None else found.payload_fields
    return {**{one.name: _type_name(one) for one in declared}, **fields}


def _planned(folder: Path, captions: Path, types: Mapping[str, str]) -> Plan:
    return plan(folder, read_captions(captions, types), ignore=captions)


def _stopped(by: TriptychError | KeyboardInterrupt, *, left: int, total: int) -> CommandError:
    """Why not all was done, and how much is left."""
    done = f"{left} of {total} pictures are not done"
    again = f"{done}; the same command goes on from there"
    if isinstance(by, KeyboardInterrupt):
        return CommandError(f"interrupted: {again}", exit_code=130)
    error = at_the_shell(by)
    more = again if by.code in UNREACHABLE else done
    return CommandError(f"{error}; {more}", exit_code=error.exit_code)


def _collection(client: Client, name: str, wanted: Wanted, *, create: bool) -> Collection | None:
    """The collection; None where it is yet to be made.

    Raises:
        CommandError: it is there, and not as it is wanted; or it is not there, and not to be made.
    """
    try:
        found = client.get_collection(name)
    except NotFound:
        if not create:
            raise CommandError(
                f"there is no collection '{printable(name)}', and with --no-create none is made"
            ) from None
        return None
    if wanted.language and found.language != wanted.language:
        raise CommandError(
            f"--language {wanted.language}: collection '{name}' is there already, "
            f"in {found.language}"
        )
    if wanted.keep is not None and found.image_retention != IMAGE_RETENTIONS[wanted.keep]:
        kept = Collection.ImageRetention.Name(found.image_retention)
        raise CommandError(
            f"--keep {wanted.keep}: collection '{name}' is there already, "
            f"and keeps {kept.removeprefix('IMAGE_RETENTION_').lower()}"
        )
    declared = {one.name: _type_name(one) for one in found.payload_fields}
    for path, kind in wanted.fields.items():
        if declared.get(path, kind) != kind:
            raise CommandError(
                f"--payload-field {path}={kind}: collection '{name}' is there already, "
                f"with {path}={declared[path]}"
            )
    return found


def _made(client: Client, name: str, wanted: Wanted) -> Collection:
    """The collection, made now, unless somebody else made one just before.

    Raises:
        CommandError: that one is not as it is wanted.
    """
    try:
        return client.create_collection(
            name,
            payload_fields=wanted.fields,
            language=wanted.language,
            image_retention=wanted.keep,
        )
    except AlreadyExists:
        found = _collection(client, name, wanted, create=False)
        assert found is not None, "without create there is a collection or an error"
        return found


def _payload_fields(arguments: Sequence[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for argument in arguments:
        name, equals, kind = argument.rpartition("=")
        if not (name and equals and kind in FIELD_TYPES):
            raise CommandError(
                f"--payload-field {argument}: needs FIELD=TYPE, with a type of "
                f"{', '.join(FIELD_TYPES)}"
            )
        fields[name] = kind
    return fields


def _type_name(payload_field: PayloadField) -> str:
    return PayloadField.Type.Name(payload_field.type).removeprefix("TYPE_").lower()
