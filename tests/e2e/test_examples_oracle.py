"""Recommend, Discover and ContextSearch against brute force in numpy, figure by figure."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.e2e.test_search_oracle import (  # noqa: F401 - a fixture
    DIMENSION,
    Stored,
    filled,
    module_client,
    similarity_of,
)
from tests.support import explore_oracle, oracle
from triptych import (
    Client,
    Fusion,
    PairScore,
    QueryInput,
    Vector,
    VectorScore,
    max_score,
    query_input,
    reciprocal_rank,
    recompute,
    vector_weight,
    weighted_sum,
)
from triptych.v1.vector_pb2 import DenseVector, SparseVector

KINDS = ("average_vector", "best_score", "sum_scores", "discover", "context")
FUSIONS: dict[str, Callable[[], Fusion]] = {
    "reciprocal_rank": reciprocal_rank,
    "weighted_sum": weighted_sum,
    "max_score": max_score,
}


@dataclass(frozen=True)
class Example:
    """One example: its own vector, or that of an item, on each leg."""

    vector: list[float] | dict[int, float] | None
    item: Stored | None
    name: str | None

    def on(self, space: str) -> Any:
        if self.item is None:
            return self.vector
        stored = getattr(self.item, self.name or space)
        # Where a space compares by cosine, it keeps its vectors with unit length.
        return unit(stored).tolist() if self.name == "flat" else stored

    @property
    def message(self) -> QueryInput:
        if self.item is not None and self.name is not None:
            return query_input(stored_vector=(self.item.id, self.name))
        if self.item is not None:
            return query_input(item_id=self.item.id)
        if isinstance(self.vector, dict):
            terms = SparseVector(indices=self.vector.keys(), values=self.vector.values())
            return query_input(vector=Vector(sparse=terms))
        return query_input(vector=Vector(dense=DenseVector(values=self.vector)))


@dataclass(frozen=True)
class Query:
    """A drawn question over some legs."""

    kind: str
    spaces: tuple[str, ...]
    weights: tuple[float, ...]
    counts: tuple[int, ...]
    threshold: float | None  # of the first leg
    examples: tuple[Example, ...]
    method: str
    offset: int
    limit: int
    split: int

    @property
    def positives(self) -> tuple[Example, ...]:
        """Of a recommendation: those before the negatives. Of pairs: their positive members."""
        if self.kind in ("discover", "context"):
            return self.examples[self.start :: 2]
        return self.examples[: self.split]

    @property
    def negatives(self) -> tuple[Example, ...]:
        if self.kind in ("discover", "context"):
            return self.examples[self.start + 1 :: 2]
        return self.examples[self.split :]

    @property
    def start(self) -> int:
        return 1 if self.kind == "discover" else 0

    @property
    def fusion(self) -> Fusion:
        return FUSIONS[self.method]()


def similarity(space: str, example: Any, item: Stored) -> float | None:
    """To any example: None without the vector, 0 without a shared term."""
    if getattr(item, space) is None:
        return None
    if space == "many":
        rows = [example] if np.ndim(example) == 1 else example
        return oracle.max_sim(rows, item.many)  # type: ignore[arg-type]
    found = similarity_of(space, example, item)
    return 0.0 if found is None else found


def unit(example: Any) -> Any:
    array = np.asarray(example, np.float64)
    return array / np.linalg.norm(array, axis=-1, keepdims=True)


def averaged(space: str, query: Query, item: Stored) -> float | None:
    """The similarity to the average: of unit vectors where the space compares by cosine."""
    given = [[e.on(space) for e in some] for some in (query.positives, query.negatives)]
    if space in ("flat", "many"):
        given = [[unit(example) for example in some] for some in given]
    made = explore_oracle.average(*given, rows=space == "many")
    if getattr(item, space) is None:
        return None
    if isinstance(made, dict):
        return oracle.sparse_dot(made, item.words or {})
    return similarity(space, made.tolist(), item)


@dataclass(frozen=True)
class Known:
    """What the oracle knows of a leg: the score of each item, and its similarities."""

    scores: dict[str, float]
    similarities: dict[str, list[float]]  # in the order of the examples


def known(query: Query, space: str, items: list[Stored]) -> Known:
    similarities: dict[str, list[float]] = {}
    for item in items:
        row = [similarity(space, example.on(space), item) for example in query.examples]
        if None not in row:
            similarities[item.point_id] = [float(s) for s in row if s is not None]
    if query.kind == "average_vector":
        scores = {
            item.point_id: s for item in items if (s := averaged(space, query, item)) is not None
        }
        return Known(scores, {id_: similarities[id_] for id_ in scores})
    table = np.array(list(similarities.values())).reshape(len(similarities), -1)
    if query.kind in ("best_score", "sum_scores"):
        parts = table[:, : query.split], table[:, query.split :]
        made = (
            explore_oracle.best_score(*parts)
            if query.kind == "best_score"
            else explore_oracle.sum_scores(*parts)
        )
    else:
        sides = table[:, query.start :: 2], table[:, query.start + 1 :: 2]
        apart = np.abs(sides[0] - sides[1])
        assume(not ((apart > 0) & (apart < 1e-6)).any())
        made = (
            explore_oracle.discover(table[:, 0], *sides)
            if query.kind == "discover"
            else explore_oracle.context(*sides)
        )
    return Known(dict(zip(similarities, made.tolist(), strict=True)), similarities)


@pytest.fixture(scope="module")
def items(module_client: Client) -> list[Stored]:  # noqa: F811 - the fixture
    return filled(module_client, "examples")


@st.composite
def queries(draw: st.DrawFn, items: list[Stored]) -> Query:
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    kind = draw(st.sampled_from(KINDS))
    sparse = draw(st.integers(0, 3)) == 0
    among = ["words"] if sparse else ["flat", "many", "dots"]
    spaces = tuple(draw(st.lists(st.sampled_from(among), min_size=1, max_size=3, unique=True)))
    whole = [item for item in items if all(getattr(item, space) is not None for space in spaces)]
    assume(whole)

    def example() -> Example:
        what = draw(st.sampled_from(["vector", "item", "stored"]))
        if what == "item":
            return Example(None, draw(st.sampled_from(whole)), None)
        if what == "stored" and sparse:
            return Example(None, draw(st.sampled_from(whole)), "words")
        if what == "stored":
            flat = [item for item in items if item.flat is not None]
            return Example(None, draw(st.sampled_from(flat)), "flat")
        if sparse:
            places = rng.choice(12, size=3, replace=False)
            return Example(
                {int(p): float(np.float32(rng.uniform(0.2, 2))) for p in places}, None, None
            )
        return Example([float(np.float32(v)) for v in rng.normal(size=DIMENSION)], None, None)

    if kind in ("discover", "context"):
        pairs = draw(st.integers(0 if kind == "discover" else 1, 3))
        examples = [example() for _ in range(2 * pairs + (kind == "discover"))]
        split = 0
        start = kind == "discover"
        for one, other in zip(examples[start::2], examples[start + 1 :: 2], strict=True):
            assume(one.message != other.message)
    else:
        split = draw(st.integers(1 if kind == "average_vector" else 0, 3))
        examples = [example() for _ in range(split + draw(st.integers(0 if split else 1, 3)))]
    given = [example.item.id for example in examples if example.item is not None]
    assume(len(given) == len(set(given)))  # an item against itself is a tie, to the last bit or not
    weights = [draw(st.sampled_from([0.25, 1.0, 2.0])) for _ in spaces]
    # Where many items have one score, which of them are candidates is not said.
    full = kind == "context" or sparse
    return Query(
        kind=kind,
        spaces=spaces,
        weights=tuple(weights),
        counts=tuple(60 if full else draw(st.integers(5, 60)) for _ in spaces),
        threshold=draw(st.sampled_from([None, None, -0.5, -0.1] if len(examples) > 1 else [None])),
        examples=tuple(examples),
        method=draw(st.sampled_from(list(FUSIONS))),
        offset=draw(st.sampled_from([0, 0, 3])),
        limit=draw(st.integers(1, 60)),
        split=split,
    )


def ask(client: Client, query: Query) -> Any:
    shared: dict[str, Any] = {
        "vectors": [
            vector_weight(
                space,
                weight=weight,
                candidate_count=count,
                score_threshold=query.threshold if place == 0 else None,
            )
            for place, (space, weight, count) in enumerate(
                zip(query.spaces, query.weights, query.counts, strict=True)
            )
        ],
        "fusion": query.fusion,
        "offset": query.offset,
        "limit": query.limit,
    }
    positives = [example.message for example in query.positives]
    negatives = [example.message for example in query.negatives]
    pairs = list(zip(positives, negatives, strict=False))
    if query.kind == "discover":
        target = query.examples[0].message
        return client.discover("examples", target=target, pairs=pairs, **shared)
    if query.kind == "context":
        return client.context_search("examples", pairs=pairs, **shared)
    return client.recommend(
        "examples", positives=positives, negatives=negatives, strategy=query.kind, **shared
    )


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_answers_agree_with_brute_force(
    module_client: Client,  # noqa: F811 - the fixture
    items: list[Stored],
    data: st.DataObject,
) -> None:
    query = data.draw(queries(items))
    own = {example.item.id for example in query.examples if example.item is not None}
    others = [item for item in items if item.id not in own]
    legs = [known(query, space, others) for space in query.spaces]
    made = []
    for place, leg in enumerate(legs):
        threshold = -np.inf if query.threshold is None or place else query.threshold
        values = leg.scores.values()
        # Of equal scores any may be a candidate, unless all are.
        enough = query.counts[place] >= len(values)
        levels = sorted([*(set(values) if enough else values), threshold])
        # The engine counts in float32: what lies this close has no order to agree on.
        assume(all(b - a > 1e-5 for a, b in itertools.pairwise(levels)))
        weight, count = query.weights[place], query.counts[place]
        made.append(oracle.OracleLeg(weight, count, leg.scores, threshold))
    whole = oracle.fuse(made, method=query.method)
    falling = [hit.score for hit in whole.hits]
    assume(all(a == b or a - b > 1e-5 for a, b in itertools.pairwise(falling)))
    assume(all(b is None or b[0] == b[1] or b[1] - b[0] > 0.2 for b in whole.bounds))
    wanted = oracle.fuse(made, method=query.method, offset=query.offset, limit=query.limit)

    answer = ask(module_client, query)
    assert [hit.item.point_id for hit in answer.hits] == [hit.id for hit in wanted.hits]
    assert [hit.rank for hit in answer.hits] == [hit.rank for hit in wanted.hits]
    assert [leg.vector_name for leg in answer.legs] == list(query.spaces)
    assert [leg.candidates_found for leg in answer.legs] == list(wanted.found)
    assert all(len(leg.examples) == len(query.examples) for leg in answer.legs)
    for hit, expected in zip(answer.hits, wanted.hits, strict=True):
        assert hit.score == pytest.approx(expected.score, abs=2e-5)
        for score, leg, part in zip(hit.vector_scores, legs, expected.parts, strict=True):
            check(query, score, leg, part, expected.id)
    recompute(answer)


def check(query: Query, score: VectorScore, leg: Known, part: oracle.OraclePart, item: str) -> None:
    assert score.contribution == pytest.approx(part.contribution, abs=2e-5)
    assert (score.rank if score.HasField("rank") else None) == part.rank
    if part.similarity is None:
        assert not score.HasField("similarity")
        assert not [*score.pairs, *score.positive_similarities, *score.negative_similarities]
        return
    assert score.similarity == pytest.approx(part.similarity, abs=2e-5, rel=1e-5)
    row = leg.similarities[item]
    if query.kind in KINDS[:3]:
        said = [*score.positive_similarities, *score.negative_similarities]
        assert len(score.positive_similarities) == query.split
        assert said == pytest.approx(row, abs=1e-5)
        return
    if query.kind == "discover":
        assert score.target_similarity == pytest.approx(row[0], abs=1e-5)
    sides = zip(row[query.start :: 2], row[query.start + 1 :: 2], strict=True)
    for pair, (positive, negative) in zip(score.pairs, sides, strict=True):
        assert pair.positive_similarity == pytest.approx(positive, abs=1e-5)
        assert pair.negative_similarity == pytest.approx(negative, abs=1e-5)
        assert pair.verdict == (
            PairScore.VERDICT_SATISFIED
            if positive > negative
            else PairScore.VERDICT_VIOLATED
            if positive < negative
            else PairScore.VERDICT_TIE
        )
