"""Cutting a long text into windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych_server.domain.collections import Windows
from triptych_server.encode.windows import cut_windows

CAPACITY = 75


@st.composite
def windows(draw: st.DrawFn) -> Windows:
    tokens = draw(st.integers(1, CAPACITY))
    overlap = draw(st.integers(0, tokens - 1))
    return Windows(tokens, overlap, draw(st.integers(1, 40)))


@given(length=st.integers(0, 400), how=windows())
def test_every_token_within_the_cap_is_in_a_window(length: int, how: Windows) -> None:
    content = range(length)

    cut = cut_windows(content, how, CAPACITY)

    assert set().union(*cut.windows) == set(range(cut.tokens_read))
    assert (cut.tokens_read < length) == (cut.windows_cut > 0)
    assert len(cut.windows) <= how.max_windows


@given(length=st.integers(0, 400), how=windows())
def test_neighbours_share_exactly_the_overlap(length: int, how: Windows) -> None:
    cut = cut_windows(range(length), how, CAPACITY)

    for left, right in zip(cut.windows, cut.windows[1:], strict=False):
        assert len(set(left) & set(right)) == how.overlap
        assert right[0] > left[0]


@given(length=st.integers(0, 400), how=windows())
def test_no_window_is_longer_than_asked_and_none_is_needless(length: int, how: Windows) -> None:
    cut = cut_windows(range(length), how, CAPACITY)

    assert all(len(window) <= how.tokens for window in cut.windows)
    assert all(len(window) == how.tokens for window in cut.windows[:-1])
    for window in cut.windows[1:]:
        assert len(window) > how.overlap


@given(length=st.integers(0, 400), how=windows())
def test_the_cap_only_leaves_out(length: int, how: Windows) -> None:
    content = range(length)
    uncapped = cut_windows(content, Windows(how.tokens, how.overlap, 1000), CAPACITY)

    capped = cut_windows(content, how, CAPACITY)

    assert capped.windows == uncapped.windows[: how.max_windows]
    assert len(capped.windows) + capped.windows_cut == len(uncapped.windows)


@pytest.mark.parametrize("length", [0, 1, 9, 10])
def test_a_short_text_is_one_window(length: int) -> None:
    cut = cut_windows(range(length), Windows(10, 2), CAPACITY)

    assert cut.windows == (range(length),)
    assert (cut.tokens_read, cut.windows_cut) == (length, 0)


def test_a_worked_example() -> None:
    cut = cut_windows(range(26), Windows(10, 2, 2), CAPACITY)

    assert cut.windows == (range(10), range(8, 18))
    # Tokens 18 to 25 need one more window.
    assert (cut.tokens_read, cut.windows_cut) == (18, 1)


@pytest.mark.parametrize(
    "how", [Windows(76, 2), Windows(0, 0), Windows(10, 10), Windows(10, -1), Windows(10, 2, 0)]
)
def test_windows_that_cannot_be_are_a_defect(how: Windows) -> None:
    with pytest.raises(ValueError):
        cut_windows(range(5), how, CAPACITY)
