"""Reciprocal rank fusion against the oracle, on random data."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.oracle import OracleLeg
from tests.support.oracle import reciprocal_rank as expected_ranking
from triptych_server.domain.fusion import Fused, LegScores, reciprocal_rank

IDS = [f"{n:02d}" for n in range(12)]
# Few distinct similarities, so that ties are common.
SIMILARITIES = st.one_of(
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    st.floats(-1, 1, allow_nan=False, width=32),
)


@st.composite
def legs(draw: st.DrawFn) -> list[OracleLeg]:
    count = draw(st.integers(1, 5))
    return [
        OracleLeg(
            weight=draw(st.sampled_from([0.0, 0.5, 1.0, 3.0, 1000.0])),
            candidate_count=draw(st.integers(1, 14)),
            similarities=draw(st.dictionaries(st.sampled_from(IDS), SIMILARITIES, max_size=12)),
        )
        for _ in range(count)
    ]


def _as_store_answers(leg: OracleLeg, union: set[str]) -> LegScores:
    """What the service knows of a leg: its candidates, and exact scores for the union alone."""
    ordered = sorted(leg.similarities, key=lambda i: (-leg.similarities[i], i))
    known = {i: s for i, s in leg.similarities.items() if i in union}
    return LegScores(leg.weight, ordered[: leg.candidate_count], known)


def _union(made: list[OracleLeg]) -> set[str]:
    found: set[str] = set()
    for leg in made:
        ordered = sorted(leg.similarities, key=lambda i: (-leg.similarities[i], i))
        found.update(ordered[: leg.candidate_count])
    return found


@given(legs(), st.sampled_from([0.0, 2.0, 60.0]))
def test_agrees_with_the_oracle(made: list[OracleLeg], k: float) -> None:
    union = _union(made)
    fused = reciprocal_rank([_as_store_answers(leg, union) for leg in made], k)
    expected = expected_ranking(made, k, limit=100)
    assert [f.id for f in fused] == [hit.id for hit in expected]
    for got, hit in zip(fused, expected, strict=True):
        assert got.score == pytest.approx(hit.score, abs=1e-9)
        assert [(p.similarity, p.rank) for p in got.parts] == [p[:2] for p in hit.parts]
        for part, (_, _, contribution) in zip(got.parts, hit.parts, strict=True):
            assert part.contribution == pytest.approx(contribution, abs=1e-12)


@given(legs(), st.sampled_from([0.0, 2.0, 60.0]))
def test_contributions_add_up(made: list[OracleLeg], k: float) -> None:
    union = _union(made)
    for item in reciprocal_rank([_as_store_answers(leg, union) for leg in made], k):
        assert math.fsum(p.contribution for p in item.parts) == pytest.approx(item.score, abs=1e-9)


@given(legs())
def test_the_order_of_candidates_does_not_matter(made: list[OracleLeg]) -> None:
    union = _union(made)
    scores = [_as_store_answers(leg, union) for leg in made]
    shuffled = [LegScores(s.weight, list(s.candidates)[::-1], s.similarities) for s in scores]
    assert reciprocal_rank(scores) == reciprocal_rank(shuffled)


def test_equal_scores_are_ordered_by_id() -> None:
    one = LegScores(1.0, ["b"], {"b": 0.5})
    other = LegScores(1.0, ["a"], {"a": 0.1})
    assert [f.id for f in reciprocal_rank([one, other])] == ["a", "b"]


def test_equal_similarities_are_ranked_by_id() -> None:
    ranked = reciprocal_rank([LegScores(1.0, ["b", "a"], {"a": 0.5, "b": 0.5})])
    assert [(f.id, f.parts[0].rank) for f in ranked] == [("a", 1), ("b", 2)]


def test_a_completed_item_has_a_similarity_and_no_rank() -> None:
    image = LegScores(1.0, ["a"], {"a": 0.9, "b": 0.2})
    caption = LegScores(1.0, ["b"], {"b": 0.7})
    ranked = {f.id: f for f in reciprocal_rank([image, caption])}
    assert ranked["b"].parts[0].similarity == 0.2
    assert ranked["b"].parts[0].rank is None
    assert ranked["b"].parts[0].contribution == 0.0
    assert ranked["a"].parts[1].similarity is None


def test_a_leg_of_weight_zero_shows_and_moves_nothing() -> None:
    loud = LegScores(1.0, ["a", "b"], {"a": 0.9, "b": 0.1})
    mute = LegScores(0.0, ["b", "a"], {"b": 0.9, "a": 0.1})
    ranked: list[Fused] = reciprocal_rank([loud, mute])
    assert [f.id for f in ranked] == ["a", "b"]
    assert ranked[1].parts[1].rank == 1
    assert ranked[1].parts[1].contribution == 0.0


def test_a_candidate_that_was_deleted_meanwhile_is_left_out() -> None:
    ranked = reciprocal_rank([LegScores(1.0, ["gone", "a"], {"a": 0.3})])
    assert [(f.id, f.parts[0].rank) for f in ranked] == [("a", 1)]
