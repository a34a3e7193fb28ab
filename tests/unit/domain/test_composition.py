"""Parts put together: against the formula written out, and what must not matter to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from triptych_server.domain.composition import LEAST_LENGTH, CancelledOut, Composition, compose
from triptych_server.domain.vectors import FloatArray

WEIGHTS = st.one_of(
    st.sampled_from([1.0, -1.0, 2.0, 0.5, 1000.0, -1000.0]),
    st.floats(-1000, 1000).filter(lambda w: abs(w) > 1e-3),
)


@st.composite
def parts(draw: st.DrawFn) -> tuple[list[FloatArray], list[float]]:
    """1 to 16 vectors of one dimension and of any length, and as many weights."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = draw(st.lists(WEIGHTS, min_size=1, max_size=16))
    dimension = draw(st.integers(2, 40))
    length = draw(st.sampled_from([1e-12, 1.0, 1e12]))
    rows = rng.normal(size=(len(weights), dimension)) * length
    return list(rows.astype(np.float32)), weights


def composed(vectors: list[FloatArray], weights: list[float]) -> Composition:
    """What they make, where that is far enough from nothing to compare its digits."""
    rows = np.array(vectors, dtype=np.float64)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    total = np.array(weights) @ units
    assume(np.linalg.norm(total) > 0.05 * np.abs(weights).sum())
    return compose(vectors, weights)


@given(parts())
def test_the_formula_written_out(made: tuple[list[FloatArray], list[float]]) -> None:
    vectors, weights = made
    found = composed(vectors, weights)
    total = np.zeros(vectors[0].shape[0])
    for vector, weight in zip(vectors, weights, strict=True):
        values = np.array(vector.tolist())
        total += weight * values / np.sqrt((values * values).sum())
    expected = total / np.sqrt((total * total).sum())
    assert found.vector.dtype == np.float32
    assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(found.vector, expected, atol=1e-7)


@given(parts(), st.integers(0, 2**32))
def test_the_shares_add_up(made: tuple[list[FloatArray], list[float]], seed: int) -> None:
    vectors, weights = made
    found = composed(vectors, weights)
    values = np.random.default_rng(seed).normal(size=vectors[0].shape[0])
    stored = np.array(values / np.linalg.norm(values), dtype=np.float32)
    shares = found.shares(stored)
    assert len(shares) == len(weights)
    assert sum(shares) == pytest.approx(float(found.vector.astype(np.float64) @ stored), abs=1e-6)
    for share, vector, weight in zip(shares, vectors, weights, strict=True):
        leads = float(vector.astype(np.float64) @ stored) * weight
        assert share * leads > 0 or abs(share) < 1e-9


@given(parts(), st.integers(0, 2**32), st.integers(1, 6))
def test_of_a_multivector_the_nearest_row_is_compared(
    made: tuple[list[FloatArray], list[float]], seed: int, windows: int
) -> None:
    vectors, weights = made
    found = composed(vectors, weights)
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(windows, vectors[0].shape[0])).astype(np.float32)
    sums = [sum(found.shares(row)) for row in rows]
    assert found.shares(rows) == found.shares(rows[int(np.argmax(sums))])
    assert sum(found.shares(rows)) == pytest.approx(max(sums))


@given(parts(), st.sampled_from([1e-300, 1e-3, 0.1, 7.0, 1e3]))
def test_only_the_proportions_of_the_weights_count(
    made: tuple[list[FloatArray], list[float]], factor: float
) -> None:
    vectors, weights = made
    found = composed(vectors, weights)
    scaled = compose(vectors, [weight * factor for weight in weights])
    np.testing.assert_allclose(scaled.vector, found.vector, atol=1e-7)
    np.testing.assert_allclose(scaled.shares(vectors[0]), found.shares(vectors[0]), rtol=1e-9)


@given(parts(), st.sampled_from([1e-3, 0.5, 1e3]))
def test_the_lengths_of_the_parts_do_not_count(
    made: tuple[list[FloatArray], list[float]], factor: float
) -> None:
    vectors, weights = made
    found = composed(vectors, weights)
    longer = compose([vectors[0] * np.float32(factor), *vectors[1:]], weights)
    np.testing.assert_allclose(longer.vector, found.vector, atol=1e-5)


@given(parts(), st.randoms(use_true_random=False))
def test_the_order_of_the_parts_does_not_count(
    made: tuple[list[FloatArray], list[float]], chance: object
) -> None:
    vectors, weights = made
    found = composed(vectors, weights)
    order = list(range(len(weights)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    shuffled = compose([vectors[i] for i in order], [weights[i] for i in order])
    np.testing.assert_allclose(shuffled.vector, found.vector, atol=1e-7)
    shares = found.shares(vectors[0])
    np.testing.assert_allclose(shuffled.shares(vectors[0]), [shares[i] for i in order], rtol=1e-9)


@given(parts())
def test_a_part_twice_is_a_part_of_twice_the_weight(
    made: tuple[list[FloatArray], list[float]],
) -> None:
    vectors, weights = made
    found = composed(vectors, weights)
    halves = compose([vectors[0], *vectors], [weights[0] / 2, weights[0] / 2, *weights[1:]])
    np.testing.assert_allclose(halves.vector, found.vector, atol=1e-7)


@given(parts())
def test_what_is_taken_away_again_leaves_nothing(
    made: tuple[list[FloatArray], list[float]],
) -> None:
    vectors, weights = made
    with pytest.raises(CancelledOut) as caught:
        compose([*vectors, *vectors], [*weights, *(-weight for weight in weights)])
    assert caught.value.length < caught.value.least
    total = 2 * float(np.abs(weights).sum())
    assert caught.value.least == pytest.approx(LEAST_LENGTH * total)


def test_next_to_nothing_is_nothing() -> None:
    near = np.array([1.0, 0.0], np.float32), np.array([1.0, 0.0015], np.float32)
    with pytest.raises(CancelledOut):
        compose(near, [1, -1])
    apart = np.array([1.0, 0.0], np.float32), np.array([1.0, 0.0025], np.float32)
    np.testing.assert_allclose(compose(apart, [-1, 1]).vector, [0, 1], atol=2e-3)
