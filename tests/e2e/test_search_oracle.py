"""Whole searches against brute force in numpy: similarities, ranks, contributions, order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.support import oracle
from tests.support.live import api_key, live_prefix
from tests.support.server import RunningServer
from triptych import (
    Client,
    Field,
    Fusion,
    Leg,
    SearchResponse,
    Vector,
    VectorScore,
    VectorSpace,
    Where,
    leg,
    make_item,
    max_score,
    min_score,
    reciprocal_rank,
    recompute,
    weighted_sum,
)
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
    """Those of the collection ``oracle``."""
    return filled(module_client, "oracle")


def filled(client: Client, name: str) -> list[Stored]:
    """A new collection of random items; each vector is there in three of four."""
    supplied = [VectorSpace.SOURCE_SUPPLIED]
    client.create_collection(
        name,
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
    client.upsert(name, messages)
    ids = {i.id: i.point_id for i in client.list_items(name)}
    return [replace(item, point_id=ids[item.id]) for item in made]


def similarity_of(space: str, query: object, item: Stored) -> float | None:
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


BY_SIMILARITY = {"weighted_sum": weighted_sum, "max_score": max_score, "min_score": min_score}
LIKE = [("flat", "many"), ("dots", "words"), ("flat",), ("words",)]


@dataclass(frozen=True)
class AskedLeg:
    """One leg of a drawn query."""

    space: str
    weight: float
    vector: list[float] | dict[int, float]
    count: int
    threshold: float | None


@dataclass(frozen=True)
class Query:
    """A drawn query: its legs, how they are fused, and what is asked of the ranking."""

    legs: tuple[AskedLeg, ...]
    method: str
    normalization: str
    k: float
    offset: int
    limit: int
    threshold: float | None
    colour: str | None
    most: int | None

    @property
    def fusion(self) -> Fusion:
        if self.method == "reciprocal_rank":
            return reciprocal_rank(k=self.k)
        return BY_SIMILARITY[self.method](normalization=self.normalization)

    def passes(self, item: Stored) -> bool:
        fits = self.colour is None or item.colour == self.colour
        return fits and (self.most is None or item.size <= self.most)

    @property
    def where(self) -> Where | None:
        tests = []
        if self.colour is not None:
            tests.append(Field("colour") == self.colour)
        if self.most is not None:
            tests.append(Field("size") <= self.most)
        return None if not tests else tests[0] if len(tests) == 1 else tests[0] & tests[1]


@st.composite
def queries(draw: st.DrawFn) -> Query:
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    method = draw(st.sampled_from(["reciprocal_rank", *BY_SIMILARITY]))
    normalization = draw(st.sampled_from(["none", "min_max", "distribution"]))
    unlike = method == "reciprocal_rank" or normalization != "none"
    among = SPACES if unlike else draw(st.sampled_from(LIKE))
    spaces = draw(st.lists(st.sampled_from(among), min_size=1, max_size=4, unique=True))
    weights = [draw(st.sampled_from([0.25, 1.0, 2.0])) for _ in spaces]
    if draw(st.booleans()):
        weights[0] = 0.0 if len(spaces) > 1 else 1.0
    steps = {"flat": 0.3, "many": 0.3, "words": 1.0, "dots": 2.0}
    k = draw(st.sampled_from([0.0, 2.0, 60.0]))
    top = 1.0 if method == "weighted_sum" else max(weights)
    if method == "reciprocal_rank":
        top = sum(weight / (k + 1) for weight in weights)
    parts = [None, None, 0.1, 0.4, *([-0.1] if normalization == "none" and not unlike else [])]
    part = draw(st.sampled_from(parts))
    return Query(
        legs=tuple(
            AskedLeg(
                space,
                weight,
                _terms(rng) if space == "words" else _vector(rng),
                draw(st.integers(1, 60)),
                draw(st.sampled_from([None, None, -steps[space] / 3, steps[space]])),
            )
            for space, weight in zip(spaces, weights, strict=True)
        ),
        method=method,
        normalization=normalization,
        k=k,
        offset=draw(st.sampled_from([0, 0, 1, 7, 50])),
        limit=draw(st.integers(1, 60)),
        threshold=None if part is None else part * top,
        colour=draw(st.sampled_from([None, "red", "blue"])),
        most=draw(st.sampled_from([None, 20])),
    )


def _expected(query: Query, items: list[Stored]) -> oracle.OracleRanking:
    """What the oracle says; queries whose order hangs on the last bits are not asked."""
    legs = []
    for asked in query.legs:
        scores = {
            item.point_id: s
            for item in items
            if query.passes(item)
            and (s := similarity_of(asked.space, asked.vector, item)) is not None
        }
        threshold = -np.inf if asked.threshold is None else asked.threshold
        ordered = sorted({*scores.values(), threshold})
        # The engine counts in float32: what lies this close has no order to agree on.
        assume(all(b - a > 1e-6 for a, b in itertools.pairwise(ordered)))
        legs.append(oracle.OracleLeg(asked.weight, asked.count, scores, threshold))
    asking = {"method": query.method, "normalization": query.normalization, "k": query.k}
    whole = oracle.fuse(legs, **asking)  # type: ignore[arg-type]
    least = -np.inf if query.threshold is None else query.threshold
    falling = [hit.score for hit in whole.hits]
    # Scores are equal where two items are the best of a leg each, and else far enough apart; a
    # scale that is nearly a point would make much of little.
    assume(all(a == b or a - b > 1e-5 for a, b in itertools.pairwise(falling)))
    assume(all(abs(score - least) > 1e-5 for score in falling))
    if query.normalization == "min_max":
        pairs = [pair for pair in whole.bounds if pair is not None]
        assume(all(high == low or high - low > 0.2 for low, high in pairs))
    if query.normalization == "distribution":
        pairs = [pair for pair in whole.bounds if pair is not None]
        assume(all(sigma == 0 or sigma > 0.05 for _, sigma in pairs))
    return oracle.fuse(
        legs,
        **asking,  # type: ignore[arg-type]
        threshold=least,
        offset=query.offset,
        limit=query.limit,
    )


def ask(client: Client, query: Query) -> SearchResponse:
    return client.search(
        "oracle",
        vectors=[
            leg(
                asked.space,
                weight=asked.weight,
                vector=_sparse(asked.vector)
                if isinstance(asked.vector, dict)
                else _dense(asked.vector),
                candidate_count=asked.count,
                score_threshold=asked.threshold,
            )
            for asked in query.legs
        ],
        where=query.where,
        fusion=query.fusion,
        offset=query.offset,
        limit=query.limit,
        score_threshold=query.threshold,
    )


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(query=queries())
def test_a_search_agrees_with_brute_force(
    module_client: Client, items: list[Stored], query: Query
) -> None:
    expected = _expected(query, items)
    answer = ask(module_client, query)
    assert answer.fusion == query.fusion
    assert [hit.item.point_id for hit in answer.hits] == [hit.id for hit in expected.hits]
    assert [hit.rank for hit in answer.hits] == [hit.rank for hit in expected.hits]
    assert [made.candidates_found for made in answer.legs] == list(expected.found)
    for made, asked, bounds in zip(answer.legs, query.legs, expected.bounds, strict=True):
        assert (made.vector_name, made.weight) == (asked.space, asked.weight)
        assert _optional(made, "score_threshold") == asked.threshold
        assert _bounds(made) == (None if bounds is None else pytest.approx(bounds, abs=1e-5))
    by_id = {item.point_id: item for item in items}
    for hit, known in zip(answer.hits, expected.hits, strict=True):
        assert hit.score == pytest.approx(known.score, abs=1e-6, rel=1e-6)
        added = sum(s.contribution for s in hit.vector_scores)
        assert added == pytest.approx(hit.score, abs=1e-9)
        for score, asked, part in zip(hit.vector_scores, query.legs, known.parts, strict=True):
            assert score.state == _state(by_id[known.id], asked.space, part)
            assert _optional(score, "rank") == part.rank
            assert score.contribution == pytest.approx(part.contribution, abs=1e-6, rel=1e-6)
            assert _optional(score, "similarity") == _close(part.similarity, 1e-5)
            assert _optional(score, "normalized_score") == _close(part.normalized, 5e-6)
    recompute(answer)


def _state(item: Stored, space: str, part: oracle.OraclePart) -> VectorScore.State.ValueType:
    if part.counts:
        return VectorScore.STATE_SCORED
    if part.similarity is not None:
        return VectorScore.STATE_BELOW_THRESHOLD
    missing = getattr(item, space) is None
    return VectorScore.STATE_NO_SUCH_VECTOR if missing else VectorScore.STATE_NO_SHARED_TERM


def _optional(message: Any, field: str) -> Any:
    return getattr(message, field) if message.HasField(field) else None


def _close(value: float | None, tolerance: float) -> object:
    return None if value is None else pytest.approx(value, abs=tolerance, rel=tolerance)


def _bounds(made: Leg) -> tuple[float, float] | None:
    if made.HasField("min_max"):
        return made.min_max.min, made.min_max.max
    if made.HasField("distribution"):
        return made.distribution.mean, made.distribution.sigma
    return None


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
