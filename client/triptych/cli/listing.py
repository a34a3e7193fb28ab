"""`triptych list`: the items of a collection, a line each."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson

from triptych.cli.options import CollectionArgument, Where, connected, session_of, whole_number
from triptych.cli.output import CommandError, items_text, plain_table, printable, stdout, time_text
from triptych.cli.where import parse_where
from triptych.v1.item_pb2 import Item

PAGE = 500
MAX_CAPTION = 40


@connected({"collection_id": "COLLECTION"})
def list_items(
    context: typer.Context,
    collection: CollectionArgument,
    where: Where = None,
    limit: Annotated[
        int, typer.Option(metavar="N", help="Items at most.", parser=whole_number(1))
    ] = 20,
    all_items: Annotated[
        bool, typer.Option("--all", help="Every item, whatever --limit says.")
    ] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Print the ids alone, a line each.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print each item as JSON, a line each.")
    ] = False,
) -> None:
    """List a collection's items, or those that pass a filter.

    They come in the order of their point ids. What is left out because of --limit is told on
    stderr.

    \b
    For example:
      triptych list pictures
      triptych list pictures --where "category = 'poster'" --all --json
      triptych list pictures --where "price >= 90" --all --ids
    """
    if ids and json:
        raise CommandError("give either --ids or --json")
    wanted = parse_where(where or [])
    with session_of(context).client() as client:
        page_size = PAGE if all_items else min(limit, PAGE)
        found = client.list_items(
            collection,
            where=wanted,
            page_size=page_size,
            # The id comes with any of them.
            return_fields=["create_time"] if ids else [],
        )
        shown = found if all_items else islice(found, limit)
        if ids:
            count = _each(shown, lambda item: item.id)
        elif json:
            count = _each(shown, _json_line)
        else:
            count = _table(shown)
        if count == limit and not all_items:
            total = client.count_items(collection, where=wanted).count
            if total > count:
                more = f"triptych: {count:,} of {items_text(total)}; --limit or --all shows more"
                typer.echo(more, err=True)


def _each(items: Iterable[Item], line: Callable[[Item], str]) -> int:
    """Prints a line for each item as it comes; returns how many there are."""
    count = 0
    for item in items:
        typer.echo(line(item))
        count += 1
    return count


def _json_line(item: Item) -> str:
    return MessageToJson(
        item,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        indent=None,
    )


def _table(items: Iterable[Item]) -> int:
    """Prints the items as a table; returns how many there are."""
    from rich.text import Text

    table = plain_table("id", "caption", "picture", "updated")
    for column in table.columns[2:]:
        column.no_wrap = True
    count = 0
    for item in items:
        caption = Text(printable(item.caption))
        caption.truncate(MAX_CAPTION, overflow="ellipsis")
        picture = item.image_info
        table.add_row(
            Text(printable(item.id)),
            caption,
            f"{picture.format} {picture.width}×{picture.height}" if picture.format else "",
            time_text(item.update_time),
        )
        count += 1
    stdout().print(table if count else "no items")
    return count
