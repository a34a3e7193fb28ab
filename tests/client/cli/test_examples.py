"""Examples, parts and pairs at the shell: how they are written, and what a server makes of it."""

import re
import shlex
from pathlib import Path

import pytest
from google.protobuf.json_format import Parse
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.client.cli.real import SPRITES, command, program
from tests.client.cli.shell import Captured, one_line
from tests.support.server import RunningServer
from triptych import (
    ContextSearchResponse,
    DiscoverResponse,
    PairScore,
    RecommendRequest,
    RecommendResponse,
    SearchResponse,
    recompute,
)
from triptych.cli.details import letter
from triptych.cli.examples import parse_example, parse_parts
from triptych.cli.output import CommandError

COFFEE = str(SPRITES / "coffee.png")


@pytest.mark.parametrize(
    ("written", "kind", "value", "shown"),
    [
        ("a cat", "text", "a cat", "'a cat'"),
        ("id:cups/mug", "item", "cups/mug", "id:cups/mug"),
        ("id:@a=2", "item", "@a=2", "id:@a=2"),
        ("text:@home", "text", "@home", "'@home'"),
        ("text:id:7", "text", "id:7", "'id:7'"),
        (f"@{COFFEE}", "image", COFFEE, "@coffee.png"),
        ("E=2", "text", "E=2", "'E=2'"),
        ("a " * 40, "text", "a " * 40, f"'{'a ' * 19}a…'"),
    ],
)
def test_an_example(written: str, kind: str, value: str, shown: str) -> None:
    found = parse_example("--like", written)
    assert (found.kind, found.value, found.shown) == (kind, value, shown)


def test_a_picture_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a=1.png").write_bytes(b"png")
    assert parse_example("--like", "@~/a=1.png").file == tmp_path / "a=1.png"
    [part] = parse_parts(["@~/a=1.png=3"], [])
    assert (part.example.file, part.weight) == (tmp_path / "a=1.png", 3)


@pytest.mark.parametrize("written", ["", "  ", "@", "id:", "id: ", "text:", "@/no/such.png", "@/"])
def test_what_is_no_example(written: str) -> None:
    with pytest.raises(CommandError, match=r"^--like "):
        parse_example("--like", written)


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    st.floats(1e-3, 1000),
)
def test_a_weight_behind_the_last_equals_sign(text: str, weight: float) -> None:
    [plus, minus] = parse_parts([f"text:{text}.={weight!r}"], [f"text:{text}.=1"])
    assert (plus.example.value, plus.weight) == (f"{text}.", weight)
    assert (minus.example.value, minus.weight) == (f"{text}.", -1)


@pytest.mark.parametrize("written", ["a=0", "a=-2", "a=-0.0"])
def test_a_weight_that_leads_nowhere(written: str) -> None:
    with pytest.raises(CommandError, match="needs a weight above 0"):
        parse_parts([], [written])


def test_letters() -> None:
    assert [letter(place) for place in (0, 25, 26, 51, 52)] == ["a", "z", "aa", "az", "ba"]


def test_parts_are_put_together_and_each_shows_its_share(
    server: RunningServer, cups: str, capsys: Captured
) -> None:
    parts = ["--plus", f"@{COFFEE}=2", "--plus", "id:cups/mug=0.5", "--minus", "milk"]
    given = ["search", "a", "cup", "--collection", cups, *parts, "--json"]
    assert command(server, *given) == 0
    found = Parse(capsys.readouterr().out, SearchResponse())
    recompute(found)
    assert [part.weight for part in found.legs[0].parts] == [1, 2, 0.5, -1]
    assert {leg.vector_name for leg in found.legs} <= {"image", "caption", "ocr"}
    # The item that is a part is not among the hits.
    assert sorted(hit.item.id for hit in found.hits) == ["cups/cup", "cups/jug"]
    scores = [s for hit in found.hits for s in hit.vector_scores if s.HasField("similarity")]
    assert scores
    for score in scores:
        assert sum(score.part_shares) == pytest.approx(score.similarity, abs=1e-5)

    done = program(server, *[word for word in given if word != "--json"])
    assert done.returncode == 0
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    asked = "asked a 'a cup' ×1 · b @coffee.png ×2 · c id:cups/mug ×0.5 · d 'milk' ×-1"
    assert asked in done.stdout.splitlines()
    for name, share in zip("abcd", scores[0].part_shares, strict=True):
        assert f"{name} {share:+.3f}" in done.stdout
    assert " by parts\n" in done.stdout
    assert "each part's share of the similarity" in done.stdout


def test_a_picture_and_words_with_parts_are_parts_too(
    server: RunningServer, cups: str, capsys: Captured
) -> None:
    parts = ["--image", COFFEE, "--plus", "red=3", "--only", "image,caption"]
    assert command(server, "search", "a cup", "--collection", cups, "--json", *parts) == 0
    found = Parse(capsys.readouterr().out, SearchResponse())
    kinds = [(part.input_kind, part.weight) for part in found.legs[0].parts]
    assert kinds == [(1, 1), (2, 1), (1, 3)]
    assert [leg.vector_name for leg in found.legs] == ["image", "caption"]


def test_a_search_by_a_stored_item(server: RunningServer, cups: str, capsys: Captured) -> None:
    weights = ["--weight", "caption=2"]
    given = ["search", "--like-item", "cups/mug", "--collection", cups, "--json", *weights]
    assert command(server, *given) == 0
    found = Parse(capsys.readouterr().out, SearchResponse())
    assert {hit.item.id for hit in found.hits} == {"cups/jug", "cups/cup"}
    assert {leg.input_kind for leg in found.legs} == {4}
    assert {leg.vector_name: leg.weight for leg in found.legs}["caption"] == 2


@pytest.mark.parametrize("strategy", ["average-vector", "best-score", "sum-scores"])
def test_a_recommendation(
    server: RunningServer, cups: str, capsys: Captured, strategy: str
) -> None:
    examples = ["--like", "id:cups/mug", "--like", "a tea cup", "--unlike", f"@{COFFEE}"]
    given = ["recommend", "--collection", cups, *examples, "--strategy", strategy]
    assert command(server, *given, "--json") == 0
    found = Parse(capsys.readouterr().out, RecommendResponse())
    recompute(found)
    name = f"STRATEGY_{strategy.upper().replace('-', '_')}"
    assert found.strategy == RecommendRequest.Strategy.Value(name)
    assert [hit.item.id for hit in found.hits] == ["cups/cup", "cups/jug"]

    done = program(server, *given)
    assert done.returncode == 0
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    asked = "asked like a id:cups/mug · b 'a tea cup' · unlike c @coffee.png"
    assert asked in done.stdout.splitlines()
    assert f" by examples, {strategy.replace('-', ' ')}\n" in done.stdout
    for hit in found.hits:
        for score in hit.vector_scores:
            for letter_, similarity in zip(
                "abc", [*score.positive_similarities, *score.negative_similarities], strict=False
            ):
                assert f"{letter_} {similarity:6.3f}" in done.stdout
    assert "its similarity to each example" in done.stdout


def test_weights_thresholds_filters_and_pages_of_examples(
    server: RunningServer, cups: str, capsys: Captured
) -> None:
    options = ["--weight", "caption=2", "--only", "caption,terms", "--offset", "1", "--limit", "1"]
    bar = ["--leg-threshold", "caption=0.2", "--where", "price < 50", "--fusion", "weighted-sum"]
    given = ["recommend", "--collection", cups, "--like", "a cup", *options, *bar, "--json"]
    assert command(server, *given) == 0
    found = Parse(capsys.readouterr().out, RecommendResponse())
    assert [(leg.vector_name, leg.weight) for leg in found.legs] == [("caption", 2), ("terms", 1)]
    assert found.legs[0].score_threshold == 0.2
    assert [hit.rank for hit in found.hits] == [2]
    assert found.canonical_filter == "price < 50"
    assert found.fusion.HasField("weighted_sum")


def test_a_discovery(server: RunningServer, cups: str, capsys: Captured) -> None:
    pairs = ["--pair", "tea", "id:cups/jug", "--pair", f"@{COFFEE}", "milk"]
    given = ["discover", "a", "cup", "--collection", cups, *pairs, "--only", "image,caption"]
    assert command(server, *given, "--json") == 0
    found = Parse(capsys.readouterr().out, DiscoverResponse())
    recompute(found)
    assert [one.field for one in found.legs[0].examples] == [
        "target",
        *(f"pairs[{index}].{side}" for index in (0, 1) for side in ("positive", "negative")),
    ]
    assert "cups/jug" not in [hit.item.id for hit in found.hits]

    done = program(server, *given)
    assert done.returncode == 0
    asked = "asked target 'a cup' · a 'tea' over id:cups/jug · b @coffee.png over 'milk'"
    assert asked in done.stdout.splitlines()
    marks = {PairScore.VERDICT_SATISFIED: "✓", PairScore.VERDICT_VIOLATED: "✗"}
    shown = 0
    for hit in found.hits:
        for score in hit.vector_scores:
            for name, pair in zip("ab", score.pairs, strict=False):
                figures = f"{pair.positive_similarity:6.3f} {pair.negative_similarity:6.3f}"
                assert f"{name} {marks[pair.verdict]} {figures}" in done.stdout
                shown += 1
            if score.HasField("target_similarity"):
                assert f"target {score.target_similarity:6.3f}" in done.stdout
    assert shown >= 4


def test_a_discovery_by_a_picture_or_an_item_needs_no_pairs(
    server: RunningServer, cups: str, capsys: Captured
) -> None:
    for target, kind in ((["--image", COFFEE], 2), (["--like-item", "cups/mug"], 4)):
        assert command(server, "discover", *target, "--collection", cups, "--json") == 0
        found = Parse(capsys.readouterr().out, DiscoverResponse())
        assert [one.input_kind for one in found.legs[0].examples] == [kind]
        assert found.hits


def test_a_search_by_context(server: RunningServer, cups: str, capsys: Captured) -> None:
    given = ["context", "--collection", cups, "--pair=tea", "milk", "--only", "caption"]
    assert command(server, *given, "--json") == 0
    found = Parse(capsys.readouterr().out, ContextSearchResponse())
    recompute(found)
    assert found.hits[-1].item.id == "cups/jug"
    assert found.hits[-1].vector_scores[0].similarity < 0
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    done = program(server, *given, environment=ascii_only)
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert re.search(r"^3 .*cups/jug", done.stdout, re.M)
    lines = re.findall(r"\ba ([yn=]) +-?\d\.\d{3} +-?\d\.\d{3}", done.stdout)
    assert lines == ["y", "y", "n"]
    assert "of each pair y nearer to the first, n to the second" in done.stdout


def test_many_examples_are_cut_and_it_is_said(
    server: RunningServer, cups: str, capsys: Captured
) -> None:
    likes = [word for index in range(12) for word in ("--like", f"cup number {index}")]
    given = ["recommend", "--collection", cups, *likes, "--only", "caption"]
    assert command(server, *given) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^ +g +-?\d\.\d{3} *\n +\+5 more *$", shown, re.M)
    assert "l 'cup number 11'" in shown
    assert "--json shows all of them" in shown


def test_a_sheet_shows_all_pictures_that_were_asked_with(
    server: RunningServer, cups: str, tmp_path: Path, capsys: Captured
) -> None:
    sheet = ["--sheet", str(tmp_path / "hits.png"), "--limit", "2"]
    sizes = []
    for count in (0, 1, 2):
        pictures = [word for _ in range(count) for word in ("--like", f"@{COFFEE}")]
        given = ["recommend", "--collection", cups, "--like", "tea", *pictures, *sheet]
        assert command(server, *given) == 0
        assert "contact sheet: " in capsys.readouterr().err
        with Image.open(tmp_path / "hits.png") as drawn:
            sizes.append(drawn.size)
    (plain, low), (_, one), (wide, two) = sizes
    assert low < one == two
    assert plain <= wide


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["search", "a", "--plus", "b=2000"],
            "--plus b=2000: is too large (got 2000.0, allowed -1000 to 1000) [WEIGHT_TOO_LARGE]",
        ),
        (
            ["search", "a", "--minus", "a"],
            "[PARTS_CANCEL_OUT]",
        ),
        (["search", "a", "--plus", "id:none"], "no item 'none'"),
        (["recommend", "--like", "id:none"], "no item 'none'"),
        (["search", "--plus", "a=0"], "--plus a=0: needs a weight above 0; --plus leads to it"),
        (["search", "a", "--plus", "b", "--only", "terms"], "can't answer several parts in one"),
        (["search", "a", "--like-item", "cups/mug"], "--like-item: give it alone, or the rest as"),
        (["recommend"], "recommend needs --like, or --unlike with another --strategy"),
        (["recommend", "--unlike", "a"], "[POSITIVES_MISSING]"),
        (["recommend", "--like", "@none.png"], "--like @none.png: there is no such file"),
        (
            ["recommend", "--like", f"@{COFFEE}", "--only", "terms"],
            "--only terms: this vector can't answer these examples",
        ),
        (["discover"], "discover needs TEXT, --image or --like-item as its target; triptych cont"),
        (["discover", "a", "--like-item", "b"], "one target: give TEXT or --like-item"),
        (["context"], "context needs --pair POSITIVE NEGATIVE"),
        (["context", "--pair", "a", "a"], "--pair 'a' over 'a': "),
        (["discover", "a", "--pair", "", "b"], "--pair '': needs words, @FILE for a picture"),
        (["recommend", "--like", "a", "--offset", "5000"], "--offset: offset and limit together"),
    ],
)
def test_what_is_wrong_is_told_by_the_options(
    server: RunningServer, cups: str, capsys: Captured, arguments: list[str], line: str
) -> None:
    assert command(server, *arguments, "--collection", cups) == 2
    assert line in one_line(capsys)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["context", "--pair", "a"], "'--pair' needs two examples"),
        (["context", "--pair", "a", "--limit", "3"], "(got 'a' alone)"),
        (["context", "--pair=a"], "(got 'a' alone)"),
        (["context", "--pair"], "--pair"),
        (["recommend", "--strategy", "best"], "needs average-vector, best-score or sum-scores"),
    ],
)
def test_bad_usage(
    server: RunningServer, capsys: Captured, arguments: list[str], what: str
) -> None:
    assert command(server, *arguments) == 2
    captured = capsys.readouterr()
    assert "Error: " in captured.err
    assert what in captured.err
    assert "\0" not in captured.err


def test_the_examples_of_the_help_work(
    server: RunningServer, cups: str, capsys: Captured, tmp_path: Path
) -> None:
    count = 0
    for name in ("search", "recommend", "discover", "context"):
        assert command(server, name, "--help") == 0
        text = capsys.readouterr().out
        assert all(len(line) <= 80 for line in text.splitlines())
        for example in re.findall(r"^    triptych (.*)$", text.replace("\\\n", ""), re.M):
            words = {
                "@boat.jpg": f"@{COFFEE}",
                "cat.jpg": COFFEE,
                "hits.png": str(tmp_path / "hits.png"),
                "id:mug.jpg": "id:cups/mug",
                "mug.jpg": "cups/mug",
                "pictures": cups,
            }
            given = [words.get(word, word) for word in shlex.split(example)]
            named = [] if "--collection" in given else ["--collection", cups]
            assert command(server, *given, *named) == 0, example
            assert "asked" in capsys.readouterr().out or name == "search"
            count += 1
    assert count == 10
