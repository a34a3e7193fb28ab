"""`triptych discover` and `triptych context`: what is on the right side of pairs of examples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from triptych.cli.carrying import Asked, Call, carry_out
from triptych.cli.examples import IMAGE, ITEM, TEXT, Example, Pair, parse_pairs
from triptych.cli.legs import legs_by_examples, options_of
from triptych.cli.options import connected
from triptych.cli.output import CommandError
from triptych.cli.pairs import Pairs, values_of
from triptych.cli.ranking import Ranking, ranked
from triptych.client import Client


@connected()
@ranked
def discover(
    context: typer.Context,
    ranking: Ranking,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT...",
            help="Words as the target, in quotes or not.",
            show_default=False,
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="A picture as the target."),
    ] = None,
    like_item: Annotated[
        str | None, typer.Option(metavar="ID", help="A stored item as the target.")
    ] = None,
    pair: Pairs = None,
) -> None:
    """Find what is like a target, among what is on the right side of pairs of examples.

    First of all counts on how many sides of the pairs an item is right, within that how near it is
    to the target. The table shows both: the similarity to the target, and of each pair the verdict
    with the similarities to its two members.

    \b
    For example:
      triptych discover "a cup" --pair "a photo" "a drawing"
      triptych discover --like-item mug.jpg --pair "by day" "by night"
    """
    if text is not None:
        text = " ".join([text, *context.args])
    given = ((TEXT, text, "TEXT"), (IMAGE, image, "--image"), (ITEM, like_item, "--like-item"))
    targets = [
        Example(kind, str(value), option) for kind, value, option in given if value is not None
    ]
    if len(targets) != 1:
        raise CommandError(
            "discover needs TEXT, --image or --like-item as its target; triptych context needs none"
            if not targets
            else f"discover has one target: give {' or '.join(one.option for one in targets)}"
        )
    target, pairs = targets[0], parse_pairs(values_of(pair or []))
    asked = Asked(
        title=" · ".join([target.shown, *map(_told, pairs)]),
        names=[target.shown, *_names(pairs)],
        files=[file for file in (target.file,) if file],
    )
    carry_out(
        context,
        ranking,
        asked,
        lambda client, name: _discover(client, name, target, pairs, ranking),
    )


@connected()
@ranked
def context_search(context: typer.Context, ranking: Ranking, pair: Pairs = None) -> None:
    """Find what is on the right side of pairs of examples, with no target.

    No score of a vector is above 0, and what is on the right side of every pair has 0. The table
    shows the verdict of each pair, with the similarities to its two members.

    \b
    For example:
      triptych context --pair "a cup" "a plate" --pair "a photo" "a drawing"
    """
    pairs = parse_pairs(values_of(pair or []))
    if not pairs:
        raise CommandError("context needs --pair POSITIVE NEGATIVE")
    files = [file for one in pairs if (file := one.positive.file)]
    asked = Asked(title=" · ".join(map(_told, pairs)), names=_names(pairs), files=files)
    carry_out(
        context, ranking, asked, lambda client, name: _context_search(client, name, pairs, ranking)
    )


def _discover(
    client: Client, collection: str, target: Example, pairs: Sequence[Pair], ranking: Ranking
) -> Call:
    legs = legs_by_examples(client, collection, {target.kind, *_kinds(pairs)}, ranking.legs)
    arguments = {
        "target": target.as_input(),
        "pairs": [one.as_pair() for one in pairs],
        "vectors": legs,
    }
    options = {**options_of(legs), "target": target.option, **_options_of(pairs)}
    return Call("discover", arguments, options)


def _context_search(
    client: Client, collection: str, pairs: Sequence[Pair], ranking: Ranking
) -> Call:
    legs = legs_by_examples(client, collection, _kinds(pairs), ranking.legs)
    arguments = {"pairs": [one.as_pair() for one in pairs], "vectors": legs}
    return Call("context_search", arguments, {**options_of(legs), **_options_of(pairs)})


def _kinds(pairs: Sequence[Pair]) -> set[str]:
    return {one.kind for both in pairs for one in (both.positive, both.negative)}


def _names(pairs: Sequence[Pair]) -> list[str]:
    return [one.shown for both in pairs for one in (both.positive, both.negative)]


def _told(both: Pair) -> str:
    return f"{both.positive.shown} over {both.negative.shown}"


def _options_of(pairs: Sequence[Pair]) -> Mapping[str, str]:
    options = {"pairs": "--pair"}
    for index, both in enumerate(pairs):
        options[f"pairs[{index}]"] = f"--pair {_told(both)}"
        options[f"pairs[{index}].positive"] = both.positive.option
        options[f"pairs[{index}].negative"] = both.negative.option
    return options
