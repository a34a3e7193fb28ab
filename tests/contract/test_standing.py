"""The store contract: the whole of a leg from a similarity on, and filters of one point."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.stores import dense, pid, point, sparse, whole_point
from triptych_server.domain.filters import Equals, FieldCondition, Filter, HasVector, PointIds
from triptych_server.domain.legs import Ask, LegQuery, Scored
from triptych_server.domain.ports import VectorStore
from triptych_server.domain.questions import Context, Discover, Pair, Recommend, Strategy

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 60
MARGIN = 1e-5
A, B, C = dense(1, -2, 3), dense(0, 1, 1), dense(-1, 0.5, 2)
BEST = Recommend(Strategy.BEST_SCORE, (A, B), (C,))
ASKS: list[tuple[str, Ask]] = [
    ("image", A),
    ("caption", B),
    ("ocr", np.stack([A, B])),
    ("terms", sparse({3: 1.0, 4: 0.5, 110: 1.0})),
    ("image", BEST),
    ("ocr", BEST),
    ("image", Recommend(Strategy.SUM_SCORES, (A,), (B, C))),
    ("terms", Recommend(Strategy.SUM_SCORES, (sparse({3: 1.0}),), (sparse({4: 1.0}),))),
    ("image", Discover(A, (Pair(B, C),))),
    ("image", Context((Pair(A, B), Pair(C, B)))),
]


@pytest.mark.parametrize(("name", "ask"), ASKS)
async def test_all_from_a_similarity_on(
    store: VectorStore, things: str, name: str, ask: Ask
) -> None:
    await store.upsert(things, [whole_point(n, {"kind": "ab"[n % 2]}) for n in range(COUNT)])
    odd = Filter(must=(FieldCondition(("kind",), Equals("b")),))
    every: tuple[Scored, ...] = ()
    for filter in (odd, Filter()):
        [every] = await store.query(things, [LegQuery(name, ask, COUNT, filter, exact=True)])
        assert every
        for place in {0, 1, len(every) // 2, len(every) - 1}:
            least = every[place].similarity - MARGIN
            leg = LegQuery(name, ask, COUNT, filter, exact=True, at_least=least)
            [found] = await store.query(things, [leg])
            wanted = [hit for hit in every if hit.similarity >= least]
            assert [hit.id for hit in found] == [hit.id for hit in wanted]
            # The reference's last bit depends on how many it compares at a time.
            said = [hit.similarity for hit in wanted]
            assert [hit.similarity for hit in found] == pytest.approx(said, abs=1e-6)
    above = LegQuery(name, ask, COUNT, exact=True, at_least=every[0].similarity + 1e4)
    assert await store.query(things, [above]) == ((),)


async def test_equal_similarities_are_all_there(store: VectorStore, things: str) -> None:
    await store.upsert(things, [point(n, {"image": dense(1, 1)}) for n in range(5)])
    await store.upsert(things, [point(9, {"image": dense(1, 0)}), point(8, {"image": dense(0, 1)})])
    asked = dense(3, 0.1)
    [[one]] = await store.query(things, [LegQuery("image", asked, 1, within=(pid(2),))])
    least = one.similarity - MARGIN
    legs = [LegQuery("image", asked, count, exact=True, at_least=least) for count in (99, 1)]
    found, first = await store.query(things, legs)
    assert [hit.id for hit in found] == [pid(n) for n in (9, 0, 1, 2, 3, 4)]
    # The limit holds, and takes the nearest.
    assert [hit.id for hit in first] == [pid(9)]


async def test_filters_of_one_point(store: VectorStore, things: str) -> None:
    await store.upsert(
        things,
        [
            point(1, {"image": dense(1)}, {"kind": "a", "pages": 3}),
            point(2, {}, {"kind": "b"}),
        ],
    )
    kind, pages = (
        FieldCondition(("kind",), Equals("a")),
        FieldCondition(("pages",), Equals(3)),
    )
    filters = [
        Filter(must=(kind,)),
        Filter(must_not=(kind,)),
        Filter(must=(kind,), must_not=(kind,)),
        Filter(should=(kind, pages), min_should_count=2),
        Filter(must=(HasVector("image"),)),
        Filter(must=(PointIds((pid(2),)),)),
        Filter(),
    ]
    assert await store.passes(things, pid(1), filters) == (
        (True, False, False, True, True, False, True)
    )
    assert await store.passes(things, pid(2), filters) == (
        (False, True, False, False, False, True, True)
    )
    assert await store.passes(things, pid(3), filters) == (False,) * 7
    assert await store.passes(things, pid(1), []) == ()
