"""What stands below the table of a search: how the answer came about."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from triptych._example_formulas import RankedResponse
from triptych.cli.details import asked_line, kind_of, strategy_of
from triptych.cli.output import warning_text
from triptych.v1.search_service_pb2 import Fusion, Leg

# Columns of a name, with the gap behind it.
_NAME = 6


def print_footer(
    response: RankedResponse,
    labels: Sequence[str],
    legend: Sequence[str],
    console: Console,
    asked: Sequence[str] = (),
) -> None:
    """Prints the legs, what they found, the fusion, the timings, the legend and the warnings.

    Args:
        response: the answer of the search.
        labels: a name for each of its legs.
        legend: what the signs in the table mean.
        console: where to.
        asked: names of parts or examples, as `asked_line` takes them.
    """
    stages = [f"{s.stage} {s.duration_us / 1000:.1f}" for s in response.timings.stages]
    total = f"{response.timings.total_us / 1000:.1f} ms"
    console.print()
    if labels:
        _print_below(console, "asked", asked_line(response, asked), " · ")
        _print_below(console, "legs", _legs(labels, response), " · ")
        _print_below(console, "found", _found(response))
        bounds = [
            _bounds(label, leg)
            for label, leg in zip(labels, response.legs, strict=True)
            if leg.WhichOneof("normalization_bounds")
        ]
        if bounds:
            bounds[-1] += ", from n 0 to n 1"
        _print_below(console, "range", bounds, " · ")
    _print_below(
        console, "time", [f"{total}: {stages[0]}" if stages else total, *stages[1:]], " · "
    )
    _print_below(console, "key", legend, "; ")
    for warning in response.warnings:
        console.print(Text(warning_text(warning), style="yellow"))


def _print_below(console: Console, name: str, parts: Sequence[str], separator: str = "") -> None:
    """A line below the table, its name in front; one too long goes on below, at whole parts."""
    width = max(1, console.width - _NAME)
    lines: list[str] = []
    for number, part in enumerate(parts, start=1):
        more = f"{part}{separator if number < len(parts) else ''}"
        if lines and cell_len(f"{lines[-1]}{more}".rstrip()) <= width:
            lines[-1] += more
        else:
            lines.append(more)
    folded = [row for line in lines for row in Text(line.rstrip()).wrap(console, width)]
    for number, row in enumerate(folded):
        row.rstrip()
        console.print(Text(f"{'' if number else name:<{_NAME}}{row}", style="dim"))


def _legs(labels: Sequence[str], response: RankedResponse) -> list[str]:
    """The legs with their weights and what they were asked with."""
    kinds = [kind_of(leg.input_kind) for leg in response.legs]
    alike = len(set(kinds)) == 1
    parts = [
        f"{label} ×{leg.weight:g}{_accepts(leg)}{'' if alike else f' ({kind})'}"
        for label, leg, kind in zip(labels, response.legs, kinds, strict=True)
    ]
    if alike:
        parts[-1] += f" by {kinds[0]}{strategy_of(response)}"
    return parts


def _found(response: RankedResponse) -> list[str]:
    """How many candidates each leg found, how they became one list, and what that was cut at."""
    found = " · ".join(str(leg.candidates_found) for leg in response.legs)
    parts = [f"{found} candidates, ", f"fused by {_fusion(response.fusion)}"]
    if response.HasField("score_threshold"):
        parts[-1] += ", "
        parts.append(f"score ≥ {response.score_threshold:g}")
    return parts


def _fusion(fusion: Fusion) -> str:
    match fusion.WhichOneof("method"):
        case "weighted_sum":
            return f"weighted sum of {_scores(fusion.weighted_sum.normalization)}"
        case "max_score":
            return f"the largest of weighted {_scores(fusion.max_score.normalization)}"
        case "min_score":
            return f"the smallest of weighted {_scores(fusion.min_score.normalization)}"
        case _:
            return f"reciprocal rank, k={fusion.reciprocal_rank.k:g}"


def _scores(normalization: Fusion.Normalization.ValueType) -> str:
    match normalization:
        case Fusion.NORMALIZATION_MIN_MAX:
            return "min-max scores"
        case Fusion.NORMALIZATION_DISTRIBUTION:
            return "distribution scores"
        case _:
            return "similarities"


def _bounds(label: str, leg: Leg) -> str:
    """Which similarities have the normalised scores 0 and 1."""
    if leg.HasField("min_max"):
        least, largest = leg.min_max.min, leg.min_max.max
    else:
        spread = 3 * leg.distribution.sigma
        least, largest = leg.distribution.mean - spread, leg.distribution.mean + spread
    return f"{label} {least:.3f} to {largest:.3f}"


def _accepts(leg: Leg) -> str:
    return f" ≥{leg.score_threshold:g}" if leg.HasField("score_threshold") else ""
