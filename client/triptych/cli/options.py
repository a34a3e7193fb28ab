"""Options that the subcommands share, and their values."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from itertools import islice
from math import isfinite
from types import MappingProxyType
from typing import Annotated, Any

import typer

from triptych.cli.complaint import told
from triptych.cli.output import CommandError, items_text
from triptych.cli.session import OWN, Session
from triptych.cli.where import HELP as WHERE_HELP
from triptych.cli.where import filter_options
from triptych.errors import TriptychError

COMPLETION_TIMEOUT_S = 0.7
"""How long a shell waits for the names of collections; after it none are offered."""
MAX_COMPLETIONS = 1000


def connected(
    asked: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a function a subcommand that talks to a server.

    It gets the options of a connection, which are stronger than those before the subcommand and
    which `session_of` reads, and its errors are told by what the user wrote: `asked` has it by the
    path of a request's field, where it is not the usual option. The function's first parameter is
    `context`.
    """

    def made(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            context: typer.Context = given["context"]
            own = {one.name: given.pop(one.name) for one in OWN}
            context.obj = session_of(context).over(own)
            of_key = session_of(context).key_option()
            with told(
                {**asked, **of_key, **filter_options(given.get("where") or [])}, nested=False
            ):
                command(**given)

        signature = inspect.signature(command)
        parameters = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for one in (*signature.parameters.values(), *OWN)
        ]
        own = {one.name: one.annotation for one in OWN}
        run.__annotations__ = {**command.__annotations__, **own}
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined] # how a wrapper says what it takes
        return run

    return made


def session_of(context: typer.Context) -> Session:
    """The session of a subcommand that is `connected`."""
    session: Session = context.obj
    return session


def collection_names(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The collections that a shell offers, each with its items; none where no server answers."""
    session = Session()
    around: Any = ctx
    given: list[Mapping[str, Any]] = []
    while around is not None:
        given.insert(0, around.params)
        around = around.parent
    for options in given:
        session = session.over(options)
    session = replace(session, timeout_s=COMPLETION_TIMEOUT_S)
    try:
        with session.client() as client:
            found = list(
                islice(client.list_collections(page_size=MAX_COMPLETIONS), MAX_COMPLETIONS)
            )
    except (TriptychError, CommandError):
        return []
    return [(one.id, items_text(one.item_count)) for one in found if one.id.startswith(incomplete)]


def words(known: Iterable[str]) -> Callable[[str], list[str]]:
    """What a shell offers for an option that takes one of these words."""

    def offered(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return offered


CollectionArgument = Annotated[
    str,
    typer.Argument(
        metavar="COLLECTION",
        help="The collection.",
        autocompletion=collection_names,
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Where = Annotated[list[str] | None, typer.Option("--where", metavar="FILTER", help=WHERE_HELP)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")]


def whole_number(least: int, most: int | None = None) -> Callable[[object], int]:
    """A parser of whole numbers from `least` on, to `most` if given."""

    def parse(value: object) -> int:
        try:
            number = int(str(value))
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            allowed = f"{least} or more" if most is None else f"{least} to {most}"
            raise typer.BadParameter(f"needs a whole number, {allowed} (got {_shown(value)})")
        return number

    return parse


def number(value: object) -> float:
    """A parser of any finite number."""
    try:
        found = float(str(value))
    except ValueError:
        found = float("nan")
    if not isfinite(found):
        raise typer.BadParameter(f"needs a number (got {_shown(value)})")
    return found


def one_of(known: Sequence[str]) -> Callable[[object], str]:
    """A parser of one of `known`."""

    def parse(value: object) -> str:
        if value not in known:
            allowed = f"{', '.join(known[:-1])} or {known[-1]}"
            raise typer.BadParameter(f"needs {allowed} (got {_shown(value)})")
        return str(value)

    return parse


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 64 else text[:63] + "…")
