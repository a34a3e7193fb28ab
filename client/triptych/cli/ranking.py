"""The options of every search at the command line.

They are the collection, the legs and how they are put together, filter and page, and whether the
answer is shown as a table, as JSON or as a contact sheet.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypedDict

import typer

from triptych.cli.fusing import FUSIONS, NORMALIZATIONS, fusion_of
from triptych.cli.legs import LegOptions, leg_options
from triptych.cli.options import (
    Where,
    collection_names,
    number,
    one_of,
    whole_number,
    words,
)
from triptych.cli.output import CommandError, check_writable
from triptych.cli.where import filter_options, parse_where
from triptych.v1.filter_pb2 import Filter
from triptych.v1.search_service_pb2 import Fusion


class Shared(TypedDict):
    """Arguments that all searches of the client take."""

    where: Filter | None
    fusion: Fusion | None
    offset: int
    limit: int
    score_threshold: float | None
    bypass_query_cache: bool


@dataclass(frozen=True, slots=True)
class Ranking:
    """The options of every search, as `ranked` has read them."""

    collection: str | None
    legs: LegOptions
    shared: Shared
    filters: Mapping[str, str]
    json: bool
    sheet: Path | None
    pictures: Path | None


def ranked(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a subcommand the options of every search, which it gets as its argument `ranking`."""

    @wraps(command)
    def run(**given: Any) -> None:
        own = {one.name: given.pop(one.name) for one in _OWN}
        command(**given, ranking=_read(**own))

    signature = inspect.signature(command)
    own = [one for one in signature.parameters.values() if one.name != "ranking"]
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *_OWN)]
    run.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined] # how a wrapper says what it takes
    return run


def _options(
    *,
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
            help="The least similarity (by examples: score) that a vector accepts; what is below "
            "gains nothing by it. "
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
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Encode words and pictures anew, past the server's cache."),
    ] = False,
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
    """The options of every search."""


_OWN = tuple(inspect.signature(_options).parameters.values())


def _read(
    *,
    collection: str | None,
    limit: int,
    offset: int,
    weight: Sequence[str] | None,
    only: Sequence[str] | None,
    leg_threshold: Sequence[str] | None,
    fusion: str | None,
    normalization: str | None,
    k: float | None,
    score_threshold: float | None,
    where: Sequence[str] | None,
    fresh: bool,
    json: bool,
    sheet: Path | None,
    pictures: Path | None,
) -> Ranking:
    """The options as they were given.

    Raises:
        CommandError: one of them can't be used, or two don't go together.
    """
    if sheet is None and pictures is not None:
        raise CommandError("--pictures is where --sheet finds the pictures; give --sheet too")
    if sheet is not None:
        _check_sheet(sheet)
    return Ranking(
        collection=collection,
        legs=leg_options(only or [], weight or [], leg_threshold or []),
        shared=Shared(
            where=parse_where(where or []),
            fusion=fusion_of(fusion, normalization, k),
            offset=offset,
            limit=limit,
            score_threshold=score_threshold,
            bypass_query_cache=fresh,
        ),
        filters=filter_options(where or []),
        json=json,
        sheet=sheet,
        pictures=pictures,
    )


def _check_sheet(out: Path) -> None:
    """Whether the sheet can be written, before anything is searched for.

    Raises:
        CommandError: it is no name of a PNG file, or can't be written there.
    """
    if out.suffix.lower() != ".png":
        raise CommandError(f"--sheet {out}: is a PNG picture, so its name has to end in .png")
    check_writable("--sheet", out)
