"""`triptych search`: a question, and its answer as a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson

from triptych.cli import where as comparisons
from triptych.cli.output import CommandError, Session, printable, stdout
from triptych.cli.sheet import contact_sheet
from triptych.cli.table import render_search
from triptych.client import Client
from triptych.queries import leg
from triptych.v1.collection_pb2 import VectorSpace
from triptych.v1.search_service_pb2 import SearchResponse, VectorQuery


def search(
    context: typer.Context,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="Words to look for.", show_default=False)
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
    limit: Annotated[int, typer.Option(min=1, help="Hits at most.")] = 10,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VECTOR=WEIGHT",
            help="How much a vector counts; 1 unless given. May be given more than once.",
        ),
    ] = None,
    only: Annotated[
        str,
        typer.Option(
            metavar="VECTOR,VECTOR",
            help="The vectors to ask; unless given, all that can answer.",
            show_default=False,
        ),
    ] = "",
    where: Annotated[list[str] | None, typer.Option(metavar="TEST", help=comparisons.HELP)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the response as JSON.")] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            metavar="OUT.png",
            help="Draw the hits' pictures into this file; needs --pictures.",
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, metavar="FOLDER", help="The folder that was ingested."
        ),
    ] = None,
) -> None:
    """Search by words, by a picture, or by both.

    The table shows for every hit and every vector: how similar they are, the hit's place among
    that vector's own candidates, and what this adds to the score.
    """
    session: Session = context.obj
    if text is None and image is None:
        raise CommandError("search needs TEXT or --image")
    if sheet is not None and pictures is None:
        raise CommandError("--sheet needs --pictures, the folder that was ingested")
    filters = comparisons.parse_where(where or [])
    weights = _weights(weight or [])
    names = [name.strip() for name in only.split(",") if name.strip()]

    with session.client() as client:
        name = _only_collection(client) if collection is None else collection
        # Without any of these the server asks every vector that can answer.
        needs_legs = bool(names or weights or (text is not None and image is not None))
        legs = _legs(client, name, text, image, names, weights) if needs_legs else []
        response = client.search(
            name,
            text=None if legs else text,
            image=None if legs else image,
            vectors=legs,
            where=filters,
            limit=limit,
        )

    if json:
        typer.echo(as_json(response))
    else:
        render_search(response, stdout())
    if sheet is not None and pictures is not None:
        title = " + ".join(filter(None, (text, "" if image is None else image.name)))
        missing = contact_sheet(response.hits, response.legs, pictures, sheet, title=title)
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


def _only_collection(client: Client) -> str:
    ids = [collection.id for collection in client.list_collections()]
    if len(ids) != 1:
        found = f"there are {', '.join(ids)}" if ids else "there is none yet; see triptych ingest"
        raise CommandError(f"search needs --collection: {found}")
    return ids[0]


def _weights(arguments: Sequence[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for argument in arguments:
        name, _, number = argument.partition("=")
        try:
            weights[name.strip()] = float(number)
        except ValueError:
            raise CommandError(f"--weight {argument}: needs VECTOR=WEIGHT") from None
    return weights
