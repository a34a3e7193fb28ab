"""The store contract: legs and the exact scores of their union are those asked for one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from tests.support.stores import dense, pid, point, sparse, whole_point
from triptych_server.domain.errors import NotFound
from triptych_server.domain.filters import EVERYTHING, Equals, FieldCondition, Filter
from triptych_server.domain.legs import Ask, ExactQuery, LegQuery, UnionQuery, UnionScores
from triptych_server.domain.ports import VectorStore
from triptych_server.domain.questions import Discover, Pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

ODD = Filter(must=(FieldCondition(("kind",), Equals("b")),))


async def check(
    store: VectorStore, name: str, unions: Sequence[UnionQuery]
) -> tuple[UnionScores, ...]:
    """The answers, which are those of the same queries asked one by one."""
    answers = await store.query_unions(name, unions)
    for union, answer in zip(unions, answers, strict=True):
        found = await store.query(name, union.legs)
        assert answer.candidates == tuple(tuple(hit.id for hit in hits) for hits in found)
        within = tuple({hit.id for hits in found for hit in hits} | set(union.also))
        exact = await store.query(
            name, [LegQuery(e.vector_name, e.ask, 1000, within=within) for e in union.exact]
        )
        for scores, hits in zip(answer.scores, exact, strict=True):
            assert scores.keys() == {hit.id for hit in hits}
            for hit in hits:
                assert scores[hit.id] == pytest.approx(hit.similarity, abs=1e-6)
    return answers


def union(
    asks: dict[str, Ask], limit: int, filter: Filter = EVERYTHING, also: tuple[str, ...] = ()
) -> UnionQuery:
    return UnionQuery(
        tuple(LegQuery(name, ask, limit, filter) for name, ask in asks.items()),
        tuple(ExactQuery(name, ask) for name, ask in asks.items()),
        also,
    )


async def test_every_candidate_has_a_score_on_every_leg(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(n, {"kind": "ab"[n % 2]}) for n in range(60)])
    asks: dict[str, Ask] = {
        "image": dense(1, -2, 3),
        "ocr": dense(0, 1, 1),
        "terms": sparse({3: 1.0, 4: 0.5}),
    }
    few, odd, none = await check(
        store, things, [union(asks, 5), union(asks, 7, ODD), union({"terms": sparse({})}, 5)]
    )
    assert [len(own) for own in few.candidates] == [5, 5, 5]
    assert all(int(id_[-2:], 16) % 2 for own in odd.candidates for id_ in own)
    assert none.candidates == ((),)
    assert none.scores == ({},)


async def test_what_one_leg_has_found_alone_keeps_its_scores(
    store: VectorStore, things: str
) -> None:
    await store.upsert(things, [whole_point(n) for n in range(20)])
    (alone,) = await check(store, things, [union({"image": dense(1, 1)}, 9)])
    assert len(alone.scores[0]) == 9
    scores = [alone.scores[0][id_] for id_ in alone.candidates[0]]
    assert scores == sorted(scores, reverse=True)


async def test_points_may_be_scored_that_no_leg_has_found(store: VectorStore, things: str) -> None:
    await store.upsert(things, [point(n, {"image": dense(1, n)}) for n in range(9)])
    also = (pid(8), pid(99))
    (answer,) = await check(store, things, [union({"image": dense(1)}, 2, also=also)])
    assert answer.scores[0].keys() == {pid(0), pid(1), pid(8)}


async def test_what_is_not_complete_holds_what_the_legs_know(
    store: VectorStore, things: str
) -> None:
    await store.upsert(things, [whole_point(n) for n in range(40)])
    asks: dict[str, Ask] = {"image": dense(1, -2, 3), "ocr": dense(0, 1, 1)}
    whole = union(asks, 5, also=(pid(39),))
    [every] = await store.query_unions(things, [whole])
    [few] = await store.query_unions(things, [replace(whole, complete=False)])
    assert few.candidates == every.candidates
    for known, scores, own in zip(few.scores, every.scores, few.candidates, strict=True):
        assert {*own, pid(39)} <= known.keys()
        assert {id_: known[id_] for id_ in own} == pytest.approx({id_: scores[id_] for id_ in own})
        assert known[pid(39)] == pytest.approx(scores[pid(39)])


async def test_points_and_legs_are_fetched_in_one_go(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(n) for n in range(9)])
    made = (await store.get_collection(things)).create_time
    ids = (pid(3), pid(99), pid(1))
    leg = LegQuery("image", dense(1, 2), len(ids), within=ids)
    for vectors in (False, True):
        points, (hits,) = await store.fetch(things, ids, [leg], vectors=vectors, created=made)
        alone = await store.retrieve(things, ids, vectors=vectors)
        assert [point.id for point in points] == [point.id for point in alone] == [pid(3), pid(1)]
        assert [point.vectors.keys() for point in points] == [p.vectors.keys() for p in alone]
        assert (hits,) == await store.query(things, [leg])
    assert await store.fetch(things, (), []) == ((), ())
    with pytest.raises(NotFound):
        await store.fetch("nothing", ids, [leg])


async def test_legs_by_examples_are_scored_by_each_of_them(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(n) for n in range(30)])
    target, toward, away = dense(1, 2), dense(0, 1), dense(-1)
    leg = LegQuery("image", Discover(target, (Pair(toward, away),)), 5)
    exact = tuple(ExactQuery("image", vector) for vector in (target, toward, away))
    second = union({"image": np.asarray(target), "caption": dense(1)}, 3)
    await check(store, things, [UnionQuery((leg,), exact), second])


async def test_nothing_is_asked_of_nothing(store: VectorStore, things: str) -> None:
    assert await store.query_unions(things, []) == ()
    (empty,) = await store.query_unions(things, [union({"image": dense(1)}, 5)])
    assert (empty.candidates, empty.scores) == (((),), ({},))


async def test_a_collection_made_anew_is_another(store: VectorStore, things: str) -> None:
    made = (await store.get_collection(things)).create_time
    other: datetime = made - timedelta(seconds=1)
    assert await store.query_unions(things, [], created=made) == ()
    with pytest.raises(NotFound):
        await store.query_unions(things, [union({"image": dense(1)}, 5)], created=other)
