"""What the subcommands share: the session, the consoles, and how errors read."""

import os
import re
import sys
from dataclasses import dataclass
from typing import TextIO

import grpc
from rich import box
from rich.console import Console
from rich.table import Table

from triptych.client import DEFAULT_TARGET, DEFAULT_TIMEOUT_S, Client
from triptych.errors import TriptychError

LOG_WIDTH = 100
"""Columns of a table that goes to a file or a pipe, which have no width of their own."""

_WEB_ADDRESS = re.compile("https?://", re.I)

BAD_INPUT = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
UNREACHABLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class CommandError(Exception):
    """Something that the user can put right; the text is one line."""

    def __init__(self, message: str, *, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Session:
    """The global options; `timeout_s` is None where the user gave none."""

    server: str
    timeout_s: float | None

    def client(self, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Client:
        """A client of the server, with `timeout_s` unless the user gave another.

        Raises:
            CommandError: a server that is no HOST:PORT.
        """
        if self.server and (":" not in self.server or _WEB_ADDRESS.match(self.server)):
            raise CommandError(
                f"--server {printable(self.server)}: needs HOST:PORT, such as {DEFAULT_TARGET}"
            )
        return Client(self.server, timeout=timeout_s if self.timeout_s is None else self.timeout_s)


def exit_code(error: TriptychError) -> int:
    """2 for bad input, 3 for a server that can't be reached, 1 for one that failed."""
    if error.code in BAD_INPUT:
        return 2
    return 3 if error.code in UNREACHABLE else 1


def one_line(error: TriptychError) -> str:
    """The error with its reason and all violations, in one line."""
    text = "; ".join(str(violation) for violation in error.violations) or error.message
    reason = f" [{error.reason}]" if error.reason else ""
    return f"triptych: {printable(text)}{reason}"


def printable(text: str) -> str:
    """`text` in one line, without anything that a terminal would obey."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def plain_table(*columns: str) -> Table:
    """A table with a line below its head and no frame; long cells are folded, never cut."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def stdout() -> Console:
    """The console for answers: of the terminal's width, or of 100 columns where there is none."""
    return _console(sys.stdout)


def stderr() -> Console:
    """The console for progress and complaints."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    width = None if file.isatty() or "COLUMNS" in os.environ else LOG_WIDTH
    return Console(file=file, width=width, highlight=False, emoji=False, markup=False)
