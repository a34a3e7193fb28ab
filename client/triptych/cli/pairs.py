"""`--pair POSITIVE NEGATIVE`: an option of two values that may be given more than once."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from triptych.cli.examples import HELP

OPTION = "--pair"

# No argument of a process can hold it.
_SEAM = "\0"

Pairs = Annotated[
    list[str] | None,
    typer.Option(
        OPTION,
        metavar="POSITIVE NEGATIVE",
        help=f"Two examples: hits should be nearer to the first than to the second. Each is {HELP}."
        " May be given more than once.",
    ),
]
"""The option; `values_of` takes apart what it was given."""


class PairsCommand(TyperCommand):
    """A subcommand with the option `Pairs`.

    Typer knows no option of two values that may be repeated, so both are one to it.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The two values behind each --pair made one, and then as ever."""
        return super().parse_args(ctx, _joined(args, strict=not ctx.resilient_parsing))


def values_of(pairs: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs that the option was given."""
    split = (one.partition(_SEAM) for one in pairs)
    return [(positive, negative) for positive, _, negative in split]


def _joined(arguments: Sequence[str], *, strict: bool) -> list[str]:
    joined: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*joined, word, *rest]
        if word == OPTION and rest:
            joined.append(word)
            word = rest.pop(0)
        elif not word.startswith(f"{OPTION}="):
            joined.append(word)
            continue
        if rest and not rest[0].startswith("--"):
            word += _SEAM + rest.pop(0)
        elif strict:
            raise typer.BadParameter(
                f"'{OPTION}' needs two examples, what hits should be nearer to and what farther "
                f"from (got {word.removeprefix(f'{OPTION}=')!r} alone)"
            )
        joined.append(word)
    return joined
