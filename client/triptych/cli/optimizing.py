"""`triptych collections optimize`: has a collection's search index built."""

from threading import Event
from typing import Annotated

import typer

from triptych.cli.options import CollectionArgument, Json, connected, session_of
from triptych.cli.output import CommandError, as_json, printable, stderr, time_text
from triptych.client import Client
from triptych.v1.collection_pb2 import Optimization

_EVERY_S = 0.5
_UNDER_WAY = (Optimization.STATE_WAITING, Optimization.STATE_RUNNING)


@connected({"collection_id": "COLLECTION"})
def optimize(
    context: typer.Context,
    collection: CollectionArgument,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it is done.")] = False,
    json: Json = False,
) -> None:
    """Build the search index of a collection, while it stays in use.

    On the embedded engine searches of 100,000 items and more gain by it. It takes minutes there,
    and room on the server's disk; see docs/running.md.

    \b
    For example:
      triptych collections optimize pictures --wait
    """
    with session_of(context).client() as client:
        found = client.optimize_collection(collection)
        if wait:
            found = _waited(client, collection, found)
    if found.state == Optimization.STATE_FAILED:
        raise CommandError(f"not optimized: {printable(found.message)}", exit_code=1)
    typer.echo(as_json(found) if json else optimization_text(found))


def optimization_text(optimization: Optimization) -> str:
    """How far it is, in words."""
    if optimization.state == Optimization.STATE_DONE:
        done = time_text(optimization.end_time)
        vectors = f"{optimization.indexed_vector_count:,} vectors"
        return f"done {done}: {vectors} of {optimization.item_count:,} items in the index"
    state = Optimization.State.Name(optimization.state).removeprefix("STATE_").lower()
    return f"{state}: {printable(optimization.message)}"


def _waited(client: Client, collection: str, found: Optimization) -> Optimization:
    console, told = stderr(), ""
    while found.state in _UNDER_WAY:
        if (text := optimization_text(found)) != told:
            console.print(text, markup=False, highlight=False)
            told = text
        Event().wait(_EVERY_S)
        current = client.get_collection(collection)
        if not current.HasField("optimization"):
            raise CommandError(
                "the server has been started again meanwhile; the collection is as it was, or "
                "optimized",
                exit_code=1,
            )
        found = current.optimization
    return found
