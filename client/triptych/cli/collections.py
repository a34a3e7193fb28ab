"""`triptych collections`: shows, makes, optimizes and removes collections."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from triptych._requests import FIELD_TYPES, FILTER_POLICIES, IMAGE_RETENTIONS
from triptych.cli.asking import confirm, need_an_answer
from triptych.cli.optimizing import optimize
from triptych.cli.options import (
    CollectionArgument,
    Json,
    Yes,
    connected,
    one_of,
    session_of,
    words,
)
from triptych.cli.output import CommandError, as_json, items_text, printable, stdout
from triptych.v1.collection_service_pb2 import ListCollectionsResponse

NewCollection = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="Its name: up to 63 of a-z, 0-9, _ and -, beginning with a letter or a digit.",
        show_default=False,
    ),
]


def build() -> typer.Typer:
    """The subcommand with its own subcommands."""
    group = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
    group.callback()(collections)
    group.command()(show)
    group.command()(create)
    group.command()(optimize)
    group.command()(delete)
    return group


@connected()
def collections(context: typer.Context, json: Json = False) -> None:
    """List the collections; show, create or delete one.

    \b
    For example:
      triptych collections
      triptych collections create pictures --field price=float
    """
    if context.invoked_subcommand is not None:
        if json:
            raise CommandError(f"--json: give it behind {context.invoked_subcommand}")
        return
    with session_of(context).client() as client:
        found = list(client.list_collections())
    if json:
        typer.echo(as_json(ListCollectionsResponse(collections=found)))
    else:
        from triptych.cli.spaces import render_list

        render_list(found, stdout())


@connected({"collection_id": "COLLECTION"})
def show(context: typer.Context, collection: CollectionArgument, json: Json = False) -> None:
    """Show a collection with its vectors and fields.

    \b
    For example:
      triptych collections show pictures
    """
    with session_of(context).client() as client:
        found = client.get_collection(collection)
    if json:
        typer.echo(as_json(found))
    else:
        from triptych.cli.spaces import render_collection

        render_collection(found, stdout())


@connected({"collection_id": "ID", "payload_fields": "--field"})
def create(
    context: typer.Context,
    collection: NewCollection,
    field: Annotated[
        list[str] | None,
        typer.Option(
            "--field",
            "--payload-field",
            metavar="FIELD=TYPE",
            help=f"A payload field with an index; its type is {', '.join(FIELD_TYPES)}. "
            "May be given more than once.",
        ),
    ] = None,
    retention: Annotated[
        str | None,
        typer.Option(
            "--retention",
            "--keep",
            metavar="|".join(IMAGE_RETENTIONS),
            help="What is kept of its pictures: the files as they are and thumbnails, thumbnails "
            "(unless given), or nothing.",
            parser=one_of(list(IMAGE_RETENTIONS)),
            autocompletion=words(IMAGE_RETENTIONS),
        ),
    ] = None,
    language: Annotated[
        str,
        typer.Option(
            metavar="ISO",
            help="The language of its texts, such as de; en unless given.",
            show_default=False,
        ),
    ] = "",
    encoder: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What makes its vectors, one of those that triptych status shows; the server's "
            "first unless given.",
            show_default=False,
        ),
    ] = "",
    unindexed_filters: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(FILTER_POLICIES),
            help="What is done with a filter that no index serves; warn unless given.",
            parser=one_of(list(FILTER_POLICIES)),
            autocompletion=words(FILTER_POLICIES),
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Make an empty collection.

    It has the vectors image, caption, ocr and terms.

    \b
    For example:
      triptych collections create shop --field price=float --field made=datetime \\
          --retention original --language de
    """
    fields = _fields(field or [])
    with session_of(context).client() as client:
        made = client.create_collection(
            collection,
            payload_fields=fields,
            default_encoder_id=encoder,
            language=language,
            unindexed_filter_policy=unindexed_filters or "",
            image_retention=retention,
        )
    if json:
        typer.echo(as_json(made))
    else:
        from triptych.cli.spaces import render_collection

        render_collection(made, stdout())


@connected({"collection_id": "COLLECTION"})
def delete(context: typer.Context, collection: CollectionArgument, yes: Yes = False) -> None:
    """Delete a collection with everything in it. It can't be brought back.

    \b
    For example:
      triptych collections delete pictures
    """
    need_an_answer(yes)
    with session_of(context).client() as client:
        count = client.get_collection(collection).item_count
        name = printable(collection)
        confirm(f"delete collection '{name}' with {items_text(count)}?", yes=yes)
        client.delete_collection(collection)
    typer.echo(f"collection {name} deleted, with {items_text(count)}")


def _fields(arguments: Sequence[str]) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for argument in arguments:
        name, equals, kind = argument.rpartition("=")
        if not (name and equals and kind in FIELD_TYPES):
            raise CommandError(
                f"--field {printable(argument)}: needs FIELD=TYPE, with a type of "
                f"{', '.join(FIELD_TYPES)}"
            )
        if name in fields:
            raise CommandError(
                f"--field {printable(argument)}: {printable(name)} has a type already"
            )
        fields[name] = kind
    return fields
