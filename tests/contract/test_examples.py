"""The store contract: legs by examples, against numpy, on every kind of space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.contract.test_against_oracles import expected
from tests.support import explore_oracle as oracle
from tests.support.stores import (
    DIMENSION,
    collection,
    dense,
    pid,
    point,
    sparse,
    whole_point,
)
from tests.support.stores import SPACES as SPACES_OF_STORE
from triptych_server.domain.filters import Equals, FieldCondition, Filter, PointIds
from triptych_server.domain.legs import Ask, LegQuery
from triptych_server.domain.ports import VectorStore
from triptych_server.domain.questions import Context, Discover, Pair, Recommend, Strategy
from triptych_server.domain.vectors import Vector

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 40
SPACES = ("image", "ocr", "terms", "audio", "frames")
DIMENSIONS = {"image": DIMENSION, "ocr": DIMENSION, "audio": 4, "frames": 4}


def drawn(rng: np.random.Generator, name: str) -> Vector:
    """A random vector of the space; of a multivector space a row, or a few."""
    if name == "terms":
        places = rng.choice(12, size=int(rng.integers(1, 5)), replace=False)
        return sparse({int(place): float(rng.uniform(0.25, 2)) for place in places})
    shape: Any = DIMENSIONS[name]
    if name in ("ocr", "frames"):
        shape = (int(rng.integers(1, 4)), shape)
    return np.asarray(rng.standard_normal(shape), np.float32)


def columns(name: str, examples: tuple[Vector, ...], stored: dict[str, Vector]) -> oracle.Floats:
    """The similarity of every stored vector (a row) to every example; 0 without a shared term."""
    found = [expected(name, example, stored) for example in examples]
    table = [[similarities.get(id_, 0.0) for similarities in found] for id_ in stored]
    return np.array(table, np.float64).reshape(len(stored), len(examples))


def scores(name: str, ask: Ask, stored: dict[str, Vector]) -> dict[str, float]:
    match ask:
        case Recommend(strategy, positives, negatives):
            by = oracle.best_score if strategy is Strategy.BEST_SCORE else oracle.sum_scores
            made = by(columns(name, positives, stored), columns(name, negatives, stored))
        case Discover(target, pairs):
            sides = pairs_of(name, pairs, stored)
            made = oracle.discover(columns(name, (target,), stored)[:, 0], *sides)
        case Context(pairs):
            made = oracle.context(*pairs_of(name, pairs, stored))
        case _:
            raise AssertionError("no examples")
    return dict(zip(stored, made.tolist(), strict=True))


def pairs_of(
    name: str, pairs: tuple[Pair[Vector], ...], stored: dict[str, Vector]
) -> tuple[oracle.Floats, oracle.Floats]:
    positives = columns(name, tuple(pair.positive for pair in pairs), stored)
    return positives, columns(name, tuple(pair.negative for pair in pairs), stored)


def asks(rng: np.random.Generator, name: str) -> dict[str, Ask]:
    one, two, three, four, five = (drawn(rng, name) for _ in range(5))
    pairs = (Pair(one, two), Pair(three, four))
    return {
        "best": Recommend(Strategy.BEST_SCORE, (one, two), (three,)),
        "best of the positives": Recommend(Strategy.BEST_SCORE, (one,), ()),
        "best of the negatives": Recommend(Strategy.BEST_SCORE, (), (three, four)),
        "sum": Recommend(Strategy.SUM_SCORES, (one, two), (three, four, five)),
        "sum of the negatives": Recommend(Strategy.SUM_SCORES, (), (three,)),
        "discover": Discover(five, pairs),
        "discover without pairs": Discover(five, ()),
        "context": Context(pairs),
    }


def filled(rng: np.random.Generator) -> list[dict[str, Vector]]:
    """Each vector is there in three of four."""
    return [
        {name: drawn(rng, name) for name in SPACES if rng.random() < 0.75} for _ in range(COUNT)
    ]


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_scores_are_those_of_the_definitions(
    store: VectorStore, things: str, name: str, seed: int
) -> None:
    if name == "terms":  # where nothing has been deleted: older servers go on counting that
        things = f"terms-{seed}"
        await store.create_collection(collection(things, SPACES_OF_STORE, ()))
    rng = np.random.default_rng(seed)
    items = filled(rng)
    await store.upsert(things, [point(n, vectors) for n, vectors in enumerate(items)])
    stored = {pid(n): vectors[name] for n, vectors in enumerate(items) if name in vectors}
    wanted = asks(rng, name)
    within = tuple(pid(n) for n in range(0, COUNT, 3))
    free = await store.query(things, [LegQuery(name, ask, COUNT) for ask in wanted.values()])
    chosen = await store.query(
        things, [LegQuery(name, ask, COUNT, within=within) for ask in wanted.values()]
    )
    for (what, ask), hits, hits_within in zip(wanted.items(), free, chosen, strict=True):
        known = scores(name, ask, stored)
        assert {hit.id for hit in hits} == known.keys(), what
        assert {hit.id for hit in hits_within} == known.keys() & set(within), what
        for hit in (*hits, *hits_within):
            # An item between the two of a pair is on neither side of it, or on any, in float32.
            assert hit.similarity == pytest.approx(known[hit.id], rel=1e-5, abs=2e-5), what
        assert list(hits) == sorted(hits, key=lambda hit: (-hit.similarity, hit.id))


@pytest.mark.parametrize(
    ("pairs", "rank"),
    [([(1, 2)], 1), ([(2, 1)], -1), ([(3, 3)], 0), ([(1, 2), (2, 1)], 0), ([(1, 2), (1, 3)], 2)],
)
async def test_the_rank_of_a_discovery_counts_the_sides(
    store: VectorStore, things: str, pairs: list[tuple[int, int]], rank: int
) -> None:
    """The item is nearer to example 1 than to 2, and to 2 than to 3; its target is 1 away."""
    await store.upsert(things, [point(7, {"audio": np.array([10, 4, 2, 1], np.float32)})])
    examples = dict(zip((1, 2, 3), np.eye(4, dtype=np.float32), strict=False))
    given = tuple(Pair(examples[a], examples[b]) for a, b in pairs)
    ask = Discover(np.array([0, 0, 0, 1], np.float32), given)
    ((hit,),) = await store.query(things, [LegQuery("audio", ask, 9)])
    assert hit.similarity == pytest.approx(rank + 0.75, abs=1e-6)


async def test_a_context_never_scores_above_zero(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(n) for n in range(30)])
    pairs = (Pair(dense(1, 2), dense(0, 1, 1)), Pair(dense(2, -1), dense(1, 1)))
    hits_of = await store.query(
        things, [LegQuery(name, Context(pairs), 50) for name in ("image", "ocr")]
    )
    for hits in hits_of:
        assert len(hits) == 30
        assert all(-2 < hit.similarity <= 0 for hit in hits)
        assert hits[0].similarity > hits[-1].similarity


async def test_examples_keep_to_the_filter_and_the_limit(store: VectorStore, things: str) -> None:
    await store.upsert(things, [whole_point(n, {"kind": "ab"[n % 2]}) for n in range(20)])
    odd = Filter(must=(FieldCondition(("kind",), Equals("b")),), must_not=(PointIds((pid(3),)),))
    ask = Recommend(Strategy.BEST_SCORE, (dense(1, 2),), (dense(2, 1),))
    every, some, nothing, near = await store.query(
        things,
        [
            LegQuery("image", ask, 50, odd),
            LegQuery("image", ask, 4, odd),
            LegQuery("image", ask, 4, within=()),
            LegQuery("image", dense(1, 2), 50, odd),
        ],
    )
    assert {hit.id for hit in every} == {pid(n) for n in range(1, 20, 2) if n != 3}
    assert some == every[:4]
    assert nothing == ()
    assert {hit.id for hit in near} == {hit.id for hit in every}


async def test_terms_that_nobody_shares_are_examples_too(store: VectorStore, things: str) -> None:
    """Of a sparse space every item with the vector has a score: without a shared term by 0."""
    await store.upsert(
        things,
        [
            point(1, {"terms": sparse({1: 1.0})}),
            point(2, {"terms": sparse({2: 1.0})}),
            point(3, {"image": dense(1)}),
        ],
    )
    unknown, empty = sparse({9: 1.0}), sparse({})
    found = await store.query(
        things,
        [
            LegQuery("terms", Discover(unknown, (Pair(sparse({1: 1.0}), empty),)), 9),
            LegQuery("terms", Recommend(Strategy.SUM_SCORES, (empty,), (unknown,)), 9),
            LegQuery("terms", Context((Pair(empty, sparse({2: 1.0})),)), 9),
        ],
    )
    assert [(hit.id, hit.similarity) for hit in found[0]] == [(pid(1), 1.5), (pid(2), 0.5)]
    assert [(hit.id, hit.similarity) for hit in found[1]] == [(pid(1), 0), (pid(2), 0)]
    assert [hit.id for hit in found[2]] == [pid(1), pid(2)]
    assert found[2][0].similarity == pytest.approx(0, abs=1e-6)
    assert found[2][1].similarity < -0.1
