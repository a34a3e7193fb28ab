"""Where an item stands, and the clauses of a filter."""

from __future__ import annotations

import pytest

from triptych_server.domain.explanation import MOST_RANKED, Standing, standing_of
from triptych_server.domain.filter_clauses import clauses
from triptych_server.domain.filter_text import filter_text
from triptych_server.domain.filters import (
    Equals,
    FieldCondition,
    Filter,
    Group,
    HasVector,
    NumberRange,
    Origin,
)
from triptych_server.domain.legs import Scored


def many(count: int, similarity: float = 0.9) -> list[Scored]:
    return [Scored(f"{n:05d}", similarity) for n in range(count)]


@pytest.mark.parametrize(
    ("own", "near", "wanted"),
    [
        (Scored("b", 0.5), [], Standing(1, 1)),
        (Scored("b", 0.5), [Scored("b", 0.5)], Standing(1, 1)),
        (Scored("b", 0.5), [Scored("a", 0.7), Scored("b", 0.5)], Standing(2, 2)),
        # Equals stand in the order of their ids, and any of them may be a candidate.
        (Scored("b", 0.5), [Scored("a", 0.5), Scored("c", 0.5)], Standing(2, 3)),
        (Scored("b", 0.5), [Scored("a", 0.5), Scored("b", 0.5), Scored("c", 0.5)], Standing(2, 3)),
        # A little below is below; but where the item is there itself, it counts as it is there.
        (Scored("b", 0.5), [Scored("c", 0.6), Scored("a", 0.4999999)], Standing(2, 2)),
        (Scored("b", 0.5), [Scored("a", 0.4999999), Scored("b", 0.4999999)], Standing(2, 2)),
    ],
)
def test_a_place(own: Scored, near: list[Scored], wanted: Standing) -> None:
    assert standing_of(own, near) == wanted


def test_a_place_that_is_not_counted() -> None:
    own = Scored("x", 0.5)
    assert standing_of(own, many(MOST_RANKED)) == Standing(MOST_RANKED + 1, MOST_RANKED + 1)
    assert standing_of(own, many(MOST_RANKED + 1)) == Standing(None, None)
    # All that are as near are there, since one that is less near is there, too.
    [*near] = [*many(MOST_RANKED), Scored("y", 0.4999999)]
    assert standing_of(own, near) == Standing(MOST_RANKED + 1, MOST_RANKED + 1)
    # Among so many equals the store may have left out any.
    assert standing_of(Scored("00003", 0.9), many(MOST_RANKED + 1)) == Standing(None, None)


def test_clauses_are_the_filter_in_the_order_of_its_text() -> None:
    red, small = (
        FieldCondition(("colour",), Equals("red")),
        FieldCondition(("n",), NumberRange(lt=5)),
    )
    group = Group(Filter(must=(red,), must_not=(small,)))
    filter = Filter(
        must=(small, group),
        should=(red, HasVector("ocr")),
        must_not=(red, group),
        min_should_count=2,
    )
    made = clauses(filter)
    assert [clause.field for clause in made] == [
        "filter.must[0]",
        "filter.must[1]",
        "filter.should",
        "filter.must_not[0]",
        "filter.must_not[1]",
    ]
    assert " AND ".join(filter_text(clause.filter) for clause in made) == filter_text(filter)
    assert clauses(Filter()) == ()


def test_clauses_say_the_character_of_their_expression() -> None:
    origins = {
        "filter.must[1]": Origin("filter.expression", 1),
        "filter.must[1].field.equals": Origin("filter.expression", 10),
        "filter.should[0]": Origin("filter.expression", 20),
        "filter.should[1]": Origin("filter.expression", 30),
    }
    one, two = HasVector("a"), HasVector("b")
    filter = Filter(must=(one, two), should=(one, two), origins=tuple(origins.items()))
    assert [(clause.field, clause.character) for clause in clauses(filter)] == [
        ("filter.must[0]", None),
        ("filter.expression", 1),
        ("filter.expression", 20),
    ]
