"""The table of a search's answer."""

import io
import re
from typing import Literal

import pytest
from rich.console import Console

from tests.client.cli.answers import CAPTION, answer
from triptych import Fusion, Leg, SearchResponse, VectorScore
from triptych.cli.table import leg_labels, render_search

PANELS = ("image", "caption", "ocr", "terms")


def rendered(response: SearchResponse, width: int = 100, *, terminal: bool = False) -> str:
    out = io.StringIO()
    system: Literal["standard"] | None = "standard" if terminal else None
    console = Console(file=out, width=width, force_terminal=terminal, color_system=system)
    render_search(response, console)
    return out.getvalue()


def test_a_hit_with_all_that_its_legs_say() -> None:
    text = rendered(answer(*PANELS), width=160)
    first, second, third = (line for line in text.splitlines() if "kitchen/" in line)
    assert first.split()[:3] == ["1", "1.0000", "kitchen/mug-1.png"]
    assert "0.866 #1 +0.333" in first
    assert "12.35 #1 +0.333" in first
    assert "no term" in second
    assert re.search(r"0\.846 #–\s+\+0\.000  –  ", third)


def test_what_is_below_the_table() -> None:
    legs, found, time, legend, warning = rendered(answer(*PANELS), width=160).splitlines()[-5:]
    assert legs == "legs  image ×2 · caption ×1 · ocr ×1 · terms ×1 by text"
    assert found == "found 87 · 87 · 87 · 87 candidates, fused by reciprocal rank, k=2"
    assert time == "time  7.1 ms: parse 0.1 · encode 3.2"
    assert legend == (
        "key   each vector: similarity, #rank, +contribution; – has no such vector; "
        "no term: shares none with the query; #– not among the leg's candidates"
    )
    assert warning == "warning FILTER_FIELD_UNINDEXED: price has no index"


def test_what_is_below_the_table_goes_on_below_itself() -> None:
    lines = rendered(answer(*PANELS), width=80).splitlines()
    start = lines.index("time  7.1 ms: parse 0.1 · encode 3.2") + 1
    assert lines[start : start + 3] == [
        "key   each vector: similarity, #rank, +contribution; – has no such vector;",
        "      no term: shares none with the query; #– not among the leg's candidates",
        "warning FILTER_FIELD_UNINDEXED: price has no index",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160, 200])
@pytest.mark.parametrize("legs", [1, 2, 4, 8, 16])
def test_no_figure_is_lost_at_any_width(width: int, legs: int) -> None:
    names = [*PANELS, *(f"space-{index}" for index in range(12))][:legs]
    response = answer(*names, hits=12)
    text = rendered(response, width)
    for hit in response.hits:
        assert text.count(f"{hit.score:.4f}") == 1
    scored = [s for hit in response.hits for s in hit.vector_scores if s.HasField("similarity")]
    assert len(re.findall(r"(?<![\d.])\d+\.\d{2,3} +#(?:\d+|–)", text)) == len(scored)
    assert len(re.findall(r"\+0\.\d{3}(?!\d)", text)) == len(scored)
    assert all(len(line) <= width for line in text.splitlines())


def test_long_ids_are_whole_and_captions_are_clipped() -> None:
    response = answer(*PANELS, hits=1)
    response.hits[0].item.id = "a/" + "long/" * 20 + "cat.png"
    text = rendered(response)
    column = "".join(line[11:].split("  ")[0].strip() for line in text.splitlines()[2:8])
    assert response.hits[0].item.id in column
    assert CAPTION not in text
    assert "A cup of coffee" in text
    assert "…" in text


def test_there_are_no_control_codes_outside_a_terminal() -> None:
    response = answer(*PANELS)
    response.hits[0].item.caption = "red \x1b[31m\x07\nand [bold]markup[/bold] \u202eback"
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", rendered(response))
    assert "[bold]markup[/bold]" in rendered(response)
    assert "\x1b[1m" in rendered(response, terminal=True)
    assert "\x07" not in rendered(response, terminal=True)


def test_captions_of_wide_letters_keep_the_columns() -> None:
    response = answer(*PANELS, hits=2)
    response.hits[0].item.caption = "猫が窓辺で寝ている" * 8
    lines = rendered(response, width=160).splitlines()
    assert any("猫" in line for line in lines)
    console = Console(width=160)
    assert all(console.measure(line).maximum <= 160 for line in lines)


def test_no_hits() -> None:
    text = rendered(answer(*PANELS, hits=0))
    assert text.startswith("no hits\n")
    assert "each vector" not in text
    assert "image ×2 · caption ×1" in text


def test_legs_of_one_vector_are_told_apart() -> None:
    response = answer("image", "image", "terms")
    response.legs[1].input_kind = Leg.INPUT_KIND_IMAGE
    assert leg_labels(response.legs) == ["image 1", "image 2", "terms"]
    assert "image 1 ×2 (text) · image 2 ×1 (image) · terms ×1 (text)" in rendered(response, 160)


def by_similarity(*names: str, hits: int = 3) -> SearchResponse:
    """An answer that was fused by min-max scores, with one of its legs below its threshold."""
    response = answer(*names, hits=hits)
    response.fusion.weighted_sum.normalization = Fusion.NORMALIZATION_MIN_MAX
    for leg in response.legs:
        leg.min_max.min, leg.min_max.max = 0.25, 0.875
    for hit in response.hits:
        for score in hit.vector_scores:
            if score.state == VectorScore.STATE_SCORED:
                score.normalized_score = score.similarity / 20
    low = response.hits[0].vector_scores[0]
    low.state, low.contribution = VectorScore.STATE_BELOW_THRESHOLD, 0
    low.ClearField("rank")
    low.ClearField("normalized_score")
    response.legs[0].score_threshold = 0.875
    return response


def test_a_fusion_by_similarity_and_a_leg_below_its_threshold() -> None:
    text = rendered(by_similarity(*PANELS), width=160)
    first, second, _ = (line for line in text.splitlines() if "kitchen/" in line)
    assert re.search(r"0\.866 #<  +\+0\.000  0\.866 #1 n0\.043 \+0\.333", first)
    assert "0.856 #2 n0.043 +0.250" in second
    assert "legs  image ×2 ≥0.875 · caption ×1 · ocr ×1 · terms ×1 by text" in text
    assert "87 candidates, fused by weighted sum of min-max scores\n" in text
    bounds = "0.250 to 0.875"
    assert f"range image {bounds} · caption {bounds} · ocr {bounds} · terms {bounds}, from" in text
    assert "each vector: similarity, #rank, n normalised, +contribution; " in text
    assert "#< below the leg's threshold" in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160, 200])
@pytest.mark.parametrize("legs", [1, 4, 16])
def test_no_normalised_figure_is_lost_at_any_width(width: int, legs: int) -> None:
    names = [*PANELS, *(f"space-{index}" for index in range(12))][:legs]
    response = by_similarity(*names, hits=12)
    text = rendered(response, width)
    scores = [score for hit in response.hits for score in hit.vector_scores]
    normalised = [score for score in scores if score.HasField("normalized_score")]
    assert len(re.findall(r"n0\.\d{3} \+0\.\d{3}(?!\d)", text)) == len(normalised)
    assert all(len(line) <= width for line in text.splitlines())


def test_four_legs_of_normalised_scores_are_a_table_of_100_columns() -> None:
    response = by_similarity(*PANELS)
    lines = rendered(response, 100).splitlines()
    assert lines[0].split() == ["#", "score", "id,", "caption", *PANELS]
    assert "kitchen/mug-1.png" in lines[2]
    assert re.search(r"A cup of coffee.*… +\+0\.000  n0\.043 \+0\.333", lines[3])


@pytest.mark.parametrize(
    ("method", "normalization", "told"),
    [
        ("weighted_sum", Fusion.NORMALIZATION_NONE, "weighted sum of similarities"),
        (
            "max_score",
            Fusion.NORMALIZATION_DISTRIBUTION,
            "the largest of weighted distribution scores",
        ),
        ("min_score", Fusion.NORMALIZATION_MIN_MAX, "the smallest of weighted min-max scores"),
    ],
)
def test_the_fusion_is_told(
    method: str, normalization: Fusion.Normalization.ValueType, told: str
) -> None:
    response = answer("image")
    getattr(response.fusion, method).normalization = normalization
    response.score_threshold = 0.125
    assert f"found 87 candidates, fused by {told}, score ≥ 0.125\n" in rendered(response)


def test_the_range_of_a_distribution_is_three_deviations_to_both_sides() -> None:
    response = answer("image")
    response.legs[0].distribution.mean, response.legs[0].distribution.sigma = 0.5, 0.125
    assert "range image 0.125 to 0.875, from n 0 to n 1\n" in rendered(response)
