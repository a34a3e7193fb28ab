"""Asks before something is done that can't be undone."""

import sys

from triptych.cli.output import CommandError


def need_an_answer(yes: bool) -> None:
    """Whether somebody can be asked, or need not be; looked at before anything is sent.

    Raises:
        CommandError: there is no terminal, and no --yes.
    """
    if not yes and not sys.stdin.isatty():
        raise CommandError("it asks before it deletes, and no terminal is there: give --yes")


def confirm(question: str, *, yes: bool) -> None:
    """Asks `question` on stderr, unless `yes`; any answer but y or yes ends the command.

    Raises:
        CommandError: the answer was no.
    """
    if yes:
        return
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("nothing is deleted", exit_code=1)
