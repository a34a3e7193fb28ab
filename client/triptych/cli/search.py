"""`triptych search`: a question, and its answer as a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson

from triptych.cli import where as comparisons
from triptych.cli.complaint import at_the_shell
from triptych.cli.options import OwnServer, OwnTimeout, session_of, whole_number
from triptych.cli.output import CommandError, printable, stdout
from triptych.cli.sheet import contact_sheet
from triptych.cli.table import render_search
from triptych.cli.thumbnails import fetch_thumbnails
from triptych.client import Client
from triptych.errors import TriptychError
from triptych.queries import leg
from triptych.v1.collection_pb2 import Collection, VectorSpace
from triptych.v1.search_service_pb2 import SearchResponse, VectorQuery


def search(
    context: typer.Context,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT...", help="Words to look for, in quotes or not.", show_default=False
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="A picture to look for. With TEXT too, the vectors made of pictures are asked "
            "with the picture, and all others with the words.",
        ),
    ] = None,
    collection: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The collection; may be left out where there is just one.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(metavar="N", help="Hits at most.", parser=whole_number(1))
    ] = 10,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VECTOR=WEIGHT",
            help="How much a vector counts, 0 to 1000; 1 unless given. May be given more than "
            "once, for another vector.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VECTOR,VECTOR",
            help="The vectors to ask; unless given, all that can answer. triptych status names "
            "them.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="FILTER", help=comparisons.HELP)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the response as JSON.")] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png",
            help="Draw the hits' pictures into this file: those that the server keeps, or those of "
            "--pictures.",
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            metavar="FOLDER",
            help="The folder that was ingested, for the --sheet of a collection that keeps none.",
        ),
    ] = None,
    server: OwnServer = None,
    timeout: OwnTimeout = None,
) -> None:
    """Search by words, by a picture, or by both.

    The table shows for every hit and every vector: how similar they are, the hit's place among
    that vector's own candidates, and what this adds to the score.

    \b
    For example:
      triptych search "a cup of coffee" --collection pictures
      triptych search "a red bicycle" --weight image=2 --where "price < 20"
      triptych search --image cat.jpg --sheet hits.png
    """
    if text is not None:
        text = " ".join([text, *context.args])
    elif image is None:
        raise CommandError("search needs TEXT or --image")
    if sheet is None and pictures is not None:
        raise CommandError("--pictures is where --sheet finds the pictures; give --sheet too")
    if sheet is not None:
        _check_sheet(sheet)
    filters = comparisons.parse_where(where or [])
    weights = _weights(weight or [])
    names = _only(only or [])

    with session_of(context, server, timeout).client() as client:
        name = _only_collection(client) if collection is None else collection
        if sheet is not None and pictures is None:
            _need_kept_pictures(client, name)
        # Without any of these the server asks every vector that can answer.
        needs_legs = bool(names or weights or (text is not None and image is not None))
        legs = _legs(client, name, text, image, names, weights) if needs_legs else []
        try:
            response = client.search(
                name,
                text=None if legs else text,
                image=None if legs else image,
                vectors=legs,
                where=filters,
                limit=limit,
            )
        except TriptychError as error:
            options = {**_options_of(legs), **comparisons.options_of(where or [])}
            raise at_the_shell(error, options) from error
        shown: Path | Mapping[str, bytes] | None = pictures
        if sheet is not None and pictures is None:
            shown = fetch_thumbnails(client, name, response.hits)

    if json:
        typer.echo(as_json(response))
    else:
        render_search(response, stdout())
    if sheet is not None and shown is not None:
        title = " + ".join(filter(None, (text, "" if image is None else image.name)))
        missing = contact_sheet(
            response.hits, response.legs, shown, sheet, title=title, asked=image
        )
        lost = f"; {missing} of {len(response.hits)} pictures not found" if missing else ""
        typer.echo(f"contact sheet: {sheet}{lost}", err=True)


def as_json(response: SearchResponse) -> str:
    """The response as JSON, with the contract's own field names and every field of each hit."""
    return MessageToJson(
        response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def answering(spaces: Sequence[VectorSpace], *, with_image: bool, with_text: bool) -> list[str]:
    """The vector spaces that can answer words or a picture, in their order."""
    able = [space for space in spaces if VectorSpace.SOURCE_SUPPLIED not in space.sources]
    if not with_text and with_image:
        able = [space for space in able if space.kind != VectorSpace.KIND_SPARSE]
    return [space.name for space in able]


def _legs(
    client: Client,
    collection: str,
    text: str | None,
    image: Path | None,
    names: Sequence[str],
    weights: Mapping[str, float],
) -> list[VectorQuery]:
    spaces = client.get_collection(collection).vector_spaces
    of_pictures = {s.name for s in spaces if VectorSpace.SOURCE_IMAGE in s.sources}
    known = [space.name for space in spaces]
    for name in (*names, *weights):
        if name not in known:
            raise CommandError(
                f"collection '{collection}' has no vector '{printable(name)}' "
                f"(it has {', '.join(known)})"
            )
    chosen = names or answering(spaces, with_image=image is not None, with_text=text is not None)
    for name in weights:
        if name not in chosen:
            raise CommandError(
                f"--weight {name}: this vector is not asked (asked: {', '.join(chosen)})"
            )
    data = None if image is None else image.read_bytes()
    for name in names:
        if name not in answering(spaces, with_image=image is not None, with_text=text is not None):
            kind = "words" if image is None else "a picture"
            raise CommandError(f"--only {name}: this vector can't answer {kind}")
    legs = []
    for name in chosen:
        by_picture = data is not None and (text is None or name in of_pictures)
        legs.append(
            leg(
                name,
                weight=weights.get(name),
                image=data if by_picture else None,
                text=None if by_picture else text,
            )
        )
    return legs


def _need_kept_pictures(client: Client, collection: str) -> None:
    if client.get_collection(collection).image_retention == Collection.IMAGE_RETENTION_NONE:
        raise CommandError(
            f"--sheet needs --pictures, the folder that was ingested: collection '{collection}' "
            "keeps no pictures"
        )


def _only_collection(client: Client) -> str:
    ids = [collection.id for collection in client.list_collections()]
    if len(ids) != 1:
        found = f"there are {', '.join(ids)}" if ids else "there is none yet; see triptych ingest"
        raise CommandError(f"search needs --collection: {found}")
    return ids[0]


def _options_of(legs: Sequence[VectorQuery]) -> Mapping[str, str]:
    """What the user wrote for the fields of the legs, by their paths."""
    options: dict[str, str] = {}
    for index, asked in enumerate(legs):
        path = f"vectors[{index}]"
        options[path] = f"vector {asked.vector_name}"
        options[f"{path}.weight"] = f"--weight {asked.vector_name}"
        options[f"{path}.input.image"] = "--image"
        options[f"{path}.input.text"] = "TEXT"
    return options


def _only(arguments: Sequence[str]) -> list[str]:
    names: list[str] = []
    for argument in arguments:
        for name in map(str.strip, argument.split(",")):
            if not name:
                raise CommandError(f"--only {argument!r}: needs names of vectors, joined by commas")
            if name in names:
                raise CommandError(f"--only: {name} is named twice")
            names.append(name)
    return names


def _weights(arguments: Sequence[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for argument in arguments:
        name, _, number = (part.strip() for part in argument.partition("="))
        if name in weights:
            raise CommandError(f"--weight {argument}: {name} has a weight already")
        try:
            weights[name] = float(number)
        except ValueError:
            name = ""
        if not name:
            raise CommandError(f"--weight {argument}: needs VECTOR=WEIGHT, such as image=2")
    return weights


def _check_sheet(out: Path) -> None:
    """Whether the sheet can be written, before anything is searched for.

    Raises:
        CommandError: it is no name of a PNG file, or can't be written there.
    """
    if out.suffix.lower() != ".png":
        raise CommandError(f"--sheet {out}: is a PNG picture, so its name has to end in .png")
    try:
        if out.exists():
            with out.open("r+b"):
                pass
        else:
            with TemporaryFile(dir=out.parent):
                pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(f"--sheet {out}: can't be written: {reason}") from None
