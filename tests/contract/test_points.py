"""The store contract: points are written whole, read back, and removed."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest

from tests.support.stores import dense, pid, point, same_vectors, sparse, whole_point
from triptych_server.domain.filters import Equals, FieldCondition, Filter, PointIds
from triptych_server.domain.items import Json
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.ports import VectorStore
from triptych_server.domain.vectors import Vector

pytestmark = pytest.mark.asyncio(loop_scope="module")

PANELS: dict[str, Vector] = {
    "image": dense(3, 4),
    "ocr": np.stack([dense(0, 2), dense(0, 0, 5), dense(1, 1)]),
    "terms": sparse({7: 0.5, 4_294_967_295: 2.0}),
}
SUBSETS = [names for size in (1, 2, 3) for names in combinations(PANELS, size)]


@pytest.mark.parametrize("names", SUBSETS, ids=" ".join)
async def test_a_point_may_have_any_of_its_vectors(
    store: VectorStore, things: str, names: tuple[str, ...]
) -> None:
    vectors = {name: PANELS[name] for name in names}
    await store.upsert(things, [point(1, vectors, {"of": list(names)})])

    (stored,) = await store.retrieve(things, [pid(1)], vectors=True)
    assert stored.id == pid(1)
    assert stored.payload == {"of": list(names)}
    assert same_vectors(stored.vectors, vectors)

    answers = await store.query(things, [LegQuery(name, PANELS[name], 10) for name in PANELS])
    for name, hits in zip(PANELS, answers, strict=True):
        assert [hit.id for hit in hits] == ([pid(1)] if name in names else [])


async def test_an_upsert_replaces_the_whole_point(store: VectorStore, things: str) -> None:
    await store.upsert(things, [point(1, PANELS, {"old": 1, "kind": "a"})])
    await store.upsert(things, [point(1, {"terms": sparse({9: 1.0})}, {"kind": "b"})])

    (stored,) = await store.retrieve(things, [pid(1)], vectors=True)
    assert stored.payload == {"kind": "b"}
    assert same_vectors(stored.vectors, {"terms": sparse({9: 1.0})})
    answers = await store.query(things, [LegQuery(name, PANELS[name], 10) for name in PANELS])
    assert answers == ((), (), ())
    assert await store.count(things, Filter(must=(FieldCondition(("kind",), Equals("a")),))) == 0
    assert await store.count(things, Filter()) == 1


async def test_a_longer_and_a_shorter_multivector_take_the_old_ones_place(
    store: VectorStore, things: str
) -> None:
    for windows in (2, 5, 1, 3):
        vector = np.random.default_rng(windows).standard_normal((windows, 8)).astype(np.float32)
        await store.upsert(things, [point(1, {"ocr": vector})])
        (stored,) = await store.retrieve(things, [pid(1)], vectors=True)
        assert same_vectors(stored.vectors, {"ocr": vector})


PAYLOADS: list[dict[str, Json]] = [
    {},
    {"null": None, "empty": [], "object": {}, "text": ""},
    {"a.b": 1, "a b": 2, 'a"b': 3, "a\\b": 4, "": 5, "ключ": 6, "🔑": 7, "a[]": 8},
    {"whole": 5, "half": 5.5, "float": 5.0, "big": 2**53 - 1, "small": -(2**53) + 1},
    {"deep": {"er": {"and": [{"x": [1, [2, [3]]]}, None, True, "t"]}}},
    {"_triptych": {"item_id": "a", "caption": None, "time": "2025-03-01T12:30:15.250000+00:00"}},
]


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
async def test_a_payload_comes_back_as_it_was_written(
    store: VectorStore, things: str, number: int
) -> None:
    await store.upsert(things, [point(number, {"image": dense(1)}, PAYLOADS[number])])
    (stored,) = await store.retrieve(things, [pid(number)])
    assert stored.payload == PAYLOADS[number]
    texts = [json.dumps(p, sort_keys=True) for p in (stored.payload, PAYLOADS[number])]
    assert texts[0] == texts[1]  # 5 and 5.0 are told apart; the order of keys is nobody's promise
    assert stored.vectors == {}


async def test_points_are_retrieved_in_the_order_asked_for(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(n) for n in (1, 2, 3)])
    asked = [pid(n) for n in (3, 9, 1, 3, 2)]
    stored = await store.retrieve(things, asked)
    assert [found.id for found in stored] == [pid(n) for n in (3, 1, 3, 2)]
    assert await store.retrieve(things, []) == ()


async def test_a_vector_of_a_supplied_dot_space_keeps_its_length(
    store: VectorStore, things: str
) -> None:
    audio = np.array([3, 0, 4, 0], np.float32)
    frames = np.array([[1, 0, 0, 0], [0, 7, 0, 0]], np.float32)
    await store.upsert(things, [point(1, {"audio": audio, "frames": frames})])
    (stored,) = await store.retrieve(things, [pid(1)], vectors=True)
    assert np.array_equal(stored.vectors["audio"], audio)  # type: ignore[arg-type]
    assert np.array_equal(stored.vectors["frames"], frames)  # type: ignore[arg-type]
    ((hit,),) = await store.query(things, [LegQuery("audio", audio, 1)])
    assert hit.similarity == pytest.approx(25)


async def test_deleting_by_id_counts_what_was_there(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(n) for n in range(6)])
    assert await store.delete(things, [pid(1), pid(4), pid(77)]) == 2
    assert await store.delete(things, [pid(1)]) == 0
    assert await store.delete(things, []) == 0
    assert await store.count(things, Filter()) == 4
    assert [found.id for found in await store.retrieve(things, [pid(1), pid(2)])] == [pid(2)]
    ((*hits,),) = await store.query(things, [LegQuery("image", dense(1), 10)])
    assert {hit.id for hit in hits} == {pid(n) for n in (0, 2, 3, 5)}


async def test_a_deleted_point_comes_back_whole(store: VectorStore, things: str) -> None:
    await store.upsert(things, [point(1, PANELS, {"kind": "a"})])
    await store.delete(things, [pid(1)])
    await store.upsert(things, [point(1, {"image": PANELS["image"]}, {"kind": "b"})])
    (stored,) = await store.retrieve(things, [pid(1)], vectors=True)
    assert stored.payload == {"kind": "b"}
    assert same_vectors(stored.vectors, {"image": PANELS["image"]})


async def test_deleting_by_filter_counts_what_was_there(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(n, {"kind": "ab"[n % 2]}) for n in range(7)])
    odd = Filter(must=(FieldCondition(("kind",), Equals("b")),))
    assert await store.delete_matching(things, odd) == 3
    assert await store.delete_matching(things, odd) == 0
    assert await store.count(things, Filter()) == 4
    assert await store.delete_matching(things, Filter()) == 4
    assert await store.count(things, Filter()) == 0


@pytest.mark.parametrize("limit", [1, 2, 3, 9, 10, 100])
async def test_scrolling_visits_every_point_once_in_the_order_of_ids(
    store: VectorStore, things: str, limit: int
) -> None:
    numbers = [5, 3, 250, 77, 2**100, 1, 300, 4096, 12]
    await store.upsert(things, [point(n) for n in numbers])
    seen: list[str] = []
    start: str | None = None
    while True:
        page = await store.scroll(things, Filter(), limit=limit, start_id=start)
        assert len(page.points) <= limit
        seen += [found.id for found in page.points]
        if page.next_id is None:
            break
        start = page.next_id
    assert seen == [pid(n) for n in sorted(numbers)]


async def test_scrolling_starts_at_the_given_id_or_the_next_after_it(
    store: VectorStore, things: str
) -> None:
    await store.upsert(things, [whole_point(n) for n in (10, 20, 30)])
    at = await store.scroll(things, Filter(), limit=9, start_id=pid(20))
    between = await store.scroll(things, Filter(), limit=9, start_id=pid(11))
    behind = await store.scroll(things, Filter(), limit=9, start_id=pid(31))
    assert [found.id for found in at.points] == [pid(20), pid(30)]
    assert [found.id for found in between.points] == [pid(20), pid(30)]
    assert behind.points == ()
    assert behind.next_id is None


async def test_scrolling_shows_the_points_that_pass(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(n, {"kind": "ab"[n % 2]}) for n in range(8)])
    filter = Filter(must=(FieldCondition(("kind",), Equals("b")),), must_not=(PointIds((pid(3),)),))
    page = await store.scroll(things, filter, limit=2, start_id=None, vectors=True)
    assert [found.id for found in page.points] == [pid(1), pid(5)]
    assert page.next_id == pid(7)
    assert page.points[0].payload == {"number": 1, "kind": "b"}
    assert same_vectors(page.points[0].vectors, whole_point(1).vectors)
    last = await store.scroll(things, filter, limit=2, start_id=page.next_id)
    assert [found.id for found in last.points] == [pid(7)]
    assert last.points[0].vectors == {}
    assert last.next_id is None


async def test_an_upsert_of_nothing_and_of_more_than_one_batch(
    store: VectorStore, things: str
) -> None:
    await store.upsert(things, [])
    await store.upsert(things, [whole_point(n) for n in range(600)])
    assert await store.count(things, Filter()) == 600
    (stored,) = await store.retrieve(things, [pid(599)], vectors=True)
    assert same_vectors(stored.vectors, whole_point(599).vectors)
