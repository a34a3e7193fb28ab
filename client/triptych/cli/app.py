"""Puts the command together and is the one boundary for its errors."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from triptych.cli import collections, explain
from triptych.cli.complaint import at_the_shell
from triptych.cli.completion import join_words
from triptych.cli.count import count
from triptych.cli.delete import delete
from triptych.cli.discover import context_search, discover
from triptych.cli.get import get
from triptych.cli.ingest import ingest
from triptych.cli.listing import list_items
from triptych.cli.output import CommandError
from triptych.cli.pairs import PairsCommand
from triptych.cli.recommend import recommend
from triptych.cli.search import search
from triptych.cli.session import (
    ApiKeyFile,
    CaFile,
    Certificate,
    CertificateKey,
    PlaintextKey,
    Server,
    ServerName,
    Session,
    Timeout,
    WithTls,
)
from triptych.cli.status import status
from triptych.client import DEFAULT_TARGET
from triptych.errors import TriptychError


def _show_version(context: typer.Context, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        typer.echo(f"triptych {version('triptych')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
]


def build() -> typer.Typer:
    """The command with its subcommands."""
    app = typer.Typer(
        name="triptych",
        no_args_is_help=True,
        # Failures are one line on stderr; see `run`.
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def options(
        context: typer.Context,
        server: Server = DEFAULT_TARGET,
        timeout_s: Timeout = None,
        tls: WithTls = None,
        ca_file: CaFile = None,
        certificate: Certificate = None,
        certificate_key: CertificateKey = None,
        server_name: ServerName = None,
        api_key_file: ApiKeyFile = None,
        plaintext_api_key: PlaintextKey = False,
        version: Version = False,
    ) -> None:
        """Search pictures by how they look, what is said about them and what is written in them.

        \b
        For example, in two terminals:
          triptych-server
          triptych ingest ./photos --collection pictures
          triptych search "a cup of coffee"
          triptych status

        Exits with 0 when all went well, 1 where a part failed, 2 for bad input, 3 where the server
        can't be reached or did not answer in time, 130 where Ctrl-C ended it.
        """
        context.obj = Session(
            server=server,
            timeout_s=timeout_s,
            tls=tls,
            ca_file=ca_file,
            certificate=certificate,
            certificate_key=certificate_key,
            server_name=server_name,
            api_key_file=api_key_file,
            plaintext_api_key=plaintext_api_key,
        )

    app.command()(ingest)
    # What follows TEXT is more of it: a question without quotes around it.
    explained = explain.build()
    words = {"allow_extra_args": True}
    for searches in (app, explained):
        searches.command(context_settings=words)(search)
        searches.command()(recommend)
        searches.command(cls=PairsCommand, context_settings=words)(discover)
        searches.command("context", cls=PairsCommand)(context_search)
    app.add_typer(explained, name="explain")
    app.command()(get)
    app.command("list")(list_items)
    app.command()(count)
    app.command()(delete)
    app.add_typer(collections.build(), name="collections")
    app.command()(status)
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status.

    0: done. 1: a part failed, or the server did. 2: bad input. 3: the server can't be reached or
    did not answer in time. 130: ended by Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        # A caption may hold what the terminal's encoding lacks; that must not end the command.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    join_words(os.environ)
    try:
        build()(args=None if arguments is None else list(arguments))
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except TriptychError as error:
        return _complain(at_the_shell(error))
    except CommandError as error:
        return _complain(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"triptych: {where}{error.strerror or error}", err=True)
        return 2
    return 0


def _complain(error: CommandError) -> int:
    typer.echo(f"triptych: {error}", err=True)
    return error.exit_code
