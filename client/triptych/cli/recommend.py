"""`triptych recommend`: what is like some examples, and unlike others."""

from collections.abc import Sequence
from typing import Annotated

import typer

from triptych._example_requests import STRATEGIES as STRATEGIES_IN_PYTHON
from triptych.cli.carrying import Asked, Call, carry_out
from triptych.cli.examples import FORM, Example, parse_examples
from triptych.cli.examples import HELP as EXAMPLE_HELP
from triptych.cli.legs import legs_by_examples, options_of
from triptych.cli.options import connected, one_of, words
from triptych.cli.output import CommandError
from triptych.cli.ranking import Ranking, ranked
from triptych.client import Client

STRATEGIES = tuple(name.replace("_", "-") for name in STRATEGIES_IN_PYTHON)


@connected()
@ranked
def recommend(
    context: typer.Context,
    ranking: Ranking,
    like: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FORM,
            help=f"An example of what to look for: {EXAMPLE_HELP}. May be given more than once.",
        ),
    ] = None,
    unlike: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FORM,
            help="An example of what hits should be unlike. May be given more than once.",
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(STRATEGIES),
            help="How the examples make a score: by their average (unless given), by the nearest "
            "one, or by the sum of all similarities.",
            parser=one_of(STRATEGIES),
            autocompletion=words(STRATEGIES),
        ),
    ] = None,
) -> None:
    """Find what is like some examples and unlike others.

    The table shows for every hit and every vector what a search shows, and the similarity to each
    example. Items that are examples are not among the hits.

    \b
    For example:
      triptych recommend --like id:mug.jpg --like "a tea cup" --unlike @boat.jpg
      triptych recommend --like id:mug.jpg --strategy best-score --limit 20
    """
    likes = parse_examples("--like", like or [])
    unlikes = parse_examples("--unlike", unlike or [])
    if not likes and not unlikes:
        raise CommandError("recommend needs --like, or --unlike with another --strategy")
    titles = [
        f"{word} {', '.join(one.shown for one in some)}"
        for word, some in (("like", likes), ("unlike", unlikes))
        if some
    ]
    asked = Asked(
        title=" · ".join(titles),
        names=[one.shown for one in (*likes, *unlikes)],
        files=[file for one in likes if (file := one.file)],
    )
    carry_out(
        context,
        ranking,
        asked,
        lambda client, name: _recommend(client, name, likes, unlikes, strategy, ranking),
    )


def _recommend(
    client: Client,
    collection: str,
    likes: Sequence[Example],
    unlikes: Sequence[Example],
    strategy: str | None,
    ranking: Ranking,
) -> Call:
    kinds = {one.kind for one in (*likes, *unlikes)}
    legs = legs_by_examples(client, collection, kinds, ranking.legs)
    options = {"positives": "--like", "negatives": "--unlike", "strategy": "--strategy"}
    for side, some in (("positives", likes), ("negatives", unlikes)):
        options |= {f"{side}[{index}]": one.option for index, one in enumerate(some)}
    arguments = {
        "positives": [one.as_input() for one in likes],
        "negatives": [one.as_input() for one in unlikes],
        "strategy": None if strategy is None else strategy.replace("-", "_"),
        "vectors": legs,
    }
    return Call("recommend", arguments, {**options_of(legs), **options})
