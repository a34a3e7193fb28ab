"""`triptych search`: a question, and its answer as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from triptych.cli.carrying import Asked, Call, carry_out
from triptych.cli.examples import FORM, IMAGE, ITEM, TEXT, Example, Part, parse_parts
from triptych.cli.examples import HELP as EXAMPLE_HELP
from triptych.cli.legs import (
    PICTURE,
    STORED_ITEM,
    WORDS,
    Question,
    legs_of,
    legs_of_one_question,
    options_of,
    parts_question,
)
from triptych.cli.options import connected
from triptych.cli.output import CommandError
from triptych.cli.ranking import Ranking, ranked
from triptych.client import Client


@connected()
@ranked
def search(
    context: typer.Context,
    ranking: Ranking,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT...", help="Words to look for, in quotes or not.", show_default=False
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="A picture to look for. With TEXT too, the vectors made of pictures are asked "
            "with the picture, and all others with the words.",
        ),
    ] = None,
    like_item: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="A stored item to look for: each vector is asked with its own."
        ),
    ] = None,
    plus: Annotated[
        list[str] | None,
        typer.Option(
            metavar=f"{FORM}[=WEIGHT]",
            help=f"What else to look for, put together with all that is given in one vector: "
            f"{EXAMPLE_HELP}, and a weight if it is not 1: a number behind the last =. TEXT, "
            "--image and --like-item weigh 1. May be given more than once.",
        ),
    ] = None,
    minus: Annotated[
        list[str] | None,
        typer.Option(
            metavar=f"{FORM}[=WEIGHT]",
            help="What to lead away from, written as for --plus. May be given more than once.",
        ),
    ] = None,
) -> None:
    """Search by words, by a picture, by a stored item, or by several put together.

    The table shows for every hit and every vector: how similar they are, the hit's place among
    that vector's own candidates, and what this adds to the score. Of what is put together with
    --plus and --minus it shows the share of each part in the similarity.

    \b
    For example:
      triptych search "a cup of coffee" --collection pictures
      triptych search "a red bicycle" --weight image=2 --where "price < 20"
      triptych search --image cat.jpg --sheet hits.png
      triptych search --image cat.jpg --plus "asleep=0.5" --minus "a dog"
      triptych search "a cup" --fusion weighted-sum --leg-threshold image=0.2
    """
    if text is not None:
        text = " ".join([text, *context.args])
    main = [
        Example(kind, str(value), option)
        for kind, value, option in (
            (TEXT, text, "TEXT"),
            (IMAGE, image, "--image"),
            (ITEM, like_item, "--like-item"),
        )
        if value is not None
    ]
    parts = parse_parts(plus or [], minus or [])
    if parts:
        parts = [*(Part(one, 1.0) for one in main), *parts]
        carry_out(
            context,
            ranking,
            _asked_together(parts),
            lambda client, name: _together(client, name, parts, ranking),
        )
        return
    if not main:
        raise CommandError("search needs TEXT, --image, --like-item or --plus")
    if like_item is not None and len(main) > 1:
        raise CommandError("--like-item: give it alone, or the rest as parts with --plus")
    asked = Asked(
        title=" + ".join(one.value if one.kind != IMAGE else Path(one.value).name for one in main),
        files=[] if image is None else [image],
    )
    if text is not None and image is not None:
        carry_out(
            context,
            ranking,
            asked,
            lambda client, name: _of_both(client, name, text, image, ranking),
        )
    else:
        carry_out(
            context, ranking, asked, lambda client, name: _of_one(client, name, main[0], ranking)
        )


def _of_one(client: Client, collection: str, one: Example, ranking: Ranking) -> Call:
    question: Question = {TEXT: WORDS, IMAGE: PICTURE, ITEM: STORED_ITEM}[one.kind]
    legs = legs_of_one_question(client, collection, question, ranking.legs)
    value = one.file if one.kind == IMAGE else one.value
    name = "item_id" if one.kind == ITEM else one.kind
    options = {**options_of(legs), f"input.{name}": one.option}
    return Call("search", {name: value, "vectors": legs}, options)


def _of_both(client: Client, collection: str, text: str, image: Path, ranking: Ranking) -> Call:
    legs = legs_of(client, collection, text, image, ranking.legs)
    return Call("search", {"vectors": legs}, options_of(legs))


def _together(client: Client, collection: str, parts: Sequence[Part], ranking: Ranking) -> Call:
    question = parts_question({part.example.kind for part in parts})
    legs = legs_of_one_question(client, collection, question, ranking.legs)
    options = {**options_of(legs), "input.composed": "--plus"}
    for index, part in enumerate(parts):
        options[f"input.composed.parts[{index}]"] = part.example.option
    composed = [part.as_part() for part in parts]
    return Call("search", {"composed": composed, "vectors": legs}, options)


def _asked_together(parts: Sequence[Part]) -> Asked:
    words = [
        f"{'-' if part.weight < 0 else '+'} {part.example.shown}"
        + (f" ×{abs(part.weight):g}" if abs(part.weight) != 1 else "")
        for part in parts
    ]
    return Asked(
        title=" ".join(words).removeprefix("+ "),
        names=[part.shown for part in parts],
        files=[file for part in parts if part.weight > 0 and (file := part.example.file)],
    )
