"""The store contract: legs, completion within a choice of points, and ties."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.stores import (
    TERMS,
    collection,
    counts_deleted_terms,
    dense,
    pid,
    point,
    sparse,
    whole_point,
)
from triptych_server.domain.filters import Equals, FieldCondition, Filter, PointIds
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.ports import VectorStore
from triptych_server.domain.vectors import Vector

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_dense_leg_finds_the_nearest(store: VectorStore, things: str) -> None:
    await store.upsert(
        things,
        [
            point(1, {"image": dense(1, 0)}),
            point(2, {"image": dense(1, 1)}),
            point(3, {"image": dense(0, 5)}),
            point(4, {"image": dense(-1, 0)}),
            point(5, {"caption": dense(1, 0)}),
        ],
    )
    ((*hits,),) = await store.query(things, [LegQuery("image", dense(9, 0), 3)])
    assert [hit.id for hit in hits] == [pid(1), pid(2), pid(3)]
    assert [hit.similarity for hit in hits] == pytest.approx([1, 0.5**0.5, 0], abs=1e-6)


async def test_a_dense_query_of_a_multivector_space_meets_the_best_window(
    store: VectorStore, things: str
) -> None:
    await store.upsert(
        things,
        [
            point(1, {"ocr": np.stack([dense(0, 1), dense(1, 0)])}),
            point(2, {"ocr": dense(1, 1)[np.newaxis]}),
            point(3, {"ocr": dense(0, 1)}),  # one row, written flat
        ],
    )
    as_vector, as_row = await store.query(
        things, [LegQuery("ocr", dense(2, 0), 9), LegQuery("ocr", dense(2, 0)[np.newaxis], 9)]
    )
    assert [hit.id for hit in as_vector] == [pid(1), pid(2), pid(3)]
    assert [hit.similarity for hit in as_vector] == pytest.approx([1, 0.5**0.5, 0], abs=1e-6)
    assert as_row == as_vector


async def test_a_query_of_many_rows_adds_up_the_best_of_each(
    store: VectorStore, things: str
) -> None:
    await store.upsert(things, [point(1, {"ocr": np.stack([dense(0, 1), dense(1, 0)])})])
    rows = np.stack([dense(1, 0), dense(0, 1), dense(1, 1)])
    ((hit,),) = await store.query(things, [LegQuery("ocr", rows, 9)])
    assert hit.similarity == pytest.approx(1 + 1 + 0.5**0.5)


async def test_a_sparse_leg_finds_only_points_that_share_a_term(
    store: VectorStore, things: str
) -> None:
    await store.upsert(
        things,
        [
            point(1, {"terms": sparse({1: 1.0})}),
            point(2, {"terms": sparse({1: 2.0, 5: 1.0})}),
            point(3, {"terms": sparse({5: 1.0})}),
            point(4, {"image": dense(1)}),
        ],
    )
    shared, unknown, empty = await store.query(
        things,
        [LegQuery("terms", sparse(terms), 9) for terms in ({1: 1.0, 9: 1.0}, {9: 1.0}, {})],
    )
    assert [hit.id for hit in shared] == [pid(2), pid(1)]
    assert unknown == ()
    assert empty == ()


async def test_legs_are_answered_in_their_order_each_with_its_own_terms(
    store: VectorStore, things: str
) -> None:
    await store.upsert(things, [whole_point(n, {"kind": "ab"[n % 2]}) for n in range(20)])
    odd = Filter(must=(FieldCondition(("kind",), Equals("b")),))
    query = dense(1, 2, 3)
    answers = await store.query(
        things,
        [
            LegQuery("ocr", query, 3),
            LegQuery("image", query, 5, odd),
            LegQuery("terms", sparse({3: 1.0}), 50),
            LegQuery("image", query, 50),
            LegQuery("caption", query, 1, Filter(must=(PointIds((pid(4),)),))),
        ],
    )
    assert [len(hits) for hits in answers] == [3, 5, 3, 20, 1]
    assert all(int(hit.id[-2:], 16) % 2 == 1 for hit in answers[1])
    assert {hit.id for hit in answers[2]} == {pid(3), pid(10), pid(17)}
    assert answers[4][0].id == pid(4)
    for hits in answers:
        assert list(hits) == sorted(hits, key=lambda hit: (-hit.similarity, hit.id))


async def test_no_legs_have_no_answers(store: VectorStore, things: str) -> None:
    assert await store.query(things, []) == ()


async def test_an_empty_collection_answers_every_leg_with_nothing(
    store: VectorStore, things: str
) -> None:
    legs = [
        LegQuery("image", dense(1), 5),
        LegQuery("ocr", dense(1), 5),
        LegQuery("terms", sparse({1: 1.0}), 5),
    ]
    assert await store.query(things, legs) == ((), (), ())


async def test_completion_scores_the_chosen_points_as_the_legs_did(
    store: VectorStore, things: str
) -> None:
    points = [whole_point(n) for n in range(60)]
    await store.upsert(things, points)
    queries: dict[str, Vector] = {
        "image": dense(1, -2, 3),
        "ocr": dense(0, 1, 1),
        "terms": sparse({3: 1.0, 4: 0.5}),
    }
    every = await store.query(things, [LegQuery(n, q, 1000) for n, q in queries.items()])

    chosen = tuple(pid(n) for n in (59, 3, 4, 10, 18, 31, 900))
    completed = await store.query(
        things, [LegQuery(n, q, len(chosen), within=chosen) for n, q in queries.items()]
    )
    for hits, scored in zip(every, completed, strict=True):
        wanted = {hit.id: hit.similarity for hit in hits if hit.id in chosen}
        assert {hit.id for hit in scored} == wanted.keys()
        for hit in scored:
            assert hit.similarity == pytest.approx(wanted[hit.id], abs=1e-6)


async def test_completion_leaves_out_points_without_the_vector_or_a_shared_term(
    store: VectorStore, things: str
) -> None:
    await store.upsert(
        things,
        [
            point(1, {"image": dense(1), "terms": sparse({1: 1.0})}),
            point(2, {"image": dense(0, 1), "terms": sparse({2: 1.0})}),
            point(3, {"ocr": dense(1)}),
        ],
    )
    chosen = (pid(3), pid(2), pid(1))
    image, ocr, terms, nothing = await store.query(
        things,
        [
            LegQuery("image", dense(1), 3, within=chosen),
            LegQuery("ocr", dense(1), 3, within=chosen),
            LegQuery("terms", sparse({1: 1.0}), 3, within=chosen),
            LegQuery("image", dense(1), 3, within=()),
        ],
    )
    assert [hit.id for hit in image] == [pid(1), pid(2)]
    assert [hit.id for hit in ocr] == [pid(3)]
    assert [hit.id for hit in terms] == [pid(1)]
    assert nothing == ()


async def test_completion_joins_its_choice_with_the_filter(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(n, {"kind": "ab"[n % 2]}) for n in range(10)])
    odd = Filter(
        should=(FieldCondition(("kind",), Equals("b")), FieldCondition(("kind",), Equals("c"))),
        must_not=(PointIds((pid(5),)),),
    )
    chosen = tuple(pid(n) for n in (2, 3, 4, 5, 7))
    ((*hits,),) = await store.query(things, [LegQuery("image", dense(1), 9, odd, within=chosen)])
    assert {hit.id for hit in hits} == {pid(3), pid(7)}


async def test_the_idf_of_a_term_does_not_depend_on_the_choice_or_the_filter(
    store: VectorStore, things: str
) -> None:
    await store.upsert(
        things,
        [
            point(n, {"terms": sparse({1: 1.0, 2 + n % 2: 0.5})}, {"kind": "ab"[n % 2]})
            for n in range(10)
        ],
    )
    query = sparse({1: 1.0, 2: 1.0})
    even = Filter(must=(FieldCondition(("kind",), Equals("a")),))
    free, filtered, chosen = await store.query(
        things,
        [
            LegQuery("terms", query, 100),
            LegQuery("terms", query, 100, even),
            LegQuery("terms", query, 100, within=(pid(2),)),
        ],
    )
    similarity = {hit.id: hit.similarity for hit in free}
    assert {hit.id for hit in filtered} == {pid(n) for n in range(0, 10, 2)}
    for hit in (*filtered, *chosen):
        assert hit.similarity == pytest.approx(similarity[hit.id], abs=1e-6)


async def test_deleted_points_do_not_count_for_the_idf(store: VectorStore) -> None:
    """N = 3 and n = 1 are left of 6 and 4; a server that still counts those says the latter."""
    n_all, n_term = (6, 4) if await counts_deleted_terms(store) else (3, 1)
    await store.create_collection(collection("idf", [TERMS], []))
    await store.upsert(
        "idf", [point(n, {"terms": sparse({1 if n < 4 else 2: 1.0})}) for n in range(6)]
    )
    await store.delete("idf", [pid(1), pid(2)])
    await store.delete_matching("idf", Filter(must=(PointIds((pid(3),)),)))
    free, chosen = await store.query(
        "idf",
        [
            LegQuery("terms", sparse({1: 1.0}), 9),
            LegQuery("terms", sparse({1: 1.0}), 9, within=(pid(0),)),
        ],
    )
    idf = math.log(1 + (n_all - n_term + 0.5) / (n_term + 0.5))
    for (hit,) in (free, chosen):
        assert hit.id == pid(0)
        assert hit.similarity == pytest.approx(idf, abs=1e-6)


async def test_equal_similarities_stand_in_the_order_of_ids(
    store: VectorStore, things: str
) -> None:
    numbers = [9, 2, 300, 7, 1, 77, 4]
    await store.upsert(
        things,
        [point(n, {"image": dense(1, 2), "terms": sparse({1: 1.0})}) for n in numbers],
    )
    legs = [LegQuery("image", dense(2, 1), 100), LegQuery("terms", sparse({1: 1.0}), 100)]
    for _ in range(5):
        for hits in await store.query(things, legs):
            assert [hit.id for hit in hits] == [pid(n) for n in sorted(numbers)]


async def test_a_zero_similarity_and_a_negative_one_are_answers(
    store: VectorStore, things: str
) -> None:
    await store.upsert(
        things,
        [
            point(1, {"audio": np.array([1, 0, 0, 0], np.float32)}),
            point(2, {"audio": np.array([0, 1, 0, 0], np.float32)}),
        ],
    )
    query = np.array([-2, 0, 0, 0], np.float32)
    ((first, second),) = await store.query(things, [LegQuery("audio", query, 9)])
    assert (first.id, first.similarity) == (pid(2), 0)
    assert (second.id, second.similarity) == (pid(1), -2)
