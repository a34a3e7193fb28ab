"""The tool's own arithmetic, against figures worked out by hand and another oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.oracle import OracleLeg, fuse
from tools.quality.collection import others
from tools.quality.figures import figures, paired_difference, place_of
from tools.quality.oracle import Floats, best_first, fused_scores, ranks_of
from tools.quality.settings import LEGS, PARTS, SETTINGS, WEIGHTINGS, Setting, setting_of
from tools.quality.tables import table

NAN = math.nan
# Few values, so that there are ties.
COLUMNS = st.integers(1, 9).flatmap(
    lambda rows: st.lists(
        st.lists(st.sampled_from([0.1, 0.2, 0.3, NAN]), min_size=4, max_size=4),
        min_size=rows,
        max_size=rows,
    )
)


def test_three_items_by_hand() -> None:
    similarities = np.array([[0.9, 0.2], [0.5, NAN], [0.7, 0.4]])
    ranks = ranks_of(similarities, candidate_count=2)
    assert ranks.tolist() == [[1, 2], [math.inf, math.inf], [2, 1]]
    scores = fused_scores(ranks, (1.0, 3.0), 2.0)
    assert scores.tolist() == [1 / 3 + 3 / 4, 0.0, 1 / 4 + 3 / 3]
    assert best_first(scores).tolist() == [2, 0]


@given(COLUMNS, st.sampled_from([0.0, 2.0, 60.0]), st.integers(1, 9))
def test_it_agrees_with_the_oracle_of_the_other_tests(
    rows: list[list[float]], k: float, count: int
) -> None:
    similarities: Floats = np.array(rows)
    weights = (1.0, 0.5, 2.0, 1.0)
    scores = fused_scores(ranks_of(similarities, count), weights, k)
    legs = [
        OracleLeg(
            weight,
            count,
            {f"{row:02}": one[leg] for row, one in enumerate(rows) if not math.isnan(one[leg])},
        )
        for leg, weight in enumerate(weights)
    ]
    wanted = fuse(legs, k=k).hits
    found = [(f"{row:02}", scores[row]) for row in best_first(scores)]
    assert {name for name, _ in found} == {hit.id for hit in wanted}
    assert [score for _, score in found] == pytest.approx([hit.score for hit in wanted], abs=1e-12)


def test_figures_by_hand() -> None:
    rankings = [["a", "b", "c"], ["a", "b", "c"], ["a", "b", "c", "d"], ["a"]]
    expected = [["a", "c"], ["b", "z"], ["d"], ["q"]]
    found = figures(rankings, expected)
    assert (found.questions, found.success3, found.success1) == (4, 0.5, 0.25)
    assert found.mrr == pytest.approx((1 + 1 / 2 + 1 / 4 + 0) / 4)
    assert found.recall10 == pytest.approx((2 / 2 + 1 / 2) / 2)
    assert figures([["a"]], [["a"]]).recall10 is None
    assert place_of([], ["a"]) == math.inf
    with pytest.raises(ValueError):
        figures([], [])


def test_one_question_of_forty_is_noise_and_ten_are_not() -> None:
    base = np.zeros(40)
    one, ten = base.copy(), base.copy()
    one[0], ten[:10] = 1, 1
    assert not paired_difference(one, base).beyond_noise
    assert paired_difference(ten, base).beyond_noise
    assert paired_difference(base, ten).beyond_noise
    assert paired_difference(ten, base).difference == 0.25
    assert paired_difference(ten, base) == paired_difference(ten, base)


def test_the_settings_differ_and_the_simplest_stands_first() -> None:
    assert SETTINGS[0].weighting.weights == (1, 1, 1, 1)
    assert len(set(SETTINGS)) == len(SETTINGS)
    assert all(all(setting.weighting.weights) for setting in SETTINGS)
    shapes = {tuple(w / max(one.weights) for w in one.weights) for one in (*WEIGHTINGS, *PARTS)}
    assert len(shapes) == len(WEIGHTINGS) + len(PARTS)
    assert {len(part.weights) for part in PARTS} == {len(LEGS)}


def test_weights_have_the_name_of_their_proportions() -> None:
    equal = WEIGHTINGS[0]
    assert setting_of([1, 1, 1, 1], 2) == setting_of([3, 3, 3, 3], 2) == Setting(equal, 2)
    assert setting_of([4, 2, 1, 4], 0).name == "caption 0.5, ocr 0.25, k = 0"
    assert setting_of([1, 0.5, 0.3, 1], 1).name == "image 1, caption 0.5, ocr 0.3, terms 1, k = 1"


def test_every_item_gets_its_panels_from_three_others() -> None:
    names = [f"{number}.jpg" for number in range(50)]
    given_to = others(names)
    assert sorted(given_to) == sorted(names)
    for name, three in given_to.items():
        assert len({name, *three}) == 4
    for panel in zip(*given_to.values(), strict=True):
        assert sorted(panel) == sorted(names)
    assert others(names[::-1]) == given_to


def test_a_table_lines_up() -> None:
    assert table(("", "n"), [("long name", "1"), ("b", "20")]) == [
        "|           |  n |",
        "|-----------|---:|",
        "| long name |  1 |",
        "| b         | 20 |",
    ]
