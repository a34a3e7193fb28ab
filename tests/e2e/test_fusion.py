"""Fusions, thresholds, pages and stored vectors, against a real server with the bundled model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.any_message import any_message
from tests.support.panels import draw_words
from tests.support.server import RunningServer
from triptych import (
    Client,
    FailedPrecondition,
    Fusion,
    InvalidArgument,
    Leg,
    NotFound,
    SearchResponse,
    StoredVector,
    VectorScore,
    VectorSpace,
    leg,
    make_item,
    max_score,
    min_score,
    reciprocal_rank,
    recompute,
    weighted_sum,
)
from triptych.v1.common_pb2 import Warning as Notice

DIMENSION, COUNT = 6, 260
SUPPLIED = [VectorSpace.SOURCE_SUPPLIED]
BY_SIMILARITY: dict[str, Callable[..., Fusion]] = {
    "weighted_sum": weighted_sum,
    "max_score": max_score,
    "min_score": min_score,
}
FUSIONS = {
    "reciprocal rank": reciprocal_rank(),
    **{
        f"{name} {normalization}": method(normalization=normalization)
        for name, method in BY_SIMILARITY.items()
        for normalization in ("none", "min_max", "distribution")
    },
}
SCORED, BELOW = VectorScore.STATE_SCORED, VectorScore.STATE_BELOW_THRESHOLD
LONG = " ".join(f"a red cup on table {n} beside a blue boat" for n in range(30))


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with server.client() as made:
        yield made


@pytest.fixture(scope="module")
def many(client: Client) -> str:
    """260 items with two supplied vectors each, and a few with one."""
    spaces = [
        VectorSpace(name="left", sources=SUPPLIED, dimension=DIMENSION),
        VectorSpace(name="right", sources=SUPPLIED, dimension=DIMENSION),
    ]
    collection = client.create_collection("fusion-many", vector_spaces=spaces).id
    rng = np.random.default_rng(11)
    items = []
    for n in range(COUNT):
        vectors = {"left": rng.normal(size=DIMENSION), "right": rng.normal(size=DIMENSION)}
        if n % 7 == 0:
            del vectors["right" if n % 2 else "left"]
        items.append(make_item(f"item-{n}", vectors=vectors))
    client.upsert(collection, items)
    return collection


@pytest.fixture(scope="module")
def panels(client: Client) -> str:
    """Pictures and words in the default spaces, and a supplied one."""
    defaults = client.create_collection("fusion-defaults").vector_spaces
    audio = [
        VectorSpace(name=name, sources=SUPPLIED, dimension=dimension)
        for name, dimension in (("audio", 3), ("noise", 3), ("echo", 4))
    ]
    marks = VectorSpace(name="marks", sources=SUPPLIED, kind=VectorSpace.KIND_SPARSE)
    bare = [VectorSpace() for _ in defaults]
    for made, known in zip(bare, defaults, strict=True):
        made.CopyFrom(known)
        made.ClearField("stamp")
        made.ClearField("dimension")
        if made.kind == VectorSpace.KIND_SPARSE:
            made.ClearField("encoder_id")
    collection = client.create_collection("fusion-panels", vector_spaces=[*bare, *audio, marks]).id
    client.upsert(
        collection,
        [
            make_item("mug", image=draw_words(["MUG"]), caption="a red cup", ocr_text="mug"),
            make_item("boat", image=draw_words(["BOAT"]), caption="a sailing boat"),
            make_item("cup", caption="a blue cup", vectors={"audio": [1, 2, 3]}),
            make_item("tale", caption=LONG, vectors={"noise": [1, 2, 2], "marks": {1: 1.0}}),
            make_item("song", vectors={"audio": [3, 2, 1], "noise": [1, 0, 0]}),
        ],
    )
    return collection


def ids(answer: SearchResponse) -> list[str]:
    return [hit.item.id for hit in answer.hits]


def places(answer: SearchResponse) -> list[tuple[str, int, float]]:
    return [(hit.item.id, hit.rank, hit.score) for hit in answer.hits]


def asked(**given: Any) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    vectors = [
        leg("left", vector=rng.normal(size=DIMENSION), weight=2, **given),
        leg("right", vector=rng.normal(size=DIMENSION), **given),
    ]
    return {"vectors": vectors}


# Pages


@pytest.mark.parametrize("name", FUSIONS)
def test_a_smaller_limit_is_a_prefix(client: Client, many: str, name: str) -> None:
    answers = [
        places(client.search(many, **asked(), fusion=FUSIONS[name], limit=limit))
        for limit in (100, 20, 10, 1)
    ]
    assert len(answers[0]) == 100
    for shorter in answers[1:]:
        assert answers[0][: len(shorter)] == shorter


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize("count", [None, 200])
def test_pages_put_together_are_the_whole(
    client: Client, many: str, name: str, count: int | None
) -> None:
    """Up to place 100 unasked, and as far as the candidates reach where their count is given."""
    most = 100 if count is None else 400
    legs = asked(candidate_count=count)
    whole = client.search(many, **legs, fusion=FUSIONS[name], limit=most)
    pages = [
        client.search(many, **legs, fusion=FUSIONS[name], offset=offset, limit=17)
        for offset in range(0, most - 17, 17)
    ]
    seen = [place for page in pages for place in places(page)]
    assert seen == places(whole)[: len(seen)]
    if count is not None:
        assert len(seen) == len(whole.hits) > 200
    for page in pages:
        recompute(page)


def test_a_far_page_widens_the_legs(client: Client, many: str) -> None:
    answer = client.search(many, **asked(), offset=120, limit=30)
    assert [made.candidate_count for made in answer.legs] == [150, 150]
    assert [hit.rank for hit in answer.hits] == list(range(121, 151))


def test_there_is_nothing_behind_the_last(client: Client, many: str) -> None:
    last = client.search(many, **asked(), offset=COUNT - 1, limit=10)
    behind = client.search(many, **asked(), offset=COUNT, limit=10)
    assert [hit.rank for hit in last.hits] == [COUNT]
    assert not behind.hits
    assert [made.candidates_found for made in behind.legs] == [241, 241]


def test_the_furthest_page_is_answered(client: Client, many: str) -> None:
    assert not client.search(many, **asked(), offset=4990, limit=10).hits


# Fusions


def test_what_is_left_out_is_filled_in(client: Client, many: str) -> None:
    for plain, name in ((Fusion(), "reciprocal rank"), (weighted_sum(), "weighted_sum min_max")):
        answer = client.search(many, **asked(), fusion=plain)
        full = FUSIONS[name]
        if name == "reciprocal rank":
            full = reciprocal_rank(k=2)
        assert answer.fusion == full
        assert places(answer) == places(client.search(many, **asked(), fusion=full))


@pytest.mark.parametrize("name", [name for name in FUSIONS if name != "reciprocal rank"])
def test_a_leg_of_weight_zero_moves_nothing(client: Client, panels: str, name: str) -> None:
    heard = [leg("image"), leg("caption", weight=0.5)]
    mute = [*heard, leg("terms", weight=0)]
    without = client.search(panels, text="a red cup", vectors=heard, fusion=FUSIONS[name])
    shown = client.search(panels, text="a red cup", vectors=mute, fusion=FUSIONS[name])
    assert places(shown) == places(without)
    assert any(hit.vector_scores[2].state == SCORED for hit in shown.hits)
    assert all(hit.vector_scores[2].contribution == 0 for hit in shown.hits)


def test_a_leg_of_weight_zero_brings_nothing_in(client: Client, panels: str) -> None:
    answer = client.search(
        panels, text="a red cup", vectors=[leg("image"), leg("caption", weight=0)]
    )
    assert set(ids(answer)) == {"mug", "boat"}
    assert [made.candidates_found for made in answer.legs] == [2, 4]


def test_like_measures_are_taken_as_they_are(client: Client, panels: str) -> None:
    legs = [leg("image", weight=3), leg("caption", weight=1)]
    answer = client.search(panels, text="a red cup", vectors=legs, fusion=FUSIONS["max_score none"])
    for hit in answer.hits:
        cosines = [s.similarity for s in hit.vector_scores]
        assert hit.score == max(3 * cosines[0], cosines[1]) or hit.item.id in ("cup", "tale")
        assert [s.normalized_score for s in hit.vector_scores] == cosines
    assert not any(made.WhichOneof("normalization_bounds") for made in answer.legs)


def test_a_sum_of_cosines_is_no_cosine(client: Client, panels: str) -> None:
    """An item's long text is several vectors, whose cosines are added up."""
    legs = [leg("caption", item_id="tale"), leg("image", text="a red cup")]
    with pytest.raises(InvalidArgument, match=r"'caption' compares by the sum of \d+ cosines, 'im"):
        client.search(panels, vectors=legs, fusion=FUSIONS["weighted_sum none"])
    alone = client.search(panels, vectors=legs[:1], fusion=FUSIONS["weighted_sum none"])
    assert max(hit.score for hit in alone.hits) > 1
    client.search(panels, vectors=[leg("caption", item_id="tale", score_threshold=1.5)])
    with pytest.raises(InvalidArgument, match=r"the range of the sum of \d+ cosines \(got 90\.0"):
        client.search(panels, vectors=[leg("caption", item_id="tale", score_threshold=90)])


# Thresholds


def test_nothing_that_matches_is_an_answer(client: Client, panels: str) -> None:
    legs = [leg(name, score_threshold=0.999) for name in ("image", "caption")]
    answer = client.search(panels, text="a lorry", vectors=legs)
    assert not answer.hits
    assert [(made.score_threshold, made.candidates_found) for made in answer.legs] == [
        (0.999, 0)
    ] * 2
    recompute(answer)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_leg_below_its_threshold_shows_and_adds_nothing(
    client: Client, many: str, name: str
) -> None:
    legs = asked()
    legs["vectors"][0].score_threshold = 0.2
    answer = client.search(many, **legs, fusion=FUSIONS[name], limit=200)
    below = [hit.vector_scores[0] for hit in answer.hits if hit.vector_scores[0].state == BELOW]
    assert below
    for score in below:
        assert score.similarity < 0.2
        assert not score.HasField("rank")
        assert not score.HasField("normalized_score")
        assert score.contribution == 0
    kept = [hit.vector_scores[0] for hit in answer.hits if hit.vector_scores[0].state == SCORED]
    assert min(score.similarity for score in kept) >= 0.2
    if answer.legs[0].HasField("min_max"):
        assert answer.legs[0].min_max.min >= 0.2
    recompute(answer)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_score_threshold_cuts_the_tail(client: Client, many: str, name: str) -> None:
    whole = client.search(many, **asked(), fusion=FUSIONS[name], limit=100)
    least = whole.hits[40].score
    cut = client.search(many, **asked(), fusion=FUSIONS[name], limit=100, score_threshold=least)
    assert places(cut) == [p for p in places(whole) if p[2] >= least]
    assert 40 < len(cut.hits) < 100
    assert cut.score_threshold == least
    page = client.search(
        many, **asked(), fusion=FUSIONS[name], limit=3, offset=2, score_threshold=least
    )
    assert places(page) == places(cut)[2:5]
    recompute(page)


@pytest.mark.parametrize(
    ("fusion", "top"),
    [
        (reciprocal_rank(), 3 / 3),
        (reciprocal_rank(k=60), 3 / 61),
        (weighted_sum(), 1.0),
        (max_score(), 2.0),
        (max_score(normalization="none"), 2.0),
        (min_score(normalization="distribution"), 2.0),
    ],
    ids=str,
)
def test_a_threshold_may_be_what_a_score_can_be(
    client: Client, many: str, fusion: Fusion, top: float
) -> None:
    client.search(many, **asked(), fusion=fusion, score_threshold=top)
    with pytest.raises(InvalidArgument) as caught:
        client.search(many, **asked(), fusion=fusion, score_threshold=top * 1.001)
    assert caught.value.reason == "SCORE_THRESHOLD_INVALID"
    assert [v.field for v in caught.value.violations] == ["score_threshold"]


def test_every_threshold_that_is_wrong_is_named(client: Client, panels: str) -> None:
    legs = [leg("image", score_threshold=2), leg("terms", score_threshold=2), leg("caption")]
    legs[2].score_threshold = -3
    with pytest.raises(InvalidArgument) as caught:
        client.search(panels, text="a red cup", vectors=legs, score_threshold=9)
    assert [v.field for v in caught.value.violations] == [
        "vectors[0].score_threshold",
        "vectors[2].score_threshold",
        "score_threshold",
    ]


def test_a_skipped_leg_makes_no_threshold_wrong(client: Client, panels: str) -> None:
    answer = client.search(
        panels, item_id="boat", weights={"image": 1, "audio": 5}, score_threshold=1.5
    )
    assert not answer.hits
    assert [w.code for w in answer.warnings] == [Notice.CODE_LEG_SKIPPED]


def test_dot_products_have_no_range(client: Client, new_id: Callable[[], str]) -> None:
    space = VectorSpace(name="v", sources=SUPPLIED, dimension=2, distance=VectorSpace.DISTANCE_DOT)
    collection = client.create_collection(new_id(), vector_spaces=[space]).id
    client.upsert(collection, [make_item(n, vectors={"v": [float(n), 0]}) for n in "123"])
    found = client.search(
        collection,
        vectors=[leg("v", vector=[10, 0], score_threshold=15)],
        fusion=weighted_sum(normalization="none"),
        score_threshold=25,
    )
    assert places(found) == [("3", 1, 30.0)]


# Stored vectors


def test_a_stored_vector_is_asked_of_its_own_name(client: Client, panels: str) -> None:
    by_name = client.search(panels, weights={"image": 1}, stored_vector=("mug", "image"))
    by_item = client.search(panels, weights={"image": 1}, item_id="mug")
    assert places(by_name) == places(by_item)
    assert ids(by_name) == ["boat"]
    assert by_name.legs[0].input_kind == Leg.INPUT_KIND_STORED_VECTOR


def test_what_is_said_finds_what_looks_like_it(client: Client, panels: str) -> None:
    """A caption's one window asks the pictures as the same text and the same values do."""
    values = client.get_item(panels, "cup", return_fields=["vectors"]).vectors["caption"]
    (window,) = values.multi.vectors
    answers = [
        client.search(panels, weights={"image": 1}, stored_vector=("cup", "caption")),
        client.search(panels, weights={"image": 1}, text="a blue cup"),
        client.search(panels, weights={"image": 1}, vector=window),
    ]
    assert len(answers[0].hits) == 2
    for answer in answers[1:]:
        assert ids(answer) == ids(answers[0])
        for hit, other in zip(answer.hits, answers[0].hits, strict=True):
            mine, its = hit.vector_scores[0].similarity, other.vector_scores[0].similarity
            assert mine == pytest.approx(its, abs=1e-6)


def test_its_own_item_is_no_hit(client: Client, panels: str) -> None:
    answer = client.search(panels, stored_vector=StoredVector(item_id="mug", vector_name="caption"))
    assert [made.vector_name for made in answer.legs] == ["image", "caption", "ocr"]
    assert set(ids(answer)) == {"boat", "cup", "tale"}


def test_a_picture_asks_the_words(client: Client, panels: str) -> None:
    answer = client.search(panels, weights={"caption": 1}, stored_vector=("mug", "image"))
    assert len(answer.hits) == 3
    assert all(hit.vector_scores[0].similarity <= 1 for hit in answer.hits)


def test_a_long_text_skips_the_pictures_unless_they_are_named(client: Client, panels: str) -> None:
    answer = client.search(panels, stored_vector=("tale", "caption"))
    assert [made.vector_name for made in answer.legs] == ["caption", "ocr"]
    (warning,) = answer.warnings
    assert (warning.code, warning.field) == (Notice.CODE_LEG_SKIPPED, "input.stored_vector")
    assert "'image' takes one" in warning.message
    with pytest.raises(FailedPrecondition, match="'image' takes one") as caught:
        client.search(panels, weights={"image": 1}, stored_vector=("tale", "caption"))
    assert caught.value.reason == "QUERY_UNANSWERABLE"


def test_supplied_spaces_of_one_shape_take_each_others_vectors(client: Client, panels: str) -> None:
    answer = client.search(panels, stored_vector=("cup", "audio"))
    assert [made.vector_name for made in answer.legs] == ["audio", "noise"]
    found = {hit.item.id: hit.vector_scores[1].similarity for hit in answer.hits}
    assert found["tale"] == pytest.approx((1 + 4 + 6) / (14**0.5 * 3), abs=1e-6)


@pytest.mark.parametrize(
    ("stored", "name", "reason", "said"),
    [
        (("cup", "ocr"), "ocr", "QUERY_UNANSWERABLE", "the item 'cup' has no vector 'ocr'"),
        (("cup", "audio"), "image", "MODEL_MISMATCH", "'audio' comes from the caller, 'image' "),
        (("cup", "caption"), "terms", "MODEL_MISMATCH", "'terms' from bm25 "),
        (("cup", "audio"), "echo", "QUERY_UNANSWERABLE", "'audio' has 3 values, 'echo' 4"),
        (("cup", "audio"), "marks", "QUERY_UNANSWERABLE", "is dense, 'marks' is sparse"),
        (("tale", "marks"), "audio", "QUERY_UNANSWERABLE", "is sparse, 'audio' is dense"),
        (("cup", "sound"), "audio", "VECTOR_NAME_UNKNOWN", "stored_vector.vector_name: no such"),
    ],
)
def test_spaces_that_do_not_fit(
    client: Client, panels: str, stored: tuple[str, str], name: str, reason: str, said: str
) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        client.search(panels, vectors=[leg(name, stored_vector=stored)])
    assert caught.value.reason == reason
    assert caught.value.message.startswith("vectors[0].input.stored_vector")
    assert said in caught.value.message


def test_an_item_that_is_not_there_names_its_field(client: Client, panels: str) -> None:
    with pytest.raises(NotFound) as caught:
        client.search(panels, stored_vector=("nobody", "caption"))
    assert caught.value.message.startswith("input.stored_vector.item_id: ")


def test_what_would_fit_is_told(client: Client, panels: str) -> None:
    with pytest.raises(FailedPrecondition) as vector:
        client.search(panels, vector=[0.5, 0.5])
    shape = "input.vector: no vector space takes it (got dense of 2 values, allowed image dense of "
    assert vector.value.message.startswith(shape)
    assert vector.value.message.endswith(
        "audio dense of 3, noise dense of 3, echo dense of 4, marks sparse)"
    )
    with pytest.raises(
        FailedPrecondition, match=r"got vectors\.looks, allowed vectors\.image, vec"
    ):
        client.get_item(panels, "cup", return_fields=["vectors.looks"])


# Anything


@st.composite
def any_fusion(draw: st.DrawFn) -> tuple[Fusion, dict[str, Any], Sequence[float | None]]:
    fusion: Any = draw(any_message(Fusion.DESCRIPTOR, ["x"], [b"x"]))
    number = st.one_of(st.none(), st.floats(-1.2, 1.2), st.floats())
    pages = {
        "offset": draw(st.integers(-1, 300)),
        "limit": draw(st.integers(0, 300)),
        "score_threshold": draw(number),
    }
    return fusion, pages, [draw(number), draw(number)]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=any_fusion())
def test_any_fusion_is_refused_or_can_be_recomputed(
    client: Client, many: str, drawn: tuple[Fusion, dict[str, Any], Sequence[float | None]]
) -> None:
    """Of a search that is good but for its fusion, pages and thresholds."""
    fusion, pages, thresholds = drawn
    legs: list[Any] = asked()["vectors"]
    for made, threshold in zip(legs, thresholds, strict=True):
        if threshold is not None:
            made.score_threshold = threshold
    try:
        answer = client.search(many, vectors=legs, fusion=fusion, **pages)
    except InvalidArgument:
        return
    assert len(answer.hits) <= (pages["limit"] or 10)
    assert [hit.rank for hit in recompute(answer)] == [hit.rank for hit in answer.hits]
