"""Fusion, thresholds and pages of a search at the shell, on a real server."""

import re

import pytest
from google.protobuf.json_format import Parse

from tests.client.cli.real import SPRITES, command, program
from tests.client.cli.shell import Captured, one_line
from tests.support.server import RunningServer
from triptych import SearchResponse, VectorScore, recompute


def search(server: RunningServer, capsys: Captured, name: str, *arguments: str) -> SearchResponse:
    given = ["search", "a cup of tea", "--collection", name, "--json", *arguments]
    assert command(server, *given) == 0
    return Parse(capsys.readouterr().out, SearchResponse())


@pytest.mark.parametrize(
    ("arguments", "fusion"),
    [
        ([], "reciprocal_rank { k: 2 }"),
        (["--fusion", "reciprocal-rank"], "reciprocal_rank { k: 2 }"),
        (["--k", "60"], "reciprocal_rank { k: 60 }"),
        (["--fusion", "reciprocal-rank", "--k", "0"], "reciprocal_rank { k: 0 }"),
        (["--fusion", "weighted-sum"], "weighted_sum { normalization: NORMALIZATION_MIN_MAX }"),
        (
            ["--fusion", "max", "--normalization", "distribution"],
            "max_score { normalization: NORMALIZATION_DISTRIBUTION }",
        ),
        (
            ["--fusion", "min", "--normalization", "none", "--only", "image,caption"],
            "min_score { normalization: NORMALIZATION_NONE }",
        ),
    ],
)
def test_the_fusion_that_was_asked_for(
    server: RunningServer, cups: str, capsys: Captured, arguments: list[str], fusion: str
) -> None:
    found = search(server, capsys, cups, *arguments)
    assert re.sub(r"\s+", " ", str(found.fusion)).strip() == fusion
    recompute(found)
    assert found.hits


def test_pages_fit_together(server: RunningServer, cups: str, capsys: Captured) -> None:
    whole = search(server, capsys, cups, "--fusion", "weighted-sum")
    rest = search(server, capsys, cups, "--fusion", "weighted-sum", "--offset", "1")
    assert [(hit.rank, hit.item.id) for hit in rest.hits] == [
        (hit.rank, hit.item.id) for hit in whole.hits[1:]
    ]
    assert rest.hits[0].rank == 2


def test_thresholds_of_legs_and_of_the_score(
    server: RunningServer, cups: str, capsys: Captured
) -> None:
    free = search(server, capsys, cups, "--only", "caption,terms")
    at = sorted(hit.vector_scores[0].similarity for hit in free.hits)
    bar = (at[-2] + at[-1]) / 2
    arguments = ["--only", "caption,terms", "--leg-threshold", f"caption={bar}"]
    cut = search(server, capsys, cups, *arguments)
    assert [leg.HasField("score_threshold") for leg in cut.legs] == [True, False]
    assert cut.legs[0].score_threshold == bar
    states = {hit.item.id: hit.vector_scores[0].state for hit in cut.hits}
    assert states["cups/cup"] == VectorScore.STATE_SCORED
    # It shares the word cup, and what is said of it is not near enough.
    assert states["cups/mug"] == VectorScore.STATE_BELOW_THRESHOLD
    assert [leg.vector_name for leg in cut.legs] == ["caption", "terms"]
    best = search(server, capsys, cups, "--score-threshold", str(free.hits[0].score - 1e-9))
    assert best.score_threshold == pytest.approx(free.hits[0].score)
    assert all(hit.score >= best.score_threshold for hit in best.hits)


def test_a_threshold_asks_every_vector_that_can_answer(
    server: RunningServer, cups: str, capsys: Captured
) -> None:
    found = search(server, capsys, cups, "--leg-threshold", "image=0.1")
    legs = {leg.vector_name: (leg.weight, leg.score_threshold) for leg in found.legs}
    assert legs == {"image": (1, 0.1), "caption": (0.25, 0), "ocr": (0.25, 0), "terms": (1, 0)}
    picture = ["--image", str(SPRITES / "coffee.png"), "--leg-threshold", "image=0.9"]
    both = search(server, capsys, cups, *picture)
    assert [leg.input_kind for leg in both.legs] == [2, 1, 1, 1]


def test_the_table_shows_what_they_did_in_100_columns(server: RunningServer, cups: str) -> None:
    thresholds = ["--leg-threshold", "image=0.9", "--score-threshold", "0.05"]
    arguments = ["a", "cup", "of", "tea", "--collection", cups, "--fusion", "weighted-sum"]
    done = program(server, "search", *arguments, *thresholds)
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout
    assert all(len(line) <= 100 for line in text.splitlines())
    assert re.search(r"^#  +score  +id, caption  +image +caption +ocr +terms *$", text, re.M)
    assert re.search(r"^1  \d\.\d{4}  cups/cup ", text, re.M)
    assert re.search(r" #< ", text)
    assert re.search(r"n1\.000 \+0\.100 .*n1\.000 \+0\.400", text)
    assert re.search(r"^legs  image ×1 ≥0\.9 · caption ×0\.25 ", text, re.M)
    assert "fused by weighted sum of min-max scores, score ≥ 0.05\n" in text
    assert re.search(r"^range caption \d\.\d{3} to \d\.\d{3} · .*from n 0 to n 1$", text, re.M)
    assert "#< below the leg's threshold" in text


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--fusion", "max", "--normalization", "none"],
            "--normalization: NONE needs legs of one measure: here 'image' compares by cosine, "
            "'terms' by BM25; normalize by MIN_MAX or DISTRIBUTION [MEASURES_UNLIKE]",
        ),
        (
            ["--score-threshold", "0.5", "--k", "60"],
            "--score-threshold: is out of the range of this fusion's scores (got 0.5, allowed 0 to "
            "0.0409836) [SCORE_THRESHOLD_INVALID]",
        ),
        (
            ["--leg-threshold", "image=20"],
            "--leg-threshold image: is out of the range of cosine (got 20.0, allowed -1 to 1) "
            "[SCORE_THRESHOLD_INVALID]",
        ),
        (
            ["--k", "-1", "--offset", "5000"],
            "--k: is out of range (got -1.0, allowed 0 to 10000); --offset: offset and limit "
            "together are too large (got 5010, allowed 5000) [LIMIT_INVALID]",
        ),
    ],
)
def test_what_the_server_refuses_is_told_by_the_options(
    server: RunningServer, cups: str, capsys: Captured, arguments: list[str], line: str
) -> None:
    assert command(server, "search", "a cup", "--collection", cups, *arguments) == 2
    assert one_line(capsys) == f"triptych: {line}"
