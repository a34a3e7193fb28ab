"""Every fusion against the oracle, on random data, and what must hold of each."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support import oracle
from tests.support.oracle import OracleLeg
from triptych_server.domain.fusion import (
    Fusion,
    LegPart,
    LegScores,
    MaxScore,
    MinScore,
    Ranking,
    ReciprocalRank,
    WeightedSum,
    fuse,
    score_range,
)
from triptych_server.domain.normalization import DistributionBounds, MinMaxBounds, Normalization

IDS = [f"{n:02d}" for n in range(12)]
# Few distinct similarities, so that ties are common.
SIMILARITIES = st.one_of(
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    st.floats(-1, 1, allow_nan=False, width=32, allow_subnormal=False),
)
WEIGHTS = st.sampled_from([0.0, 0.5, 1.0, 3.0, 1000.0])
THRESHOLDS = st.one_of(st.none(), st.sampled_from([-1.0, 0.0, 0.25, 0.4, 1.0]))
BY_SIMILARITY: list[Fusion] = [
    method(normalization)
    for method in (WeightedSum, MaxScore, MinScore)
    for normalization in Normalization
]
FUSIONS: list[Fusion] = [ReciprocalRank(0.0), ReciprocalRank(), ReciprocalRank(60.0)]
FUSIONS += BY_SIMILARITY
NAMES = {WeightedSum: "weighted_sum", MaxScore: "max_score", MinScore: "min_score"}
fusions = st.sampled_from(FUSIONS)


@st.composite
def legs(draw: st.DrawFn) -> list[OracleLeg]:
    made = []
    for _ in range(draw(st.integers(1, 5))):
        threshold = draw(THRESHOLDS)
        made.append(
            OracleLeg(
                weight=draw(WEIGHTS),
                candidate_count=draw(st.integers(1, 14)),
                similarities=draw(st.dictionaries(st.sampled_from(IDS), SIMILARITIES, max_size=12)),
                threshold=-math.inf if threshold is None else threshold,
            )
        )
    assume(any(leg.weight for leg in made))
    return made


def as_stored(made: list[OracleLeg]) -> list[LegScores]:
    """What the service knows: each leg's candidates, and exact scores of all of them."""
    own = []
    for leg in made:
        ordered = sorted(leg.similarities, key=lambda i, leg=leg: (-leg.similarities[i], i))  # type: ignore[misc]
        own.append(ordered[: leg.candidate_count])
    completed = {item for found in own for item in found}
    return [
        LegScores(
            leg.weight,
            found,
            {i: s for i, s in leg.similarities.items() if i in completed},
            None if leg.threshold == -math.inf else leg.threshold,
        )
        for leg, found in zip(made, own, strict=True)
    ]


@dataclass(frozen=True)
class Told:
    """A fused item with what each leg says of it."""

    id: str
    score: float
    parts: tuple[LegPart, ...]


def tell(ranking: Ranking) -> list[Told]:
    return [Told(f.id, f.score, ranking.parts(f.id)) for f in ranking.items]


def expected_of(
    made: list[OracleLeg], fusion: Fusion, threshold: float | None = None
) -> oracle.OracleRanking:
    least = -math.inf if threshold is None else threshold
    if isinstance(fusion, ReciprocalRank):
        return oracle.fuse(made, k=fusion.k, threshold=least)
    by = fusion.normalization.value
    return oracle.fuse(made, NAMES[type(fusion)], normalization=by, threshold=least)


def close_scores(ranking: oracle.OracleRanking) -> bool:
    """Whether two scores differ by no more than rounding, so that their order says nothing."""
    scores = [hit.score for hit in ranking.hits]
    return any(0 < a - b < 1e-9 for a, b in itertools.pairwise(scores))


@given(legs(), fusions)
def test_agrees_with_the_oracle(made: list[OracleLeg], fusion: Fusion) -> None:
    expected = expected_of(made, fusion)
    ranking = fuse(as_stored(made), fusion)
    assert ranking.found == expected.found
    for bounds, known in zip(ranking.bounds, expected.bounds, strict=True):
        assert _pair(bounds) == (known if known is None else pytest.approx(known, abs=1e-12))
    assert {f.id for f in ranking.items} == {hit.id for hit in expected.hits}
    if not close_scores(expected):
        assert [f.id for f in ranking.items] == [hit.id for hit in expected.hits]
    by_id = {f.id: f for f in tell(ranking)}
    for hit in expected.hits:
        got = by_id[hit.id]
        assert got.score == pytest.approx(hit.score, abs=1e-9)
        for part, known_part in zip(got.parts, hit.parts, strict=True):
            assert part.similarity == known_part.similarity
            assert part.rank == known_part.rank
            has = part.similarity is not None
            assert part.below_threshold == (has and not known_part.counts)
            level = None if isinstance(fusion, ReciprocalRank) else known_part.normalized
            assert part.normalized == (None if level is None else pytest.approx(level, abs=1e-9))
        shares = [p.contribution for p in got.parts]
        known_shares = [p.contribution for p in hit.parts]
        if isinstance(fusion, MaxScore | MinScore):  # which of two wins may hang on rounding
            shares, known_shares = sorted(shares), sorted(known_shares)
        assert shares == pytest.approx(known_shares, abs=1e-9)


@given(legs(), fusions)
def test_the_order_is_that_of_score_and_id(made: list[OracleLeg], fusion: Fusion) -> None:
    items = fuse(as_stored(made), fusion).items
    assert list(items) == sorted(items, key=lambda f: (-f.score, f.id))


def _pair(bounds: object) -> tuple[float, float] | None:
    if isinstance(bounds, MinMaxBounds):
        return bounds.min, bounds.max
    return (bounds.mean, bounds.sigma) if isinstance(bounds, DistributionBounds) else None


@given(legs(), fusions)
def test_contributions_add_up(made: list[OracleLeg], fusion: Fusion) -> None:
    for item in tell(fuse(as_stored(made), fusion)):
        added = math.fsum(p.contribution for p in item.parts)
        assert added == pytest.approx(item.score, abs=1e-9)
        for part, leg in zip(item.parts, made, strict=True):
            if part.similarity is None or part.below_threshold or not leg.weight:
                assert part.contribution == 0.0
        if isinstance(fusion, MaxScore | MinScore):
            assert sum(p.contribution != 0 for p in item.parts) <= 1


@given(legs(), fusions)
def test_scores_are_in_their_range(made: list[OracleLeg], fusion: Fusion) -> None:
    possible = score_range(fusion, [leg.weight for leg in made], (-1.0, 1.0))
    assert possible is not None
    for item in tell(fuse(as_stored(made), fusion)):
        assert possible[0] <= item.score <= possible[1]
        for part in item.parts:
            if part.normalized is not None and fusion not in _PLAIN:
                assert 0 <= part.normalized <= 1


_PLAIN = [method(Normalization.NONE) for method in (WeightedSum, MaxScore, MinScore)]


@pytest.mark.parametrize("fusion", FUSIONS, ids=repr)
def test_the_range_is_reached(fusion: Fusion) -> None:
    """An item that is best everywhere has the largest score: no smaller range would do."""
    weights = [0.1, 0.2, 0.7, 3.0]
    similarities = {"best": 1.0, **{f"z{n:02d}": 0.0 for n in range(60)}}
    scores = [LegScores(w, list(similarities), similarities) for w in weights]
    first = fuse(scores, fusion).items[0]
    if isinstance(fusion, MinScore):
        largest = min(weights)
    else:
        possible = score_range(fusion, weights, (-1.0, 1.0))
        assert possible is not None
        largest = possible[1]
    assert (first.id, first.score) == ("best", largest)


def test_a_dot_product_knows_no_range() -> None:
    assert score_range(WeightedSum(Normalization.NONE), [1.0], None) is None
    assert score_range(WeightedSum(), [1.0], None) == (0.0, 1.0)


@given(legs(), fusions)
def test_the_order_of_candidates_does_not_matter(made: list[OracleLeg], fusion: Fusion) -> None:
    scores = as_stored(made)
    shuffled = [
        replace(
            s,
            candidates=list(s.candidates)[::-1],
            similarities=dict(reversed(list(s.similarities.items()))),
        )
        for s in scores
    ]
    one, other = fuse(scores, fusion), fuse(shuffled, fusion)
    assert tell(one) == tell(other)
    assert one.bounds == other.bounds


@given(legs(), fusions, st.randoms(use_true_random=False))
def test_the_order_of_legs_moves_no_score(
    made: list[OracleLeg], fusion: Fusion, random: object
) -> None:
    scores = as_stored(made)
    places = list(range(len(scores)))
    random.shuffle(places)  # type: ignore[attr-defined]
    one = {f.id: f.score for f in fuse(scores, fusion).items}
    other = {f.id: f.score for f in fuse([scores[p] for p in places], fusion).items}
    assert other == pytest.approx(one, abs=1e-9)


@given(legs(), fusions)
def test_legs_of_weight_zero_move_nothing(made: list[OracleLeg], fusion: Fusion) -> None:
    scores = as_stored(made)
    heard = [s for s in scores if s.weight]
    with_all, without = fuse(scores, fusion).items, fuse(heard, fusion).items
    assert [(f.id, f.score) for f in with_all] == [(f.id, f.score) for f in without]


@given(legs(), fusions, st.sampled_from(IDS), st.floats(1 / 64, 1, width=32))
def test_more_similar_is_never_worse(
    made: list[OracleLeg], fusion: Fusion, item: str, more: float
) -> None:
    """An item that gains on one leg, within what that leg has seen, keeps or gains its score."""
    scores = as_stored(made)
    before = {f.id: f.score for f in fuse(scores, fusion).items}
    assume(item in before)
    leg = next((s for s in scores if s.weight and item in s.similarities), None)
    assert leg is not None
    raised = min(leg.similarities[item] + more, max(leg.similarities.values()))
    changed = replace(leg, similarities={**leg.similarities, item: raised})
    after = fuse([changed if s is leg else s for s in scores], fusion)
    # Other bounds are another scale, on which nothing can be compared; and what begins to count may
    # count against the item.
    assume(fuse(scores, fusion).bounds == after.bounds)
    assume(leg.accepts(leg.similarities[item]))
    assert {f.id: f.score for f in after.items}[item] >= before[item] - 1e-12


@given(legs(), fusions, st.floats(-1, 2))
def test_a_threshold_cuts_the_tail(made: list[OracleLeg], fusion: Fusion, least: float) -> None:
    scores = as_stored(made)
    whole, cut = fuse(scores, fusion), fuse(scores, fusion, threshold=least)
    assert cut.items == tuple(f for f in whole.items if f.score >= least)
    assert (cut.found, cut.bounds) == (whole.found, whole.bounds)


def test_equal_scores_are_ordered_by_id() -> None:
    one = LegScores(1.0, ["b"], {"b": 0.5})
    other = LegScores(1.0, ["a"], {"a": 0.1})
    for fusion in FUSIONS:
        if fusion not in _PLAIN:
            assert [f.id for f in fuse([one, other], fusion).items] == ["a", "b"], fusion


def test_equal_similarities_are_ranked_by_id() -> None:
    leg = LegScores(1.0, ["b", "a"], {"a": 0.5, "b": 0.5})
    ranked = tell(fuse([leg], ReciprocalRank()))
    assert [(f.id, f.parts[0].rank) for f in ranked] == [("a", 1), ("b", 2)]


def test_a_completed_item_has_a_similarity_and_no_rank() -> None:
    image = LegScores(1.0, ["a"], {"a": 0.9, "b": 0.2})
    caption = LegScores(1.0, ["b"], {"b": 0.7})
    ranked = {f.id: f for f in tell(fuse([image, caption], ReciprocalRank()))}
    assert ranked["b"].parts[0].similarity == 0.2
    assert ranked["b"].parts[0].rank is None
    assert ranked["b"].parts[0].contribution == 0.0
    assert ranked["a"].parts[1].similarity is None


def test_a_completed_item_counts_by_its_similarity() -> None:
    """The other methods do not ask who brought an item in."""
    image = LegScores(1.0, ["a"], {"a": 0.9, "b": 0.2})
    caption = LegScores(1.0, ["b"], {"b": 0.7})
    ranked = {f.id: f for f in fuse([image, caption], WeightedSum(Normalization.NONE)).items}
    assert ranked["b"].score == pytest.approx((0.2 + 0.7) / 2)
    assert ranked["a"].score == pytest.approx(0.9 / 2)


def test_a_leg_of_weight_zero_shows_and_brings_nothing_in() -> None:
    loud = LegScores(1.0, ["a", "b"], {"a": 0.9, "b": 0.1})
    mute = LegScores(0.0, ["c", "b", "a"], {"c": 1.0, "b": 0.9, "a": 0.1})
    for fusion in FUSIONS:
        ranked = tell(fuse([loud, mute], fusion))
        assert [f.id for f in ranked] == ["a", "b"], fusion
        assert (ranked[1].parts[1].rank, ranked[1].parts[1].similarity) == (2, 0.9)
        assert ranked[1].parts[1].contribution == 0.0


def test_a_candidate_that_was_deleted_meanwhile_is_left_out() -> None:
    ranking = fuse([LegScores(1.0, ["gone", "a"], {"a": 0.3})], ReciprocalRank())
    assert [(f.id, f.parts[0].rank) for f in tell(ranking)] == [("a", 1)]
    assert ranking.found == (1,)


def test_below_the_threshold_of_one_leg_an_item_lives_by_the_others() -> None:
    image = LegScores(1.0, ["a", "b"], {"a": 0.9, "b": 0.2, "c": 0.1}, threshold=0.5)
    caption = LegScores(1.0, ["b", "c"], {"b": 0.7, "c": 0.6})
    ranking = fuse([image, caption], WeightedSum())
    assert ranking.bounds == (MinMaxBounds(0.9, 0.9), MinMaxBounds(0.6, 0.7))
    assert ranking.found == (1, 2)
    parts = {f.id: f.parts[0] for f in tell(ranking)}
    assert parts.keys() == {"a", "b", "c"}
    assert parts["b"].below_threshold
    assert (parts["b"].similarity, parts["b"].rank, parts["b"].contribution) == (0.2, None, 0.0)
    assert parts["b"].normalized is None


def test_what_no_leg_accepts_is_not_there() -> None:
    leg = LegScores(1.0, ["a", "b"], {"a": 0.9, "b": 0.2}, threshold=0.95)
    ranking = fuse([leg], MaxScore())
    assert ranking.items == ()
    assert (ranking.found, ranking.bounds) == ((0,), (None,))


@pytest.mark.parametrize("fusion", [MaxScore(), MinScore()], ids=repr)
def test_the_first_of_equals_wins(fusion: Fusion) -> None:
    leg = LegScores(2.0, ["a"], {"a": 0.3})
    (item,) = tell(fuse([leg, leg], fusion))
    assert [p.contribution for p in item.parts] == [1.0, 0.0]


def test_max_and_min_ask_only_the_legs_that_know_the_item() -> None:
    image = LegScores(1.0, ["a", "b"], {"a": 0.9, "b": 0.5})
    caption = LegScores(0.5, ["a"], {"a": 0.4})
    plain = Normalization.NONE
    most = {f.id: f.score for f in fuse([image, caption], MaxScore(plain)).items}
    least = {f.id: f.score for f in fuse([image, caption], MinScore(plain)).items}
    assert (most, least) == ({"a": 0.9, "b": 0.5}, {"a": 0.2, "b": 0.5})


def test_equal_numbers_have_no_spread() -> None:
    """The mean of three 0.1 is not 0.1, and n would be 1/3."""
    same = dict.fromkeys("abc", 0.1)
    ranking = fuse([LegScores(1.0, list(same), same)], WeightedSum(Normalization.DISTRIBUTION))
    assert ranking.bounds == (DistributionBounds(0.1, 0.0),)
    assert [f.score for f in ranking.items] == [0.5, 0.5, 0.5]


def test_far_off_is_clipped() -> None:
    values = {f"{n:02d}": 0.0 for n in range(50)} | {"far": 1.0}
    ranking = fuse([LegScores(1.0, list(values), values)], WeightedSum(Normalization.DISTRIBUTION))
    assert (ranking.items[0].id, ranking.items[0].score) == ("far", 1.0)
    (bounds,) = ranking.bounds
    assert isinstance(bounds, DistributionBounds)
    assert (1.0 - bounds.mean + 3 * bounds.sigma) / (6 * bounds.sigma) > 1
