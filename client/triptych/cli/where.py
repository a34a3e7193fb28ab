"""Filters at the command line: expressions, which the server reads."""

from collections.abc import Mapping, Sequence

from triptych._texts import checked_text
from triptych.cli.output import CommandError
from triptych.errors import ArgumentError
from triptych.v1.filter_pb2 import Condition, Filter

HELP = (
    "A filter that each item passes: price < 20, category = 'poster', tags IN ('a', 'b'), "
    "taken >= 2025-06-01, title MATCHES 'summer sale', sold EXISTS, joined by AND, OR and NOT. "
    "Text stands in quotes. May be given more than once: then all of them hold."
)


def parse_where(expressions: Sequence[str]) -> Filter | None:
    """All of the expressions, joined by AND; None where there is none.

    Raises:
        CommandError: one of them is empty, or no text that can be sent.
    """
    for text in expressions:
        if not text.strip():
            raise CommandError("--where: is empty; leave it out for no filter")
    try:
        filters = [Filter(expression=checked_text(text, "--where")) for text in expressions]
    except ArgumentError as error:
        raise CommandError(error.message) from None
    if len(filters) <= 1:
        return filters[0] if filters else None
    # Each in a group of its own, so that its OR stays inside, and its errors count its characters.
    return Filter(must=[Condition(group=filter) for filter in filters])


def filter_options(expressions: Sequence[str]) -> Mapping[str, str]:
    """What the user wrote for the fields of `parse_where`, where there are several."""
    if len(expressions) <= 1:
        return {}
    return {
        f"filter.must[{number}]": f"--where {text!r}" for number, text in enumerate(expressions)
    }
