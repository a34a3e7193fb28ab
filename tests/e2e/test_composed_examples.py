"""Composed inputs as examples: each counts as the one vector that its parts come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.support.server import RunningServer
from triptych import (
    Client,
    Composed,
    ComposedPart,
    InvalidArgument,
    Leg,
    QueryInput,
    RecommendRequest,
    SearchResponse,
    VectorSpace,
    VectorWeight,
    composed,
    make_item,
    pair,
    part,
    query_input,
    recompute,
    search_request,
)

DIMENSION, COUNT = 6, 40
STRATEGIES = [
    RecommendRequest.STRATEGY_AVERAGE_VECTOR,
    RecommendRequest.STRATEGY_BEST_SCORE,
    RecommendRequest.STRATEGY_SUM_SCORES,
]
Ask = Callable[..., Any]
RNG = np.random.default_rng(31)


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with server.client() as made:
        yield made


def _vector() -> list[float]:
    return [float(v) for v in (RNG.normal(size=DIMENSION) * RNG.uniform(0.3, 3)).astype(np.float32)]


@pytest.fixture(scope="module")
def vectors(client: Client) -> dict[str, dict[str, Any]]:
    """Items with a dense vector by cosine, one by dot product, and a multivector."""
    supplied = [VectorSpace.SOURCE_SUPPLIED]
    client.create_collection(
        "composed-examples",
        vector_spaces=[
            VectorSpace(name="flat", sources=supplied, dimension=DIMENSION),
            VectorSpace(
                name="dots",
                sources=supplied,
                dimension=DIMENSION,
                distance=VectorSpace.DISTANCE_DOT,
            ),
            VectorSpace(
                name="many", sources=supplied, dimension=DIMENSION, kind=VectorSpace.KIND_MULTI
            ),
        ],
    )
    made: dict[str, dict[str, Any]] = {
        f"item-{n}": {
            "flat": _vector(),
            "dots": _vector(),
            "many": [_vector() for _ in range(n % 3 + 1)],
        }
        for n in range(COUNT)
    }
    client.upsert("composed-examples", [make_item(id, vectors=v) for id, v in made.items()])
    return made


def _both(weights: list[float]) -> tuple[QueryInput, QueryInput]:
    """A composed input of ready vectors, and the one vector of unit length that it comes to."""
    given = [np.array(_vector()) for _ in weights]
    parts = [part(vector=v.tolist(), weight=w) for v, w in zip(given, weights, strict=True)]
    total: Any = sum(w * v / np.linalg.norm(v) for v, w in zip(given, weights, strict=True))
    one = (total / np.linalg.norm(total)).astype(np.float32)
    return query_input(composed=composed(*parts)), query_input(vector=one.tolist())


def _recommend(client: Client, given: list[QueryInput], **more: Any) -> Any:
    return client.recommend("composed-examples", positives=given[:2], negatives=given[2:], **more)


def _discover(client: Client, given: list[QueryInput], **more: Any) -> Any:
    return client.discover(
        "composed-examples", target=given[0], pairs=[pair(given[1], given[2])], **more
    )


def _context(client: Client, given: list[QueryInput], **more: Any) -> Any:
    pairs = [pair(given[0], given[1]), pair(given[1], given[2])]
    return client.context_search("composed-examples", pairs=pairs, **more)


def _told(answer: Any) -> list[tuple[str, float]]:
    return [(hit.item.id, hit.score) for hit in answer.hits]


@pytest.mark.parametrize("name", ["flat", "dots", "many"])
@pytest.mark.parametrize(
    "ask",
    [
        *(
            lambda client, given, strategy=strategy, **more: _recommend(
                client, given, strategy=strategy, **more
            )
            for strategy in STRATEGIES
        ),
        _discover,
        _context,
    ],
)
def test_a_composed_example_is_the_vector_it_comes_to(
    client: Client, vectors: dict[str, Any], ask: Ask, name: str
) -> None:
    made = [_both([1.0, -0.5]), _both([2.0, 3.0, -1.0]), _both([0.25])]
    more = {
        "vectors": [VectorWeight(vector_name=name)],
        "limit": COUNT,
        "return_fields": ["payload"],
    }
    composed_answer = ask(client, [c for c, _ in made], **more)
    plain_answer = ask(client, [v for _, v in made], **more)
    found, wanted = _told(composed_answer), _told(plain_answer)
    assert [id for id, _ in found] == [id for id, _ in wanted]
    sims = [
        [s.similarity for s in hit.vector_scores]
        for answer in (composed_answer, plain_answer)
        for hit in answer.hits
    ]
    assert np.allclose(sims[: len(found)], sims[len(found) :], atol=1e-5)
    for hit in composed_answer.hits:
        assert not hit.vector_scores[0].part_shares
    [leg] = composed_answer.legs
    assert {e.input_kind for e in leg.examples} == {Leg.INPUT_KIND_COMPOSED}
    recompute(composed_answer)


def test_items_in_composed_examples_are_no_hits(client: Client, vectors: dict[str, Any]) -> None:
    given = query_input(
        composed=composed(part(item_id="item-1"), part(stored_vector=("item-2", "flat")))
    )
    answer = client.recommend(
        "composed-examples", positives=[given], weights={"flat": 1}, limit=COUNT
    )
    assert {hit.item.id for hit in answer.hits} == set(vectors) - {"item-1", "item-2"}


def test_a_pair_of_composed_inputs_that_are_the_same(client: Client) -> None:
    same = [query_input(composed=composed(part(text=text))) for text in ("é", "e\u0301")]
    with pytest.raises(InvalidArgument) as refused:
        client.context_search("composed-examples", pairs=[pair(*same)])
    assert [(v.field, v.reason) for v in refused.value.violations] == [
        ("pairs[0]", "PAIR_IDENTICAL")
    ]


def test_a_pair_is_not_the_same_for_a_part_that_is_no_input(client: Client) -> None:
    """Left out of its composed input, the part would leave what the other member is."""
    whole = QueryInput(composed=Composed(parts=[ComposedPart(text="a")]))
    broken = QueryInput(composed=Composed(parts=[ComposedPart(text="a"), ComposedPart()]))
    with pytest.raises(InvalidArgument) as refused:
        client.context_search("composed-examples", pairs=[pair(broken, whole)])
    assert [(v.field, v.reason) for v in refused.value.violations] == [
        ("pairs[0].positive.composed.parts[1]", "QUERY_EMPTY")
    ]


def test_composed_inputs_and_expressions_in_a_batch(
    client: Client, vectors: dict[str, Any]
) -> None:
    both = composed(part(item_id="item-1"), part(item_id="item-2", weight=-0.5))
    more: dict[str, Any] = {"weights": {"flat": 1}, "where": 'ID NOT IN ("item-3")'}
    asked = [
        search_request("composed-examples", composed=both, **more),
        search_request("composed-examples", composed=both, weights={"flat": 1}, where="n = "),
    ]
    found, refused = client.batch_search(asked)
    alone = client.search("composed-examples", composed=both, **more)
    assert isinstance(found, SearchResponse)
    assert _told(found) == _told(alone)
    assert found.canonical_filter == alone.canonical_filter == 'NOT ID IN ("item-3")'
    assert [hit.vector_scores[0].part_shares for hit in found.hits] == [
        hit.vector_scores[0].part_shares for hit in alone.hits
    ]
    assert isinstance(refused, InvalidArgument)
    assert refused.violations[0].field == "filter.expression"
