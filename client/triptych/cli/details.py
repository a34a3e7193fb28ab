"""What a vector says of a hit beyond its similarity: shares of parts, examples, pairs."""

from collections.abc import Sequence

from triptych._example_formulas import RankedResponse
from triptych.v1.search_service_pb2 import (
    Leg,
    PairScore,
    RecommendRequest,
    RecommendResponse,
    VectorScore,
)

MOST = 8
"""Lines of one vector of one hit; --json has all."""

_MARKS = {
    PairScore.VERDICT_SATISFIED: "✓",
    PairScore.VERDICT_VIOLATED: "✗",
    PairScore.VERDICT_TIE: "=",
}
_MARKS_IN_ASCII = {**_MARKS, PairScore.VERDICT_SATISFIED: "y", PairScore.VERDICT_VIOLATED: "n"}


def letter(place: int) -> str:
    """The name of the part, example or pair at a place from 0: a to z, then aa and so on."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("a") + rest) + name
    return name


def figure(similarity: float) -> str:
    """A similarity to three places, one of BM25 to two."""
    return f"{similarity:.2f}" if abs(similarity) >= 10 else f"{similarity:.3f}"


def details_of(score: VectorScore, *, ascii_only: bool = False) -> list[str]:
    """A line for each part, example or pair, of which only the first `MOST` are told."""
    marks = _MARKS_IN_ASCII if ascii_only else _MARKS
    examples = [*score.positive_similarities, *score.negative_similarities]
    lines = [f"{letter(place)} {share:+.3f}" for place, share in enumerate(score.part_shares)]
    lines += [f"{letter(place)} {_aligned(one)}" for place, one in enumerate(examples)]
    lines += [
        f"{letter(place)} {marks[pair.verdict]} {_aligned(pair.positive_similarity)} "
        f"{_aligned(pair.negative_similarity)}"
        for place, pair in enumerate(score.pairs)
    ]
    if score.HasField("target_similarity"):
        lines.insert(0, f"target {_aligned(score.target_similarity)}")
    return lines if len(lines) <= MOST else [*lines[: MOST - 1], f"+{len(lines) - MOST + 1} more"]


def asked_line(response: RankedResponse, names: Sequence[str] = ()) -> list[str]:
    """What the letters of `details_of` stand for.

    Args:
        response: the answer.
        names: what was asked with, in the order of `Leg.parts` or `Leg.examples`; where there are
            none, their kinds stand for them.
    """
    parts = next((list(leg.parts) for leg in response.legs if leg.parts), [])
    if parts:
        told = names or [f"{kind_of(one.input_kind)} ×{one.weight:g}" for one in parts]
        return [f"{letter(place)} {name}" for place, name in enumerate(told)]
    examples = next((list(leg.examples) for leg in response.legs if leg.examples), [])
    told = names if examples and names else [kind_of(one.input_kind) for one in examples]
    by_field: dict[str, list[str]] = {}
    for one, name in zip(examples, told, strict=True):
        by_field.setdefault(one.field.partition("[")[0], []).append(name)
    likes, unlikes = by_field.get("positives", []), by_field.get("negatives", [])
    members = by_field.get("pairs", [])
    pairs = [f"{one} over {other}" for one, other in zip(members[::2], members[1::2], strict=True)]
    lettered = [f"{letter(place)} {name}" for place, name in enumerate([*likes, *unlikes, *pairs])]
    for place, word in ((0, "like"), (len(likes), "unlike")):
        if place < len(likes) + len(unlikes) and (likes if word == "like" else unlikes):
            lettered[place] = f"{word} {lettered[place]}"
    return [*(f"target {name}" for name in by_field.get("target", [])), *lettered]


def legend_of(scores: Sequence[VectorScore], *, ascii_only: bool = False) -> list[str]:
    """What the lines of `details_of` say, of those that are there."""
    marks = _MARKS_IN_ASCII if ascii_only else _MARKS
    yes, no, tie = (marks[verdict] for verdict in _MARKS)
    told = []
    if any(score.part_shares for score in scores):
        told.append("a, b and so on: each part's share of the similarity")
    if any(score.positive_similarities or score.negative_similarities for score in scores):
        told.append("a, b and so on: its similarity to each example")
    if any(score.pairs for score in scores):
        told.append(
            f"of each pair {yes} nearer to the first, {no} to the second, {tie} as near to both, "
            "and both similarities"
        )
    if any(line.startswith("+") for score in scores for line in details_of(score)):
        told.append("--json shows all of them")
    return told


def kind_of(kind: Leg.InputKind.ValueType) -> str:
    """What something was asked with, in words."""
    name = Leg.InputKind.Name(kind).removeprefix("INPUT_KIND_")
    return {"COMPOSED": "parts"}.get(name, name.lower().replace("_", " "))


def strategy_of(response: RankedResponse) -> str:
    """How examples made a score, as `, average vector`; empty where that is not asked."""
    if not isinstance(response, RecommendResponse):
        return ""
    name = RecommendRequest.Strategy.Name(response.strategy).removeprefix("STRATEGY_")
    return f", {name.lower().replace('_', ' ')}"


def _aligned(similarity: float) -> str:
    return f"{figure(similarity):>6}"
