"""The report on composed inputs: nothing in it depends on the machine or the day."""

import textwrap

from tools.quality.composed.asking import COMPOSED, PICTURE, WAYS, WORDS, Asked
from tools.quality.composed.measure import Measured
from tools.quality.figures import RESAMPLES, place_of
from tools.quality.questions import FIRST
from tools.quality.report import WIDTH
from tools.quality.tables import percent, points, table


def render(measured: Measured) -> str:
    """The report as Markdown."""
    count = len(measured.answers[COMPOSED])
    rows = []
    for way in WAYS:
        found = measured.figures(way)
        rows.append((way.name, *map(percent, (found.success3, found.success1, found.mrr))))
    gains = [
        (f"over the {base.name}", points(gain.low, gain.difference, gain.high))
        for base in (PICTURE, WORDS)
        for gain in [measured.gain(COMPOSED, base)]
    ]
    failed = measured.failed(COMPOSED)
    lines = [
        "# Composed inputs",
        "",
        *_paragraph(
            f"Written by `make quality`. {measured.pictures} drawn pictures, each thing on grounds "
            f"of four colours; tiny-clip revision {measured.revision}. {count} written swaps "
            "(`tools/quality/composed/swaps.toml`): a new picture of a thing on one ground, and in "
            "words the ground that is wanted and the one that is not. Right is the one picture of "
            "the same thing on the wanted ground. Asked over gRPC of a server on the embedded "
            "store; every similarity, every part's share of it and every place was recomputed in "
            "numpy and was the same."
        ),
        *_paragraph(
            f"success@{FIRST}: share of swaps with the right picture among the first {FIRST}; "
            "success@1: the first. MRR: mean of 1 / place, 0 beyond the tenth. All in percent. One "
            f"swap is {100 / count:.1f} points."
        ),
        *table(("asked with", f"success@{FIRST}", "success@1", "MRR"), rows),
        "",
        *_paragraph(
            f"Gain of “{COMPOSED.name}” in success@{FIRST}, in points, with the 95 % interval of "
            f"a paired bootstrap over the swaps ({RESAMPLES} resamples):"
        ),
        *table(("", "gain"), gains),
        "",
        f"## Swaps that failed: {len(failed)} of {count}",
        "",
    ]
    for asked in failed:
        lines += textwrap.wrap(_failure(asked), WIDTH, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(lines).rstrip() + "\n"


def _paragraph(text: str) -> list[str]:
    return [*textwrap.wrap(text, WIDTH, break_on_hyphens=False), ""]


def _failure(asked: Asked) -> str:
    swap, place = asked.swap, place_of(asked.first, asked.expected)
    where = f"at {place:.0f}" if place < len(asked.first) + 1 else "not among the first ten"
    return (
        f"{swap.thing} on {swap.old}, “{swap.more}”, not “{swap.less}”: right one {where}; came "
        f"{', '.join(asked.first[:FIRST])}"
    )
