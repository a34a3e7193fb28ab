"""Options that the subcommands share, and values whose faults are told in plain words."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from triptych.cli.output import Session
from triptych.client import DEFAULT_TARGET

OwnServer = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        help=f"The server, if not that of TRIPTYCH_SERVER or {DEFAULT_TARGET}.",
        show_default=False,
    ),
]
OwnTimeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help="How long each call may take.",
        parser=lambda value: seconds(value),
    ),
]


def session_of(context: typer.Context, server: str | None, timeout: float | None) -> Session:
    """The session of a subcommand; its own options are stronger than those before it."""
    common: Session = context.obj
    return Session(
        server=common.server if server is None else server,
        timeout_s=common.timeout_s if timeout is None else timeout,
    )


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


def seconds(value: object) -> float:
    """A parser of a time above 0 s."""
    try:
        number = float(str(value))
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise typer.BadParameter(f"needs a number of seconds above 0 (got {_shown(value)})")
    return number


def one_of(words: Sequence[str]) -> Callable[[object], str]:
    """A parser of one of `words`."""

    def parse(value: object) -> str:
        if value not in words:
            allowed = f"{', '.join(words[:-1])} or {words[-1]}"
            raise typer.BadParameter(f"needs {allowed} (got {_shown(value)})")
        return str(value)

    return parse


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 64 else text[:63] + "…")
