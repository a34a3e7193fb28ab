"""The report on discoveries: nothing in it depends on the machine or the day."""

import textwrap

from tools.quality.discovery.asking import (
    CONTEXT,
    CONTEXT_SWAPPED,
    FIRST,
    PAIRS,
    SWAPPED,
    TARGET,
    WAYS,
    Asked,
)
from tools.quality.discovery.measure import Measured
from tools.quality.figures import RESAMPLES
from tools.quality.report import WIDTH
from tools.quality.tables import percent, points, table

ASPECTS = ("colour", "count", "kind", "style")


def render(measured: Measured) -> str:
    """The report as Markdown."""
    count = len(measured.answers[TARGET])
    rows = []
    for way in WAYS:
        row = measured.row(way)
        shares = (row.wanted, row.unwanted, row.target, row.right_first)
        rows.append((way.name, *map(percent, shares), f"{row.place:.0f}"))
    moved = [
        (way.name, points(gain.low, gain.difference, gain.high))
        for way in (PAIRS, SWAPPED, CONTEXT, CONTEXT_SWAPPED)
        for gain in [measured.moved(way)]
    ]
    aspects = [
        (aspect, *(_sides(measured.by_aspect(way, aspect)) for way in (TARGET, PAIRS, SWAPPED)))
        for aspect in ASPECTS
    ]
    failed = measured.failed()
    lines = [
        "# Discoveries",
        "",
        *_paragraph(
            f"Written by `make quality`. {len(measured.pictures)} drawn pictures, four of each "
            "thing, of twelve grounds, one to three of the thing, in colour, gray or lines; "
            f"tiny-clip revision {measured.revision}. {count} written discoveries "
            "(`tools/quality/discovery/cases.toml`): a target in words, and two pairs of words "
            "that part the pictures by ground, count, kind of thing or drawing style. Asked by "
            "Discover, and without the target by ContextSearch, over gRPC of a server on the "
            "embedded store, for the whole ranking; every similarity was recomputed in numpy, and "
            "every score and place from these, and was the same."
        ),
        *_paragraph(
            f"wanted, unwanted: of the first {FIRST} hits, those on the wanted and on the unwanted "
            "side of a pair, by what was drawn; the mean over the pairs. What shows neither (a "
            "third colour) is on none. target: of these hits, those that show the target. right "
            "first: of the "
            f"{measured.with_right} discoveries with a right picture, one that shows the target "
            "on both wanted sides, those whose first hit is one. All in percent. place: the "
            "median of the right pictures' mean place."
        ),
        *table(("asked with", "wanted", "unwanted", "target", "right first", "place"), rows),
        "",
        *_paragraph(
            "How far the pairs move the wanted sides' share, against the target alone, in points, "
            f"with the 95 % interval of a paired bootstrap over the discoveries ({RESAMPLES} "
            "resamples):"
        ),
        *table(("", "wanted"), moved),
        "",
        *_paragraph("By what a pair is about, wanted / unwanted, in percent:"),
        *table(("", TARGET.name, PAIRS.name, SWAPPED.name), aspects),
        "",
        *_paragraph(
            "The sentences that the model was trained on have few words for drawing styles, and "
            "none for pictures in colour: so those pairs part little, and are kept as they were "
            "written. That fewer hits show the target is the formula: the pairs come first."
        ),
        f"## Discoveries that did not move: {len(failed)} of {count}",
        "",
        *_paragraph(
            "Those whose wanted sides the pairs did not move up, or the swapped pairs not down: "
            "share by target alone, pairs, swapped pairs."
        ),
    ]
    for asked in failed:
        lines += textwrap.wrap(_failure(*asked), WIDTH, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(lines).rstrip() + "\n"


def _paragraph(text: str) -> list[str]:
    return [*textwrap.wrap(text, WIDTH, break_on_hyphens=False), ""]


def _sides(shares: tuple[float, float]) -> str:
    return " / ".join(map(percent, shares))


def _failure(alone: Asked, up: Asked, down: Asked) -> str:
    case = alone.case
    pairs = " and ".join(
        f"“{more.words}”, not “{less.words}”"
        for more, less in zip(case.wanted, case.unwanted, strict=True)
    )
    shares = ", ".join(percent(one.share(case.wanted)) for one in (alone, up, down))
    return f"“{case.target.words}”: {pairs}: {shares}"
