"""Explain with words, pictures and the bundled model, and its answers in words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.panels import draw_words
from tests.support.server import RunningServer
from triptych import (
    Client,
    ExplainResponse,
    Field,
    NotFound,
    VectorScore,
    VectorSpace,
    context_search_request,
    discover_request,
    examples,
    explanation_text,
    leg,
    make_item,
    max_score,
    part,
    query_input,
    recommend_request,
    search_request,
    vector_weight,
)

NAME = "explain-panels"
SAID = {
    "mug": "a cup of coffee",
    "tea": "a cup of tea",
    "boat": "a sailing boat at sea",
    "ship": "a ship at sea",
}


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with server.client() as made:
        made.create_collection(NAME, payload_fields={"price": "float"})
        items = [
            make_item(name, caption=said, payload={"price": 10 * place})
            for place, (name, said) in enumerate(SAID.items())
        ]
        items.append(make_item("sign", image=draw_words(["TEA"]), payload={"price": 5}))
        made.upsert(NAME, items, ocr="skip")
        yield made


def outcomes(answer: ExplainResponse) -> list[str]:
    return [ExplainResponse.Outcome.Name(c).removeprefix("OUTCOME_") for c in answer.causes]


def test_a_hit_is_explained_as_the_search_shows_it(client: Client) -> None:
    request = search_request(NAME, text="a cup of tea", return_fields=["caption"])
    found = client.search(NAME, text="a cup of tea", return_fields=["caption"])
    assert len(found.hits) == len(SAID) + 1
    for hit in found.hits:
        answer = client.explain(request, hit.item.id)
        assert answer.outcome == ExplainResponse.OUTCOME_IN_ANSWER
        assert answer.hit == hit
        assert all(explained.leg.from_cache for explained in answer.legs)  # the search's own
        for explained in answer.legs:
            explained.leg.ClearField("from_cache")
        assert [explained.leg for explained in answer.legs] == list(found.legs)
        assert answer.fusion == found.fusion
        assert (answer.ranked_count, answer.limit) == (len(found.hits), 10)
        for explained in answer.legs:
            # The embedded engine is exact, and the filter lets all through.
            if explained.score.HasField("rank"):
                assert explained.exact_rank == explained.score.rank
        stages = [one.stage for one in answer.timings.stages]
        assert stages == "parse encode legs fuse ranks filter render".split()


def test_no_vector_and_no_shared_term(client: Client) -> None:
    looks = search_request(NAME, text="tea", weights={"image": 1})
    assert outcomes(client.explain(looks, "mug")) == ["NO_SUCH_VECTOR"]
    words = search_request(NAME, text="tea", weights={"terms": 1, "image": 1})
    answer = client.explain(words, "boat")
    # It came as far as the terms, which it has.
    assert outcomes(answer) == ["NO_SHARED_TERM"]
    assert [score.score.state for score in answer.legs] == [
        VectorScore.STATE_NO_SHARED_TERM,
        VectorScore.STATE_NO_SUCH_VECTOR,
    ]
    assert "terms ×1: it shares no term with the query." in explanation_text(answer)
    assert "image ×1: it has no such vector." in explanation_text(answer)


def test_several_causes_at_once(client: Client) -> None:
    request = search_request(
        NAME, text="tea", weights={"image": 1}, where='price < 15 AND NOT ID = "ship"'
    )
    answer = client.explain(request, "ship")
    assert outcomes(answer) == ["FILTERED_OUT", "NO_SUCH_VECTOR"]
    assert [(c.field, c.character, c.text, c.passes) for c in answer.clauses] == [
        ("filter.expression", 1, "price < 15", False),
        ("filter.expression", 20, 'NOT ID IN ("ship")', False),
    ]
    assert answer.canonical_filter == 'price < 15 AND NOT ID IN ("ship")'


def test_a_filtered_item_shows_how_near_it_is(client: Client) -> None:
    where = (Field("price") < 25) & ~(Field("kind") == "toy")
    request = search_request(NAME, text=SAID["ship"], weights={"caption": 1}, where=where)
    answer = client.explain(request, "ship")
    assert outcomes(answer) == ["FILTERED_OUT"]
    [explained] = answer.legs
    assert explained.score.similarity == pytest.approx(1, abs=1e-3)
    assert (explained.exact_rank, explained.least_candidate_count) == (1, 1)
    assert [clause.passes for clause in answer.clauses] == [False, True]
    # The warning of the search, for the field that no index serves.
    assert ["kind" in warning.message for warning in answer.warnings] == [True]
    assert explanation_text(answer).splitlines() == [
        "'ship' is not in the answer.",
        "It does not pass the filter: price < 25.",
        "caption ×1: similarity 1, exact rank 1; it would be among the 100 candidates.",
        "filter: fails price < 25",
        'filter: passes kind != "toy"',
    ]


def test_an_item_that_is_used(client: Client) -> None:
    by_item = search_request(NAME, item_id="mug", where="price > 5")
    assert outcomes(client.explain(by_item, "mug")) == ["USED_AS_INPUT", "FILTERED_OUT"]
    parts = [part(text="sea"), part(item_id="boat", weight=-0.5)]
    composed = search_request(NAME, composed=parts, weights={"caption": 1})
    assert outcomes(client.explain(composed, "boat")) == ["USED_AS_INPUT"]
    answer = client.explain(composed, "ship")
    assert answer.outcome == ExplainResponse.OUTCOME_IN_ANSWER
    [score] = answer.hit.vector_scores
    assert sum(score.part_shares) == pytest.approx(score.similarity, abs=1e-4)
    liked = recommend_request(NAME, positives=examples(item_ids=["tea"]), strategy="best_score")
    assert outcomes(client.explain(liked, "tea")) == ["USED_AS_INPUT"]


def test_candidates_thresholds_and_pages(client: Client) -> None:
    one = search_request(
        NAME, text=SAID["tea"], vectors=[leg("caption", candidate_count=1)], fusion=max_score()
    )
    assert outcomes(client.explain(one, "mug")) == ["OUTSIDE_CANDIDATES"]
    [explained] = client.explain(one, "mug").legs
    assert explained.least_candidate_count == explained.exact_rank > 1
    high = search_request(NAME, text=SAID["tea"], vectors=[leg("caption", score_threshold=0.99)])
    assert outcomes(client.explain(high, "boat")) == ["BELOW_LEG_THRESHOLD"]
    assert "below the leg's threshold of 0.99" in explanation_text(client.explain(high, "boat"))
    both = search_request(
        NAME,
        text=SAID["tea"],
        weights={"caption": 1},
        fusion=max_score(),
        score_threshold=0.9,
        offset=1,
        limit=1,
    )
    least = client.explain(both, "boat")
    assert outcomes(least)[0] == "BELOW_SCORE_THRESHOLD"
    assert least.ranked_count == 1
    assert least.score_threshold == 0.9
    first = client.explain(both, "tea")
    assert outcomes(first) == ["OUTSIDE_PAGE"]
    assert (
        explanation_text(first).splitlines()[1] == "Its rank 1 is not on the page of ranks 2 to 2."
    )


def test_a_leg_of_weight_0_brings_nothing_in(client: Client) -> None:
    request = search_request(
        NAME, text="tea", vectors=[leg("image", weight=0), leg("caption", weight=1)]
    )
    answer = client.explain(request, "sign")
    image, _ = answer.legs
    assert (list(image.causes), image.score.rank, image.exact_rank) == ([], 1, 1)
    assert outcomes(answer) == ["NO_SUCH_VECTOR"]


def test_discoveries_and_contexts(client: Client) -> None:
    sides = (query_input(text="sea"), query_input(text="a cup"))
    target = query_input(text=SAID["boat"])
    weights = [vector_weight("caption", candidate_count=2)]
    discovery = discover_request(NAME, target=target, pairs=[sides], vectors=weights)
    found = client.discover(NAME, target=target, pairs=[sides], vectors=weights)
    answer = client.explain(discovery, found.hits[0].item.id)
    assert answer.hit == found.hits[0]
    assert answer.legs[0].score.pairs
    left_out = next(name for name in SAID if name not in {hit.item.id for hit in found.hits})
    answer = client.explain(discovery, left_out)
    assert outcomes(answer) == ["OUTSIDE_CANDIDATES"]
    assert answer.legs[0].exact_rank > 2
    assert answer.legs[0].score.HasField("target_similarity")
    context = context_search_request(NAME, pairs=[sides], weights={"caption": 1})
    # Both are on the right side, so their ids decide.
    ranks = {client.explain(context, name).hit.rank for name in ("boat", "ship")}
    assert ranks == {1, 2}
    for name in ("boat", "ship"):
        answer = client.explain(context, name)
        assert answer.legs[0].exact_rank == answer.hit.rank
        assert answer.legs[0].least_candidate_count == 2


def test_ranks_are_counted_so_far_and_no_further(client: Client) -> None:
    space = VectorSpace(
        name="height",
        sources=[VectorSpace.SOURCE_SUPPLIED],
        dimension=1,
        distance=VectorSpace.DISTANCE_DOT,
    )
    client.create_collection("explain-many", vector_spaces=[space])
    numbers = range(1, 10_003)
    client.upsert("explain-many", [make_item(f"i{n}", vectors={"height": [n]}) for n in numbers])
    request = search_request("explain-many", vector=[1.0], limit=1)
    for name, rank in (("i10002", 1), ("i10001", 2), ("i3", 10_000), ("i2", None), ("i1", None)):
        [explained] = client.explain(request, name).legs
        assert explained.beyond_ranks == (rank is None)
        assert explained.HasField("exact_rank") == (rank is not None)
        assert explained.exact_rank == explained.least_candidate_count == (rank or 0)
    without = search_request("explain-many", vector=[1.0], where='NOT ID IN ("i10002", "i1")')
    [explained] = client.explain(without, "i1").legs
    assert explained.exact_rank == 10_001
    client.delete_collection("explain-many")


def test_an_item_that_is_not_there(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.explain(search_request(NAME, text="tea"), "never")
    assert caught.value.reason == "ITEM_NOT_FOUND"
    assert caught.value.message.startswith("item_id: ")
