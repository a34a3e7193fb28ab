"""`triptych count`: how many items there are."""

import typer

from triptych.cli.options import CollectionArgument, Json, Where, connected, session_of
from triptych.cli.output import as_json, warn
from triptych.cli.where import parse_where


@connected({"collection_id": "COLLECTION"})
def count(
    context: typer.Context,
    collection: CollectionArgument,
    where: Where = None,
    json: Json = False,
) -> None:
    """Count a collection's items, or those that pass a filter.

    Prints the number alone.

    \b
    For example:
      triptych count pictures
      triptych count pictures --where "price < 20"
    """
    wanted = parse_where(where or [])
    with session_of(context).client() as client:
        found = client.count_items(collection, where=wanted)
    if json:
        typer.echo(as_json(found))
    else:
        typer.echo(found.count)
        warn(found.warnings)
