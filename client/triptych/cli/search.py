"""`triptych search`: a question, and its answer as a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from triptych.cli.complaint import told
from triptych.cli.fusing import FUSIONS, NORMALIZATIONS, fusion_of
from triptych.cli.legs import leg_options, legs_of, options_of
from triptych.cli.options import (
    Where,
    collection_names,
    connected,
    number,
    one_of,
    session_of,
    whole_number,
    words,
)
from triptych.cli.output import CommandError, as_json, check_writable, stdout
from triptych.cli.where import filter_options, parse_where
from triptych.client import Client
from triptych.v1.collection_pb2 import Collection


@connected()
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
            autocompletion=collection_names,
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(metavar="N", help="Hits at most.", parser=whole_number(1))
    ] = 10,
    offset: Annotated[
        int,
        typer.Option(
            metavar="N", help="How many of the first places to pass over.", parser=whole_number(0)
        ),
    ] = 0,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VECTOR=WEIGHT",
            help="How much a vector counts, 0 to 1000; unless given, 0.25 for caption and ocr, 1 "
            "for others. May be given more than once, for another vector.",
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
    leg_threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VECTOR=VALUE",
            help="The least similarity that a vector accepts; what is below gains nothing by it. "
            "May be given more than once, for another vector.",
        ),
    ] = None,
    fusion: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(FUSIONS),
            help="How the vectors are put together: by their places (unless given), or by "
            "similarity as a weighted mean, the largest or the smallest.",
            parser=one_of(FUSIONS),
            autocompletion=words(FUSIONS),
        ),
    ] = None,
    normalization: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(NORMALIZATIONS),
            help="How similarities of unlike vectors are made comparable, by a --fusion of "
            "similarities; min-max unless given.",
            parser=one_of(NORMALIZATIONS),
            autocompletion=words(NORMALIZATIONS),
        ),
    ] = None,
    k: Annotated[
        float | None,
        typer.Option(
            "--k",
            metavar="K",
            help="How little the first places stand out by reciprocal-rank, 0 to 10000; 2 unless "
            "given.",
            parser=number,
        ),
    ] = None,
    score_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="SCORE",
            help="The least score of a hit, on the scale of the --fusion.",
            parser=number,
        ),
    ] = None,
    where: Where = None,
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
) -> None:
    """Search by words, by a picture, or by both.

    The table shows for every hit and every vector: how similar they are, the hit's place among
    that vector's own candidates, and what this adds to the score.

    \b
    For example:
      triptych search "a cup of coffee" --collection pictures
      triptych search "a red bicycle" --weight image=2 --where "price < 20"
      triptych search --image cat.jpg --sheet hits.png
      triptych search "a cup" --fusion weighted-sum --leg-threshold image=0.2
    """
    if text is not None:
        text = " ".join([text, *context.args])
    elif image is None:
        raise CommandError("search needs TEXT or --image")
    if sheet is None and pictures is not None:
        raise CommandError("--pictures is where --sheet finds the pictures; give --sheet too")
    if sheet is not None:
        _check_sheet(sheet)
    filters = parse_where(where or [])
    method = fusion_of(fusion, normalization, k)
    wanted = leg_options(only or [], weight or [], leg_threshold or [])

    with session_of(context).client() as client:
        name = _only_collection(client) if collection is None else collection
        if sheet is not None and pictures is None:
            _need_kept_pictures(client, name)
        # Without any of these the server asks every vector that can answer.
        needs_legs = bool(wanted) or (text is not None and image is not None)
        legs = legs_of(client, name, text, image, wanted) if needs_legs else []
        with told({**options_of(legs), **filter_options(where or [])}):
            response = client.search(
                name,
                text=None if legs else text,
                image=None if legs else image,
                vectors=legs,
                where=filters,
                fusion=method,
                offset=offset,
                limit=limit,
                score_threshold=score_threshold,
            )
        shown: Path | Mapping[str, bytes] | None = pictures
        if sheet is not None and pictures is None:
            from triptych.cli.thumbnails import fetch_thumbnails

            shown = fetch_thumbnails(client, name, response.hits)

    if json:
        typer.echo(as_json(response))
    else:
        from triptych.cli.table import render_search

        render_search(response, stdout())
    if sheet is not None and shown is not None:
        from triptych.cli.sheet import contact_sheet

        title = " + ".join(filter(None, (text, "" if image is None else image.name)))
        missing = contact_sheet(
            response.hits, response.legs, shown, sheet, title=title, asked=image
        )
        lost = f"; {missing} of {len(response.hits)} pictures not found" if missing else ""
        typer.echo(f"contact sheet: {sheet}{lost}", err=True)


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


def _check_sheet(out: Path) -> None:
    """Whether the sheet can be written, before anything is searched for.

    Raises:
        CommandError: it is no name of a PNG file, or can't be written there.
    """
    if out.suffix.lower() != ".png":
        raise CommandError(f"--sheet {out}: is a PNG picture, so its name has to end in .png")
    check_writable("--sheet", out)
