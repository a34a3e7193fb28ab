"""What the subcommands share: the consoles, tables, JSON, and how errors read."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, TextIO

import grpc
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from triptych.errors import TriptychError
from triptych.v1.common_pb2 import Warning as Notice

if TYPE_CHECKING:  # `triptych --help` draws no table
    from rich.console import Console
    from rich.table import Table

LOG_WIDTH = 100
"""Columns of a table that goes to a file or a pipe, which have no width of their own."""

BAD_INPUT = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
UNREACHABLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class CommandError(Exception):
    """Something that the user can put right; the text is one line."""

    def __init__(self, message: str, *, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


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


def check_writable(option: str, out: Path) -> None:
    """Whether a file can be written, before anything is done for it.

    Raises:
        CommandError: it can't be.
    """
    try:
        if out.exists():
            with out.open("r+b"):
                pass
        else:
            with TemporaryFile(dir=out.parent):
                pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(f"{option} {out}: can't be written: {reason}") from None


def items_text(count: int) -> str:
    """How many items: `1 item`, `1,234 items`."""
    return f"{count:,} item{'' if count == 1 else 's'}"


def size_text(size: int) -> str:
    """The size of a file: `512 bytes`, `23.4 kB`."""
    return f"{size} bytes" if size < 1000 else f"{size / 1000:,.1f} kB"


def time_text(time: Timestamp) -> str:
    """A time to the second, in UTC."""
    return f"{time.ToDatetime():%Y-%m-%d %H:%M:%S} UTC"


def as_json(message: Message) -> str:
    """A message as JSON, with the contract's own field names and every field, zeros too."""
    return MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def warning_text(warning: Notice) -> str:
    """A warning of the server's in one line."""
    kind = Notice.Code.Name(warning.code).removeprefix("CODE_")
    return f"warning {kind}: {printable(warning.message)}"


def warn(warnings: Iterable[Notice]) -> None:
    """Tells the warnings on stderr, where they are in nobody's way."""
    for warning in warnings:
        sys.stderr.write(f"triptych: {warning_text(warning)}\n")


def plain_table(*columns: str) -> "Table":
    """A table with a line below its head and no frame; long cells are folded, never cut."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def fact_table() -> "Table":
    """A table of names and values, without a head."""
    table = plain_table("", "")
    table.show_header = False
    return table


def stdout() -> "Console":
    """The console for answers: of the terminal's width, or of 100 columns where there is none."""
    return _console(sys.stdout)


def stderr() -> "Console":
    """The console for progress and complaints."""
    return _console(sys.stderr)


def _console(file: TextIO) -> "Console":
    from rich.console import Console

    width = None if file.isatty() or "COLUMNS" in os.environ else LOG_WIDTH
    return Console(file=file, width=width, highlight=False, emoji=False, markup=False)
