"""The scores of questions by examples: known values, bounds, and numpy."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import explore_oracle as oracle
from tests.support.stores import sparse
from triptych_server.domain.exploration import MARGIN, average, loss, score, side, span
from triptych_server.domain.questions import (
    ByExamples,
    Context,
    Discover,
    Pair,
    Recommend,
    Strategy,
    filled,
    mapped_examples,
    members,
)
from triptych_server.domain.vectors import SparseVector

NUMBERS = st.floats(-100, 100).map(lambda x: float(np.float32(x)))
MANY = st.lists(NUMBERS, max_size=5).map(tuple)
PAIRS = st.lists(st.builds(Pair, NUMBERS, NUMBERS), max_size=5).map(tuple)
RECOMMENDED = st.sampled_from([Strategy.BEST_SCORE, Strategy.SUM_SCORES])
QUESTIONS = st.one_of(
    st.builds(Recommend, RECOMMENDED, MANY, MANY).filter(lambda q: bool(members(q))),
    st.builds(Discover, NUMBERS, PAIRS),
    st.builds(Context, PAIRS),
)


@pytest.mark.parametrize(
    ("pairs", "rank"),
    [
        ([], 0),
        ([(10, 4)], 1),
        ([(4, 10)], -1),
        ([(11, 11)], 0),
        ([(10, 4), (4, 10)], 0),
        ([(10, 4), (4, 2)], 2),
        ([(4, 10), (2, 4)], -2),
        ([(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (0, 4)], 4),
    ],
)
def test_the_rank_of_a_discovery(pairs: list[tuple[float, float]], rank: int) -> None:
    """The cases of Qdrant's own tests."""
    question = Discover(42.0, tuple(Pair(*pair) for pair in pairs))
    assert sum(map(side, question.pairs)) == rank
    assert math.floor(score(question)) == rank
    assert score(question) - rank == pytest.approx(0.5 * (42 / 43 + 1))


def test_the_target_never_outweighs_a_pair() -> None:
    pairs = (Pair(1.0, 0.0),)
    assert score(Discover(-1000.0, pairs)) > score(Discover(1000.0, (Pair(0.0, 1.0),)))
    assert score(Discover(1000.0, ())) < 1


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [
        ([42], [4], 42),
        ([4], [42], -42),
        ([-1], [0], -0.0),
        ([0], [-1], 0),
        ([-42], [-84], -42),
        ([1, 2, 3], [4, 5, 6], -6),
        ([10, 2, 3], [4, 5, 6], 10),
        ([], [3], -3),
        ([3], [], 3),
        ([5], [5], -5),
    ],
)
def test_the_best_of_the_examples(
    positives: list[float], negatives: list[float], expected: float
) -> None:
    question = Recommend(Strategy.BEST_SCORE, tuple(positives), tuple(negatives))
    chosen = expected if score(question) > 0 else -expected
    wanted = 0.5 * (chosen / (1 + abs(chosen)) + 1)
    assert abs(score(question)) == pytest.approx(wanted)
    assert (score(question) > 0) == (max(positives, default=-1e9) > max(negatives, default=-1e9))


def test_the_loss_of_a_pair() -> None:
    assert loss(Pair(2.0, 1.0)) == 0
    assert loss(Pair(1.0, 1.0)) == pytest.approx(-MARGIN)
    assert loss(Pair(0.0, 1.0)) == pytest.approx(-0.5, abs=1e-6)


@given(QUESTIONS)
def test_scores_lie_within_their_span(question: ByExamples[float]) -> None:
    least, largest = span(mapped_examples(question, abs))
    assert least <= score(question) <= largest
    assert least <= 0 <= largest


def row(values: Iterable[float]) -> oracle.Floats:
    """One item's similarities."""
    return np.array([list(values)], np.float64).reshape(1, -1)


def defined(question: ByExamples[float]) -> oracle.Floats:
    """What the definitions say of one item."""
    match question:
        case Recommend(strategy, positives, negatives):
            by = oracle.best_score if strategy is Strategy.BEST_SCORE else oracle.sum_scores
            return by(row(positives), row(negatives))
        case Discover(target, pairs):
            nearer, farther = row(p.positive for p in pairs), row(p.negative for p in pairs)
            return oracle.discover(np.array([target]), nearer, farther)
        case Context(pairs):
            return oracle.context(row(p.positive for p in pairs), row(p.negative for p in pairs))


@given(QUESTIONS)
def test_scores_are_those_of_the_definitions(question: ByExamples[float]) -> None:
    assert score(question) == pytest.approx(float(defined(question)[0]), abs=1e-9)


@given(QUESTIONS)
def test_a_question_keeps_its_members_in_order(question: ByExamples[float]) -> None:
    places = list(range(len(members(question))))
    assert list(members(filled(question, places))) == places


def test_an_average_is_no_function_of_the_similarities() -> None:
    question = Recommend(Strategy.AVERAGE_VECTOR, (1.0,), ())
    for asked in (score, span):
        with pytest.raises(ValueError, match="average"):
            asked(question)


def test_averages_of_every_kind() -> None:
    one, two, against = (np.array(v, np.float32) for v in ([1, 0], [0, 1], [1, 1]))
    assert average([one, two], []).tolist() == [0.5, 0.5]  # type: ignore[union-attr]
    assert average([one, two], [against]).tolist() == [0, 0]  # type: ignore[union-attr]
    rows = average([np.stack([one, two]), two], [against[np.newaxis]])
    assert rows.tolist() == [[1, 0], [0, 1], [0, 1], [-1, -1]]  # type: ignore[union-attr]
    terms = average([sparse({1: 1.0, 2: 2.0}), sparse({2: 2.0})], [sparse({3: 1.0})])
    assert isinstance(terms, SparseVector)
    assert terms.indices.tolist() == [1, 2, 3]
    assert terms.values.tolist() == [1, 4, -1]
    with pytest.raises(ValueError, match="no average"):
        average([one, sparse({1: 1.0})], [])
