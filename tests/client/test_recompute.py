"""`recompute` agrees with what the service fuses, and finds whatever was changed in it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from triptych import Fusion, ScoreMismatch, SearchResponse, VectorScore, recompute
from triptych_server.domain.fusion import Fusion as DomainFusion
from triptych_server.domain.fusion import (
    LegScores,
    MaxScore,
    MinScore,
    ReciprocalRank,
    WeightedSum,
    fuse,
)
from triptych_server.domain.normalization import MinMaxBounds, Normalization
from triptych_server.wire.fusion import render_fusion

PLAIN = Normalization.NONE
IDS = [f"{n:02d}" for n in range(10)]
FUSIONS: list[DomainFusion] = [
    ReciprocalRank(),
    ReciprocalRank(60.0),
    *(
        method(normalization)
        for method in (WeightedSum, MaxScore, MinScore)
        for normalization in Normalization
    ),
]


def scores(seed: int) -> list[LegScores]:
    """What some legs know of ten items, with ties; one seed, so that drawing it is quick."""
    rng = random.Random(seed)
    made = []
    for place in range(rng.randint(1, 4)):
        known = {
            item: rng.choice([0.25, 1.0, rng.uniform(-1, 1), rng.uniform(-1, 1)])
            for item in rng.sample(IDS, rng.randint(4, 10))
        }
        made.append(
            LegScores(
                rng.choice([0.5, 1.0, 7.0, 0.0]) if place else 1.0,
                rng.sample(sorted(known), rng.randint(3, len(known))),
                known,
                rng.choice([None, None, None, 0.0, 0.25]),
            )
        )
    return made


def answered(legs: list[LegScores], fusion: DomainFusion, offset: int = 0) -> SearchResponse:
    """The answer of a search over these scores, of at most five hits."""
    ranking = fuse(legs, fusion)
    response = SearchResponse(fusion=render_fusion(fusion))
    for place, (leg, found, bounds) in enumerate(
        zip(legs, ranking.found, ranking.bounds, strict=True)
    ):
        made = response.legs.add(vector_name=f"leg-{place}", weight=leg.weight)
        made.candidates_found = found
        if leg.threshold is not None:
            made.score_threshold = leg.threshold
        if isinstance(bounds, MinMaxBounds):
            made.min_max.min, made.min_max.max = bounds.min, bounds.max
        elif bounds is not None:
            made.distribution.mean, made.distribution.sigma = bounds.mean, bounds.sigma
    for rank, item in enumerate(ranking.items[offset : offset + 5], start=offset + 1):
        hit = response.hits.add(rank=rank, score=item.score)
        hit.item.id, hit.item.point_id = f"item-{item.id}", item.id
        for part in ranking.parts(item.id):
            state = VectorScore.STATE_SCORED
            if part.similarity is None:
                state = VectorScore.STATE_NO_SUCH_VECTOR
            elif part.below_threshold:
                state = VectorScore.STATE_BELOW_THRESHOLD
            hit.vector_scores.add(
                state=state,
                similarity=part.similarity,
                rank=part.rank,
                normalized_score=part.normalized,
                contribution=part.contribution,
            )
    return response


def drawn(fusions: list[DomainFusion]) -> st.SearchStrategy[SearchResponse]:
    legs = st.integers(0, 2**32).map(scores)
    made = st.builds(answered, legs, st.sampled_from(fusions), st.sampled_from([0, 0, 1]))
    return made.filter(lambda answer: len(answer.hits) > 1)


answers = drawn(FUSIONS)
answers_by_place = drawn([f for f in FUSIONS if isinstance(f, ReciprocalRank)])
answers_by_similarity = drawn([f for f in FUSIONS if not isinstance(f, ReciprocalRank)])
answers_by_bounds = drawn([f for f in FUSIONS if getattr(f, "normalization", PLAIN) is not PLAIN])


@given(answers)
def test_an_answer_is_recomputed_to_the_last_bit(answer: SearchResponse) -> None:
    hits = recompute(SearchResponse.FromString(answer.SerializeToString()))
    assert [(h.item_id, h.rank, h.score) for h in hits] == [
        (hit.item.id, hit.rank, hit.score) for hit in answer.hits
    ]
    for mine, hit in zip(hits, answer.hits, strict=True):
        assert mine.contributions == tuple(s.contribution for s in hit.vector_scores)
        assert mine.normalized_scores == tuple(
            s.normalized_score if s.HasField("normalized_score") else None
            for s in hit.vector_scores
        )


def differences(answer: SearchResponse) -> list[tuple[int | None, int | None, str]]:
    with pytest.raises(ScoreMismatch) as caught:
        recompute(answer)
    assert str(caught.value.differences[0]) in str(caught.value)
    return [(d.hit, d.leg, d.field) for d in caught.value.differences]


def places(answer: SearchResponse, *, counts: bool = False) -> Iterator[tuple[int, int]]:
    """Where the answer has scores, or those alone that count."""
    for place, hit in enumerate(answer.hits):
        for leg, score in enumerate(hit.vector_scores):
            if not counts or score.state == VectorScore.STATE_SCORED:
                yield place, leg


AMOUNTS = st.sampled_from([1e-6, -1e-6, 0.5, -3.0, math.nan, math.inf])


@given(answers, AMOUNTS, st.data())
def test_a_changed_score_is_found(
    answer: SearchResponse, amount: float, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(answer.hits) - 1))
    answer.hits[place].score += amount
    assert (place, None, "score") in differences(answer)


@given(answers, AMOUNTS, st.data())
def test_a_changed_contribution_is_found(
    answer: SearchResponse, amount: float, data: st.DataObject
) -> None:
    place, leg = data.draw(st.sampled_from(list(places(answer))))
    answer.hits[place].vector_scores[leg].contribution += amount
    assert differences(answer) == [(place, leg, "contribution")]


@given(answers, AMOUNTS, st.booleans(), st.data())
def test_a_changed_normalized_score_is_found(
    answer: SearchResponse, amount: float, clear: bool, data: st.DataObject
) -> None:
    place, leg = data.draw(st.sampled_from(list(places(answer))))
    score = answer.hits[place].vector_scores[leg]
    if score.HasField("normalized_score") and clear:
        score.ClearField("normalized_score")
    else:
        score.normalized_score += amount
    assert differences(answer) == [(place, leg, "normalized_score")]


@given(answers, st.data())
def test_a_changed_order_is_found(answer: SearchResponse, data: st.DataObject) -> None:
    """Even where the ranks are changed with it."""
    place = data.draw(st.integers(0, len(answer.hits) - 2))
    one, other = answer.hits[place], answer.hits[place + 1]
    kept = SearchResponse(hits=[one]).hits[0]
    one.CopyFrom(other)
    other.CopyFrom(kept)
    one.rank, other.rank = other.rank, one.rank
    assert {(place, None, "item"), (place + 1, None, "item")} <= set(differences(answer))


@given(answers, st.data())
def test_a_changed_place_is_found(answer: SearchResponse, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(answer.hits) - 1))
    answer.hits[place].rank += 1
    assert differences(answer) == [(place, None, "rank")]


@given(answers, st.data())
def test_a_changed_weight_is_found(answer: SearchResponse, data: st.DataObject) -> None:
    """Where it matters: a leg that wins nowhere may have less, and a lone one any weight."""
    mattering = {
        leg
        for place, leg in places(answer)
        if answer.hits[place].vector_scores[leg].contribution != 0
    }
    lone = sum(leg.weight > 0 for leg in answer.legs) == 1
    assume(mattering and not (answer.fusion.HasField("weighted_sum") and lone))
    leg = data.draw(st.sampled_from(sorted(mattering)))
    answer.legs[leg].weight *= 2
    assert "contribution" in {field for _, _, field in differences(answer)}


@given(answers_by_place)
def test_another_k_is_found(answer: SearchResponse) -> None:
    answer.fusion.reciprocal_rank.k += 1
    assert "score" in {field for _, _, field in differences(answer)}


@given(answers_by_similarity, st.sampled_from([0.125, -0.125]), st.data())
def test_a_changed_similarity_is_found(
    answer: SearchResponse, amount: float, data: st.DataObject
) -> None:
    """Of reciprocal rank only if the places of the hits no longer follow the similarities."""
    at = list(places(answer, counts=True))
    assume(at)
    place, leg = data.draw(st.sampled_from(at))
    score, bounds = answer.hits[place].vector_scores[leg], answer.legs[leg]
    assume(not bounds.HasField("distribution") or 0 < score.normalized_score < 1)
    assume(not bounds.HasField("distribution") or bounds.distribution.sigma > 0)
    score.similarity += amount
    found = differences(answer)
    assert {(place, leg, "normalized_score"), (place, leg, "similarity"), (place, leg, "state")} & {
        *found
    }


@given(answers_by_bounds, st.data())
def test_changed_bounds_are_found(answer: SearchResponse, data: st.DataObject) -> None:
    at = list(places(answer, counts=True))
    assume(at)
    place, leg = data.draw(st.sampled_from(at))
    score, bounds = answer.hits[place].vector_scores[leg], answer.legs[leg]
    if bounds.HasField("min_max"):
        if score.similarity == bounds.min_max.min != bounds.min_max.max:
            bounds.min_max.min -= 1
        else:
            bounds.min_max.max += 1
    else:
        assume(bounds.distribution.sigma > 0 and 0 < score.normalized_score < 1)
        bounds.distribution.mean += bounds.distribution.sigma
    assert (place, leg, "normalized_score") in differences(answer)


def test_missing_and_foreign_bounds_are_found() -> None:
    answer = answered([LegScores(1.0, ["a", "b"], {"a": 0.5, "b": 0.1})], WeightedSum())
    answer.legs[0].ClearField("min_max")
    assert (None, 0, "normalization_bounds") in differences(answer)
    answer = answered([LegScores(1.0, ["a"], {"a": 0.5})], ReciprocalRank())
    answer.legs[0].min_max.max = 1
    assert differences(answer) == [(None, 0, "normalization_bounds")]


LEGS = [
    LegScores(1.0, ["a", "b", "c"], {"a": 0.9, "b": 0.5, "c": 0.1}, threshold=0.2),
    LegScores(2.0, ["c", "a"], {"c": 0.8, "a": 0.3}),
]


def _state(answer: SearchResponse) -> None:
    answer.hits[0].vector_scores[0].state = VectorScore.STATE_SCORED


def _threshold(answer: SearchResponse) -> None:
    answer.legs[0].score_threshold = 0.05


def _rank_of_none(answer: SearchResponse) -> None:
    answer.hits[0].vector_scores[0].rank = 3


def _score_threshold(answer: SearchResponse) -> None:
    answer.score_threshold = answer.hits[0].score


def _no_fusion(answer: SearchResponse) -> None:
    answer.ClearField("fusion")


def _other_fusion(answer: SearchResponse) -> None:
    answer.fusion.max_score.normalization = Fusion.NORMALIZATION_MIN_MAX


def _leg_less(answer: SearchResponse) -> None:
    del answer.legs[1]


def _score_less(answer: SearchResponse) -> None:
    del answer.hits[1].vector_scores[1]


def _ranks_swapped(answer: SearchResponse) -> None:
    ranked = [h.vector_scores[1] for h in answer.hits if h.vector_scores[1].HasField("rank")]
    ranked[0].rank, ranked[1].rank = ranked[1].rank, ranked[0].rank


def _rank_beyond(answer: SearchResponse) -> None:
    ranked = [h.vector_scores[1] for h in answer.hits if h.vector_scores[1].HasField("rank")]
    ranked[1].rank = 3


def _no_weight(answer: SearchResponse) -> None:
    for leg in answer.legs:
        leg.weight = 0


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_state, (0, 0, "state")),
        (_threshold, (0, 0, "state")),
        (_rank_of_none, (0, 0, "rank")),
        (_score_threshold, (1, None, "score")),
        (_no_fusion, (None, None, "fusion")),
        (_other_fusion, (0, None, "score")),
        (_leg_less, (0, None, "vector_scores")),
        (_score_less, (1, None, "vector_scores")),
        (_ranks_swapped, (1, 1, "rank")),
        (_rank_beyond, (1, 1, "rank")),
        (_no_weight, (0, None, "score")),
    ],
)
def test_what_contradicts_itself_is_found(
    change: Callable[[SearchResponse], None], found: tuple[int | None, int | None, str]
) -> None:
    answer = answered(LEGS, WeightedSum())
    assert [hit.item.id for hit in answer.hits] == ["item-c", "item-a", "item-b"]
    change(answer)
    assert found in differences(answer)


def test_a_difference_says_where_and_what() -> None:
    answer = answered(LEGS, WeightedSum())
    answer.hits[0].vector_scores[1].contribution = 0.25
    with pytest.raises(ScoreMismatch) as caught:
        recompute(answer)
    (found,) = caught.value.differences
    assert (found.item_id, found.vector_name) == ("item-c", "leg-1")
    assert found.expected == pytest.approx(2 / 3)
    assert found.found == 0.25
    assert str(caught.value).startswith(
        "hits[0].vector_scores[1].contribution (item-c, leg-1): expected 0.66"
    )
    assert str(caught.value).endswith(", found 0.25")


def shared(shares: list[float], parts: int) -> SearchResponse:
    """An answer of one hit with similarity 0.5, asked with so many parts."""
    answer = answered([LegScores(1.0, ["a"], {"a": 0.5})], WeightedSum())
    answer.hits[0].vector_scores[0].part_shares.extend(shares)
    for _ in range(parts):
        answer.legs[0].parts.add(weight=1)
    return answer


@pytest.mark.parametrize("shares", [[0.5], [0.8, -0.3], [400.000002, -399.5], []])
def test_shares_that_add_up(shares: list[float]) -> None:
    assert len(recompute(shared(shares, len(shares) or 2))) == 1


@pytest.mark.parametrize(
    ("shares", "parts"),
    [([0.5], 2), ([0.5, 0.1], 2), ([0.8, -0.301], 2), ([0.5], 0), ([math.nan, 0.5], 2)],
)
def test_shares_that_do_not_are_found(shares: list[float], parts: int) -> None:
    assert differences(shared(shares, parts)) == [(0, 0, "part_shares")]


def test_shares_of_no_similarity_are_found() -> None:
    answer = answered([LegScores(1.0, ["a"], {"a": 0.5}), LegScores(1.0, [], {})], ReciprocalRank())
    answer.hits[0].vector_scores[1].part_shares.append(0.0)
    answer.legs[1].parts.add(weight=1)
    assert differences(answer) == [(0, 1, "part_shares")]


def test_an_answer_of_nothing_is_right() -> None:
    assert recompute(answered([LegScores(1.0, [], {})], WeightedSum())) == []


def test_a_page_counts_on() -> None:
    assert [hit.rank for hit in recompute(answered(LEGS, MaxScore(), 1))] == [2, 3]
