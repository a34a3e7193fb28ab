"""Carries out a search of the command line, and shows its answer or what explains it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import typer

from triptych._example_formulas import RankedResponse
from triptych._explain_requests import Explainable
from triptych.cli.complaint import told
from triptych.cli.explain import explained_item
from triptych.cli.options import session_of
from triptych.cli.output import CommandError, as_json, printable, stdout, warn
from triptych.cli.ranking import Ranking
from triptych.client import Client
from triptych.exploring import search_request
from triptych.requests import context_search_request, discover_request, recommend_request
from triptych.v1.collection_pb2 import Collection

REQUESTS: Mapping[str, Callable[..., Explainable]] = MappingProxyType(
    {
        "search": search_request,
        "recommend": recommend_request,
        "discover": discover_request,
        "context_search": context_search_request,
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, for people: in words, by its pictures, and `names` as `asked_line` has it."""

    title: str
    names: Sequence[str] = ()
    files: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the client: its method, the arguments that the search is about, and what the
    user wrote for them, by the paths of the request's fields."""

    method: str
    arguments: Mapping[str, Any]
    options: Mapping[str, str]


def carry_out(
    context: typer.Context,
    ranking: Ranking,
    asked: Asked,
    call_of: Callable[[Client, str], Call],
) -> None:
    """Carries out what `call_of` makes of a client and the collection, and shows the answer.

    Behind `triptych explain ID` it asks what becomes of that item, instead.

    Raises:
        CommandError: no collection is named and there is not just one, or it keeps no pictures for
            the sheet.
    """
    explained = explained_item(context)
    if explained is not None:
        _explain(context, ranking, explained, call_of)
        return
    sheet, shown = ranking.sheet, None
    with session_of(context).client() as client:
        name = _only_collection(client) if ranking.collection is None else ranking.collection
        if sheet is not None and ranking.pictures is None:
            _need_kept_pictures(client, name)
        call = call_of(client, name)
        with told({**call.options, **ranking.filters}):
            response: RankedResponse = getattr(client, call.method)(
                name, **call.arguments, **ranking.shared
            )
        if sheet is not None:
            shown = ranking.pictures or _thumbnails(client, name, response)
    if ranking.json:
        typer.echo(as_json(response))
    else:
        from triptych.cli.table import render_search

        render_search(response, stdout(), asked=asked.names)
    if sheet is not None and shown is not None:
        from triptych.cli.sheet import contact_sheet

        missing = contact_sheet(
            response.hits, response.legs, shown, sheet, title=asked.title, asked=asked.files
        )
        lost = f"; {missing} of {len(response.hits)} pictures not found" if missing else ""
        typer.echo(f"contact sheet: {sheet}{lost}", err=True)


def _explain(
    context: typer.Context,
    ranking: Ranking,
    item_id: str,
    call_of: Callable[[Client, str], Call],
) -> None:
    if ranking.sheet is not None:
        raise CommandError("--sheet: an explanation is of one item and draws none")
    from triptych.explaining import explanation_text

    with session_of(context).client() as client:
        name = _only_collection(client) if ranking.collection is None else ranking.collection
        call = call_of(client, name)
        options = {**call.options, **ranking.filters, "item_id": "ID"}
        # The request of the search stands inside that of the explanation.
        with told(options, inside=call.method):
            request = REQUESTS[call.method](name, **call.arguments, **ranking.shared)
            answer = client.explain(request, item_id)
    if ranking.json:
        typer.echo(as_json(answer))
    else:
        typer.echo("\n".join(map(printable, explanation_text(answer).splitlines())))
        warn(answer.warnings)


def _thumbnails(client: Client, collection: str, response: RankedResponse) -> Mapping[str, bytes]:
    from triptych.cli.thumbnails import fetch_thumbnails

    return fetch_thumbnails(client, collection, response.hits)


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
        raise CommandError(f"it needs --collection: {found}")
    return ids[0]
