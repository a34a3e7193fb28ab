"""`triptych delete`: items out of a collection."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from triptych.cli.asking import confirm, need_an_answer
from triptych.cli.complaint import at_the_shell, told
from triptych.cli.options import CollectionArgument, Json, Where, Yes, connected, session_of
from triptych.cli.output import CommandError, as_json, items_text, printable, warn
from triptych.cli.where import parse_where
from triptych.client import Client
from triptych.errors import DeadlineExceeded, TriptychError, Unavailable
from triptych.filters import ids
from triptych.v1.item_service_pb2 import DeleteItemsResponse

DELETE_TIMEOUT_S = 120.0
MAX_IDS = 1000


@connected({"collection_id": "COLLECTION"})
def delete(
    context: typer.Context,
    collection: CollectionArgument,
    item_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID...", help="The items of these ids.", show_default=False),
    ] = None,
    where: Where = None,
    all_items: Annotated[
        bool, typer.Option("--all", help="Every item; the collection itself stays.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete items by their ids, by a filter, or all.

    It counts them first, and asks. What was kept of their pictures goes with them, and can't be
    brought back.

    \b
    For example:
      triptych delete pictures cups/mug.jpg cups/jug.jpg
      triptych delete pictures --where "price >= 90" --yes
      triptych delete pictures --all
    """
    if sum((bool(item_ids), bool(where), all_items)) != 1:
        raise CommandError("delete needs one of ID, --where and --all")
    need_an_answer(yes)
    wanted = parse_where(where or [])
    chosen = list(dict.fromkeys(item_ids or []))

    with session_of(context).client(timeout_s=DELETE_TIMEOUT_S) as client:
        if chosen:
            found = _count(client, collection, chosen)
        else:
            counted = client.count_items(collection, where=wanted)
            warn(counted.warnings)
            found = counted.count
        absent = len(chosen) - found
        if chosen and absent:
            typer.echo(f"triptych: {absent} of {len(chosen)} ids are not there", err=True)
        done = DeleteItemsResponse()
        if found:
            every = "all " if all_items and found > 1 else ""
            confirm(
                f"delete {every}{items_text(found)} of collection '{printable(collection)}'?",
                yes=yes,
            )
            try:
                if chosen:
                    done = _delete(client, collection, chosen)
                else:
                    done = client.delete_items(collection, where=wanted, all=all_items)
            except (DeadlineExceeded, Unavailable) as error:
                raise _cut_off(error) from error

    if json:
        typer.echo(as_json(done))
    else:
        typer.echo(f"{items_text(done.deleted_count)} deleted")


def _cut_off(error: TriptychError) -> CommandError:
    line = at_the_shell(error)
    more = "a part may be deleted, and the same command goes on from there"
    return CommandError(f"{line}; {more}", exit_code=line.exit_code)


def _count(client: Client, collection: str, item_ids: Sequence[str]) -> int:
    """How many of these are there."""
    with told({"filter": "ID", "collection_id": "COLLECTION"}):
        return sum(
            client.count_items(collection, where=ids(some)).count for some in _parts(item_ids)
        )


def _delete(client: Client, collection: str, item_ids: Sequence[str]) -> DeleteItemsResponse:
    """Deletes these, as many at a time as a request takes."""
    done = DeleteItemsResponse()
    for some in _parts(item_ids):
        answer = client.delete_items(collection, ids=some)
        done.deleted_count += answer.deleted_count
        done.warnings.extend(answer.warnings)
    return done


def _parts(item_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (item_ids[start : start + MAX_IDS] for start in range(0, len(item_ids), MAX_IDS))
