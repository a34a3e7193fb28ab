"""`triptych explain ID SEARCH ...`: why an item is in a search's answer, or why it is not."""

from typing import Annotated

import typer

_KEY = "triptych.explained"


def build() -> typer.Typer:
    """The subcommand, which still lacks the searches that it explains."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

    @app.callback()
    def explain(
        context: typer.Context,
        item_id: Annotated[str, typer.Argument(metavar="ID", help="The item.", show_default=False)],
    ) -> None:
        """Say why an item is among the hits of a search, or why it is not.

        Behind the item stands the search as ever. Told are its rank, or everything that keeps it
        out: a filter, clause by clause, a threshold, a page; and on each vector its exact
        similarity and place, with the candidates that would bring it in.

        \b
        For example:
          triptych explain mug.jpg search "a cup of tea" --where "price < 20"
          triptych explain mug.jpg recommend --like "a cup" --limit 5
        """
        context.meta[_KEY] = item_id

    return app


def explained_item(context: typer.Context) -> str | None:
    """The item that is asked about, where a search stands behind `triptych explain`."""
    found: str | None = context.meta.get(_KEY)
    return found
