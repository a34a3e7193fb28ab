"""Whole searches against brute force in numpy: similarities, ranks, contributions, order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.support import oracle
from tests.support.live import api_key, live_prefix
from tests.support.server import RunningServer
from triptych import Client, Field, Vector, VectorScore, VectorSpace, leg, make_item
from triptych.v1.vector_pb2 import DenseVector, MultiVector, SparseVector

DIMENSION = 6
COUNT = 40
SPACES = ("flat", "many", "words", "dots")


@dataclass(frozen=True)
class Stored:
    """An item as the oracle knows it: any of its vectors may be missing."""

    id: str
    point_id: str
    colour: str
    size: int
    flat: list[float] | None
    many: list[list[float]] | None
    words: dict[int, float] | None
    dots: list[float] | None


def _vector(rng: np.random.Generator) -> list[float]:
    return [float(v) for v in rng.normal(size=DIMENSION).astype(np.float32)]


def _terms(rng: np.random.Generator) -> dict[int, float]:
    places = rng.choice(12, size=int(rng.integers(1, 5)), replace=False)
    return {int(p): float(np.float32(rng.uniform(0.2, 2.0))) for p in places}


def _dense(values: list[float]) -> Vector:
    return Vector(dense=DenseVector(values=values))


def _sparse(terms: Mapping[int, float]) -> Vector:
    return Vector(sparse=SparseVector(indices=terms.keys(), values=terms.values()))


def _multi(rows: list[list[float]]) -> Vector:
    return Vector(multi=MultiVector(vectors=[DenseVector(values=row) for row in rows]))


@pytest.fixture(scope="module", params=["embedded", pytest.param("qdrant", marks=pytest.mark.live)])
def module_client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """A client of the shared server; and one of a server on a live Qdrant."""
    if request.param == "embedded":
        server: RunningServer = request.getfixturevalue("server")
        with server.client() as made:
            yield made
        return
    with (
        live_prefix() as (url, _),
        RunningServer(
            tmp_path_factory.mktemp("live") / "data", store=url, qdrant_api_key=api_key() or ""
        ) as running,
    ):
        with running.client() as made:
            assert made.status().store.kind == "qdrant"
            yield made
        assert running.stop() == 0, running.log
        assert "Traceback" not in running.log


@pytest.fixture(scope="module")
def items(module_client: Client) -> list[Stored]:
    """Random items; each vector is there in three of four."""
    supplied = [VectorSpace.SOURCE_SUPPLIED]
    module_client.create_collection(
        "oracle",
        vector_spaces=[
            VectorSpace(name="flat", sources=supplied, dimension=DIMENSION),
            VectorSpace(
                name="many", sources=supplied, dimension=DIMENSION, kind=VectorSpace.KIND_MULTI
            ),
            VectorSpace(name="words", sources=supplied, kind=VectorSpace.KIND_SPARSE),
            VectorSpace(
                name="dots",
                sources=supplied,
                dimension=DIMENSION,
                distance=VectorSpace.DISTANCE_DOT,
            ),
        ],
        payload_fields={"colour": "keyword", "size": "integer"},
    )
    rng = np.random.default_rng(7)
    made = []
    for number in range(COUNT):
        has = rng.random(4) < 0.75
        has[int(rng.integers(4))] = True
        made.append(
            Stored(
                f"item-{number}",
                "",
                ["red", "green", "blue"][number % 3],
                number,
                _vector(rng) if has[0] else None,
                [_vector(rng) for _ in range(int(rng.integers(1, 5)))] if has[1] else None,
                _terms(rng) if has[2] else None,
                _vector(rng) if has[3] else None,
            )
        )
    messages = []
    for item in made:
        vectors = {}
        if item.flat is not None:
            vectors["flat"] = _dense(item.flat)
        if item.many is not None:
            vectors["many"] = _multi(item.many)
        if item.words is not None:
            vectors["words"] = _sparse(item.words)
        if item.dots is not None:
            vectors["dots"] = _dense(item.dots)
        payload = {"colour": item.colour, "size": item.size}
        messages.append(make_item(item.id, vectors=vectors, payload=payload))
    module_client.upsert("oracle", messages)
    ids = {i.id: i.point_id for i in module_client.list_items("oracle")}
    return [replace(item, point_id=ids[item.id]) for item in made]


def _similarity(space: str, query: object, item: Stored) -> float | None:
    stored = getattr(item, space)
    if stored is None:
        return None
    if space == "flat":
        return oracle.cosine(query, stored)  # type: ignore[arg-type]
    if space == "many":
        return oracle.max_sim([query], stored)  # type: ignore[list-item]
    if space == "dots":
        return float(np.dot(np.float64(query), np.float64(stored)))  # type: ignore[arg-type]
    return oracle.sparse_dot(query, stored)  # type: ignore[arg-type]


@st.composite
def queries(draw: st.DrawFn) -> dict[str, object]:
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    spaces = draw(st.lists(st.sampled_from(SPACES), min_size=1, max_size=4, unique=True))
    weights = [draw(st.sampled_from([0.25, 1.0, 2.0])) for _ in spaces]
    if draw(st.booleans()):
        weights[0] = 0.0 if len(spaces) > 1 else 1.0
    return {
        "legs": [
            (
                space,
                weight,
                _terms(rng) if space == "words" else _vector(rng),
                draw(st.integers(1, 60)),
            )
            for space, weight in zip(spaces, weights, strict=True)
        ],
        "k": draw(st.sampled_from([0.0, 2.0, 60.0])),
        "limit": draw(st.integers(1, 60)),
        "colour": draw(st.sampled_from([None, "red", "blue"])),
        "most": draw(st.sampled_from([None, 20])),
    }


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(query=queries())
def test_a_search_agrees_with_brute_force(
    module_client: Client, items: list[Stored], query: dict[str, object]
) -> None:
    wanted: list[tuple[str, float, object, int]] = query["legs"]  # type: ignore[assignment]
    k: float = query["k"]  # type: ignore[assignment]
    limit: int = query["limit"]  # type: ignore[assignment]
    colour, most = query["colour"], query["most"]
    where = None
    if colour is not None:
        where = Field("colour") == colour
    if most is not None:
        small = Field("size") <= most  # type: ignore[operator]
        where = small if where is None else where & small
    passing = [
        item
        for item in items
        if (colour is None or item.colour == colour) and (most is None or item.size <= most)  # type: ignore[operator]
    ]
    expected_legs = []
    for space, weight, vector, count in wanted:
        scores = {
            item.point_id: s
            for item in passing
            if (s := _similarity(space, vector, item)) is not None
        }
        ordered = sorted(scores.values())
        # The engine counts in float32: what lies this close has no order to agree on.
        assume(all(b - a > 1e-6 for a, b in itertools.pairwise(ordered)))
        expected_legs.append(oracle.OracleLeg(weight, count, scores))
    expected = oracle.reciprocal_rank(expected_legs, k, limit)

    answer = module_client.search(
        "oracle",
        vectors=[
            leg(
                space,
                weight=weight,
                vector=_sparse(vector) if space == "words" else _dense(vector),  # type: ignore[arg-type]
                candidate_count=count,
            )
            for space, weight, vector, count in wanted
        ],
        where=where,
        k=k,
        limit=limit,
    )
    assert [hit.item.point_id for hit in answer.hits] == [hit.id for hit in expected]
    assert [hit.rank for hit in answer.hits] == list(range(1, len(expected) + 1))
    by_id = {item.point_id: item for item in items}
    for hit, known in zip(answer.hits, expected, strict=True):
        assert hit.score == pytest.approx(known.score, abs=1e-5)
        assert sum(s.contribution for s in hit.vector_scores) == pytest.approx(hit.score, abs=1e-6)
        for score, (space, *_), part in zip(hit.vector_scores, wanted, known.parts, strict=True):
            similarity, rank, contribution = part
            assert (score.rank if score.HasField("rank") else None) == rank
            assert score.contribution == pytest.approx(contribution, abs=1e-6)
            if similarity is not None:
                assert score.state == VectorScore.STATE_SCORED
                assert score.similarity == pytest.approx(similarity, abs=1e-5, rel=1e-5)
            elif getattr(by_id[known.id], space) is None:
                assert score.state == VectorScore.STATE_NO_SUCH_VECTOR
            else:
                assert score.state == VectorScore.STATE_NO_SHARED_TERM


def test_the_same_search_has_the_same_order(module_client: Client, items: list[Stored]) -> None:
    first = items[0]
    answers = {
        tuple(hit.item.id for hit in module_client.search("oracle", item_id=first.id).hits)
        for _ in range(20)
    }
    assert len(answers) == 1
    assert first.id not in answers.pop()


def test_a_smaller_limit_is_a_prefix(module_client: Client, items: list[Stored]) -> None:
    long, short = (
        [
            (hit.item.id, hit.score)
            for hit in module_client.search("oracle", item_id=items[3].id, limit=limit).hits
        ]
        for limit in (20, 10)
    )
    assert long[:10] == short


def test_an_item_as_input_skips_the_legs_it_lacks(
    module_client: Client, items: list[Stored]
) -> None:
    lacking = next(item for item in items if item.flat is None and item.many is not None)
    answer = module_client.search("oracle", item_id=lacking.id, weights={"flat": 1, "many": 1})
    assert [made.vector_name for made in answer.legs] == ["many"]
    assert [w.field for w in answer.warnings] == ["input"]


def test_an_unindexed_field_is_filtered_with_a_warning(
    module_client: Client, items: list[Stored]
) -> None:
    answer = module_client.search("oracle", item_id=items[0].id, where=Field("shape") == "round")
    assert not answer.hits
    assert any("shape" in warning.message for warning in answer.warnings)
