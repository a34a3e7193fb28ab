"""Recommend, Discover, ContextSearch and BatchSearch with words, pictures, items and vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from tests.support.panels import draw_words
from tests.support.server import RunningServer
from triptych import (
    Client,
    FailedPrecondition,
    Field,
    InvalidArgument,
    Leg,
    NotFound,
    PairScore,
    RecommendRequest,
    ScoreMismatch,
    SearchResponse,
    TriptychError,
    VectorScore,
    VectorSpace,
    VectorWeight,
    examples,
    leg,
    make_item,
    max_score,
    pair,
    query_input,
    recompute,
    search_request,
    vector_weight,
    weighted_sum,
)
from triptych.exploring import PairLike
from triptych.v1.common_pb2 import Warning as Notice

SCORED = VectorScore.STATE_SCORED
MUG, BOAT = draw_words(["MUG"]), draw_words(["BOAT"])
LONG = " ".join(f"a red cup on table {n} beside a blue boat" for n in range(30))


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with server.client() as made:
        yield made


@pytest.fixture(scope="module")
def panels(client: Client) -> str:
    """Pictures and words in the default spaces, and a supplied one."""
    spaces = [
        VectorSpace(name="image", sources=[VectorSpace.SOURCE_IMAGE]),
        VectorSpace(name="caption", sources=[VectorSpace.SOURCE_CAPTION]),
        VectorSpace(
            name="terms", sources=[VectorSpace.SOURCE_CAPTION], kind=VectorSpace.KIND_SPARSE
        ),
        VectorSpace(name="audio", sources=[VectorSpace.SOURCE_SUPPLIED], dimension=3),
    ]
    collection = client.create_collection("by-examples", vector_spaces=spaces).id
    client.upsert(
        collection,
        [
            make_item("mug", image=MUG, caption="a red cup", payload={"kind": "thing"}),
            make_item("boat", image=BOAT, caption="a sailing boat"),
            make_item("cup", caption="a blue cup", vectors={"audio": [1, 2, 3]}),
            make_item("ship", caption="a big ship at sea", vectors={"audio": [3, 2, 1]}),
            make_item("song", vectors={"audio": [3, 2, 2]}),
        ],
        ocr="skip",
    )
    return collection


def ids(answer: Any) -> list[str]:
    return [hit.item.id for hit in answer.hits]


def test_words_pictures_and_items_together(client: Client, panels: str) -> None:
    positives = examples(texts=["a cup"], images=[MUG], item_ids=["cup"])
    answer = client.recommend(
        panels,
        positives=positives,
        negatives=examples(item_ids=["boat"]),
        weights={"caption": 1},
    )
    assert ids(answer) == ["mug", "ship"]
    assert answer.strategy == RecommendRequest.STRATEGY_AVERAGE_VECTOR
    [made] = answer.legs
    assert made.input_kind == Leg.INPUT_KIND_EXAMPLES
    kinds = [(example.field, example.input_kind) for example in made.examples]
    assert kinds == [
        ("positives[0]", Leg.INPUT_KIND_ITEM_ID),
        ("positives[1]", Leg.INPUT_KIND_TEXT),
        ("positives[2]", Leg.INPUT_KIND_IMAGE),
        ("negatives[0]", Leg.INPUT_KIND_ITEM_ID),
    ]
    assert [example.tokens.token_count > 0 for example in made.examples] == [
        False,
        True,
        False,
        False,
    ]
    for hit in answer.hits:
        [score] = hit.vector_scores
        assert (len(score.positive_similarities), len(score.negative_similarities)) == (3, 1)


def test_every_dense_space_that_can_answer_all_examples_takes_part(
    client: Client, panels: str
) -> None:
    def legs(*given: Any) -> list[str]:
        answer = client.recommend(panels, positives=given)
        return [made.vector_name for made in answer.legs]

    assert legs(query_input(text="a cup")) == ["image", "caption"]
    assert legs(query_input(text="a cup"), query_input(image=MUG)) == ["image", "caption"]
    assert legs(query_input(vector=[1, 2, 3])) == ["audio"]
    assert legs(query_input(item_id="mug")) == ["image", "caption"]
    assert legs(query_input(stored_vector=("mug", "image"))) == ["image", "caption"]


def test_a_leg_that_lacks_an_example_is_skipped_with_a_warning(client: Client, panels: str) -> None:
    answer = client.recommend(panels, positives=examples(item_ids=["mug", "cup"]))
    assert [made.vector_name for made in answer.legs] == ["caption"]
    skipped = [(w.code, w.field) for w in answer.warnings]
    assert skipped == [
        (Notice.CODE_LEG_SKIPPED, "positives[1]"),
        (Notice.CODE_LEG_SKIPPED, "positives[0]"),
    ]
    assert "mug" not in ids(answer)
    assert "cup" not in ids(answer)
    with pytest.raises(FailedPrecondition) as caught:
        client.recommend(panels, positives=examples(item_ids=["boat", "song"]))
    assert caught.value.reason == "QUERY_UNANSWERABLE"
    with pytest.raises(NotFound) as missing:
        client.discover(panels, target=query_input(item_id="none"))
    assert missing.value.reason == "ITEM_NOT_FOUND"
    assert "target.item_id" in missing.value.message


@pytest.mark.parametrize("strategy", ["average_vector", "best_score", "sum_scores"])
def test_the_strategies_agree_on_what_is_like_one_example(
    client: Client, panels: str, strategy: str
) -> None:
    answer = client.recommend(
        panels, positives=examples(texts=["a cup"]), strategy=strategy, weights={"caption": 1}
    )
    search = client.search(panels, text="a cup", weights={"caption": 1})
    assert ids(answer) == ids(search)
    for hit, plain in zip(answer.hits, search.hits, strict=True):
        [score], [known] = hit.vector_scores, plain.vector_scores
        assert score.positive_similarities == pytest.approx([known.similarity], abs=1e-6)


def test_discovery_and_context_say_the_verdict_of_each_pair(client: Client, panels: str) -> None:
    cup, boat = query_input(text="a red cup"), query_input(text="a sailing boat")
    pairs: list[PairLike] = [
        pair(cup, boat),
        (query_input(item_id="cup"), query_input(item_id="ship")),
    ]
    answer = client.discover(panels, target=boat, pairs=pairs, weights={"caption": 1, "image": 0.5})
    assert ids(answer)[0] == "mug"
    assert set(ids(answer)) == {"mug", "boat"}
    scores = {hit.item.id: hit.vector_scores[0] for hit in answer.hits}
    assert [p.verdict for p in scores["mug"].pairs] == [PairScore.VERDICT_SATISFIED] * 2
    assert [p.verdict for p in scores["boat"].pairs] == [PairScore.VERDICT_VIOLATED] * 2
    assert scores["boat"].target_similarity == pytest.approx(1, abs=1e-5)
    assert 2 < scores["mug"].similarity < 3
    assert -2 < scores["boat"].similarity < -1
    # The items of the second pair have no picture, so that leg is not asked.
    assert [made.vector_name for made in answer.legs] == ["caption"]

    there = client.context_search(panels, pairs=pairs, weights={"caption": 1})
    assert ids(there) == ["mug", "boat"]
    best, last = (hit.vector_scores[0] for hit in there.hits)
    assert best.similarity == pytest.approx(0, abs=1e-6)
    assert -2 < last.similarity < 0
    assert last.similarity == pytest.approx(sum(p.score for p in last.pairs), abs=1e-12)


def test_sparse_examples_count_for_nothing_without_a_shared_term(
    client: Client, panels: str
) -> None:
    answer = client.discover(
        panels,
        target=query_input(text="the cup"),
        pairs=[(query_input(text="red"), query_input(text="the and of"))],
        weights={"terms": 1},
    )
    assert ids(answer)[:2] == ["mug", "cup"]
    scores = {hit.item.id: hit.vector_scores[0] for hit in answer.hits}
    assert scores.keys() == {"mug", "cup", "boat", "ship"}
    assert [p.verdict for p in scores["mug"].pairs] == [PairScore.VERDICT_SATISFIED]
    assert [p.verdict for p in scores["cup"].pairs] == [PairScore.VERDICT_TIE]
    assert scores["boat"].state == SCORED
    assert scores["boat"].similarity == 0.5
    nothing = client.recommend(
        panels, positives=examples(texts=["the and of"]), weights={"terms": 1}
    )
    assert not nothing.hits


def test_thresholds_offset_filter_and_fields(client: Client, panels: str) -> None:
    asked: dict[str, Any] = {
        "positives": examples(texts=["a cup"]),
        "strategy": "best_score",
        "fusion": weighted_sum(normalization="none"),
    }
    legs = [vector_weight("caption", candidate_count=50)]
    whole = client.recommend(panels, vectors=legs, **asked)
    assert len(whole.hits) == 4
    floor = whole.hits[1].score
    cut = client.recommend(panels, vectors=legs, score_threshold=floor, **asked)
    assert ids(cut) == ids(whole)[:2]
    assert cut.score_threshold == floor
    rest = client.recommend(panels, vectors=legs, offset=1, limit=2, **asked)
    assert [(hit.item.id, hit.rank) for hit in rest.hits] == [
        (name, place) for place, name in enumerate(ids(whole)[1:3], start=2)
    ]
    low = [vector_weight("caption", score_threshold=floor)]
    assert ids(client.recommend(panels, vectors=low, **asked)) == ids(whole)[:2]
    only = client.recommend(
        panels, vectors=legs, where=Field("kind") == "thing", return_fields=["payload"], **asked
    )
    assert ids(only) == ["mug"]
    assert not only.hits[0].item.caption


def test_a_text_that_is_cut_is_warned_of(client: Client, panels: str) -> None:
    answer = client.recommend(panels, positives=examples(texts=["a cup", LONG]))
    assert {w.field for w in answer.warnings} == {"positives[1].text"}
    assert answer.legs[0].examples[1].tokens.truncated
    assert not answer.legs[0].examples[0].tokens.truncated


def test_a_supplied_space_takes_vectors(client: Client, panels: str) -> None:
    answer = client.recommend(
        panels,
        positives=examples(vectors=[[3, 2, 1], [3, 2, 2]]),
        negatives=examples(vectors=[[1, 2, 3]]),
        strategy="sum_scores",
        fusion=max_score(),
    )
    assert ids(answer)[-1] == "cup"
    assert [VectorWeight(vector_name=made.vector_name) for made in answer.legs] == [
        VectorWeight(vector_name="audio")
    ]


# Answers computed again


def answered(client: Client, panels: str, kind: str) -> Any:
    cup, boat = query_input(text="a red cup"), query_input(text="a sailing boat")
    if kind == "discover":
        return client.discover(panels, target=cup, pairs=[(boat, cup)], weights={"caption": 1})
    if kind == "context":
        return client.context_search(panels, pairs=[(boat, cup)], weights={"caption": 1})
    return client.recommend(
        panels, positives=[boat], negatives=[cup], strategy=kind, weights={"caption": 1}
    )


RECOMMENDED = ("average_vector", "best_score", "sum_scores")


@pytest.mark.parametrize("kind", [*RECOMMENDED, "discover", "context"])
def test_an_answer_can_be_computed_again(client: Client, panels: str, kind: str) -> None:
    answer = answered(client, panels, kind)
    assert [hit.item_id for hit in recompute(answer)] == ids(answer)
    score = answer.hits[0].vector_scores[0]
    similarity = score.similarity
    score.similarity -= 0.001
    if kind == "average_vector":  # where it comes from is not in the answer
        recompute(answer)
    else:
        assert wrong(answer) == ["similarity"]
    score.similarity = similarity
    if kind in ("best_score", "sum_scores"):
        score.positive_similarities[0] += 0.5
        assert wrong(answer) == ["similarity"]
    elif kind == "discover":
        score.target_similarity += 0.5
        assert wrong(answer) == ["similarity"]
        score.pairs[0].score, score.pairs[0].verdict = 0, PairScore.VERDICT_TIE
        assert wrong(answer) == ["pairs[0].score", "pairs[0].verdict", "similarity"]
    elif kind == "context":
        score.pairs[0].negative_similarity += 3
        assert wrong(answer)[0] == "pairs[0].score"


def wrong(answer: Any) -> list[str]:
    with pytest.raises(ScoreMismatch) as caught:
        recompute(answer)
    return [difference.field for difference in caught.value.differences]


# Batches


def figures(answer: SearchResponse | TriptychError) -> dict[str, Any]:
    """All that is in the answer but its timings, by its path; numbers to within rounding."""

    def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from leaves(inner, f"{path}.{name}")
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                yield from leaves(inner, f"{path}[{place}]")
        else:
            # A text's embedding may differ in its last bits by what it shares its batch with.
            yield path, pytest.approx(value, abs=1e-5) if isinstance(value, float) else value

    assert isinstance(answer, SearchResponse)
    answer.ClearField("timings")
    for made in answer.legs:
        made.ClearField("from_cache")
    return dict(leaves(MessageToDict(answer), ""))


def test_a_batch_answers_as_each_search_alone(
    client: Client, panels: str, new_id: Callable[[], str]
) -> None:
    other = client.create_collection(new_id()).id
    client.upsert(other, [make_item("far", image=BOAT, caption="a boat far away")], ocr="skip")
    asked: list[tuple[str, dict[str, Any]]] = [
        (panels, {"text": "a cup"}),
        (other, {"text": "a cup"}),
        (panels, {"image": MUG, "limit": 2}),
        (other, {"image": MUG}),
        (panels, {"item_id": "mug"}),
        (panels, {"stored_vector": ("mug", "caption"), "weights": {"image": 1}}),
        (panels, {"vector": [1, 2, 3]}),
        (panels, {"text": LONG, "fusion": weighted_sum()}),
        (panels, {"vectors": [leg("caption", text="a cup"), leg("image", image=BOAT)]}),
        (panels, {"text": "a cup", "offset": 1, "score_threshold": 0.1}),
    ]
    together = client.batch_search([search_request(name, **given) for name, given in asked])
    for (name, given), answer in zip(asked, together, strict=True):
        assert figures(answer) == figures(client.search(name, **given)), given


def test_a_search_that_fails_leaves_the_others_alone(client: Client, panels: str) -> None:
    good = search_request(panels, text="a cup")
    results = client.batch_search(
        [
            search_request("never-made", text="a cup"),
            good,
            search_request(panels, text=" ", limit=-1),
            search_request(panels, item_id="none"),
            search_request(panels, image=b"none"),
            search_request(
                panels, vectors=[leg("caption", text="a cup"), leg("image", image=b"no")]
            ),
            search_request(panels, text="a cup", weights={"looks": 1}),
            good,
        ]
    )
    said = [r.reason if isinstance(r, TriptychError) else "" for r in results]
    assert said == [
        "COLLECTION_NOT_FOUND",
        "",
        "TEXT_BLANK",
        "ITEM_NOT_FOUND",
        "IMAGE_FORMAT_UNSUPPORTED",
        "IMAGE_FORMAT_UNSUPPORTED",
        "VECTOR_NAME_UNKNOWN",
        "",
    ]
    bad = [r for r in results if isinstance(r, InvalidArgument)]
    fields = [[violation.field for violation in error.violations] for error in bad]
    assert sorted(fields[0]) == ["input.text", "limit"]
    assert fields[1:] == [["input.image.data"], ["vectors[1].input.image.data"]]
    assert ids(results[1]) == ids(results[7]) == ids(client.search(panels, text="a cup"))


def test_a_whole_batch(client: Client, panels: str) -> None:
    results = client.batch_search([search_request(panels, text=f"a cup {n}") for n in range(64)])
    assert len(results) == 64
    assert all(isinstance(result, SearchResponse) and result.hits for result in results)


def test_sparse_spaces_take_part_where_they_are_named(client: Client, panels: str) -> None:
    """They know of most items only that these share no term, and equals have places by id."""
    cup, boat = query_input(text="a cup"), query_input(text="a boat")
    for answer in (
        client.recommend(panels, positives=[cup], negatives=[boat]),
        client.discover(panels, target=cup, pairs=[(cup, boat)]),
        client.context_search(panels, pairs=[(cup, boat)]),
    ):
        assert [leg.vector_name for leg in answer.legs] == ["image", "caption"]
    answer = client.recommend(panels, positives=[cup], weights={"terms": 1})
    assert [leg.vector_name for leg in answer.legs] == ["terms"]
