"""Fusions, thresholds, pages and stored vectors on their way into a request."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.service import Service, gives
from triptych import (
    ArgumentError,
    Client,
    Fusion,
    SearchResponse,
    StoredVector,
    leg,
    max_score,
    min_score,
    query_input,
    reciprocal_rank,
    weighted_sum,
)
from triptych.v1.search_service_pb2 import (
    MaxScore,
    MinScore,
    QueryInput,
    ReciprocalRank,
    SearchRequest,
    VectorQuery,
    WeightedSum,
)


def test_each_fusion() -> None:
    assert reciprocal_rank() == Fusion(reciprocal_rank=ReciprocalRank())
    assert reciprocal_rank(k=0) == Fusion(reciprocal_rank=ReciprocalRank(k=0))
    assert weighted_sum() == Fusion(weighted_sum=WeightedSum())
    assert weighted_sum(normalization="none") == Fusion(
        weighted_sum=WeightedSum(normalization=Fusion.NORMALIZATION_NONE)
    )
    assert max_score(normalization="min_max") == Fusion(
        max_score=MaxScore(normalization=Fusion.NORMALIZATION_MIN_MAX)
    )
    assert min_score(normalization=Fusion.NORMALIZATION_DISTRIBUTION) == Fusion(
        min_score=MinScore(normalization=Fusion.NORMALIZATION_DISTRIBUTION)
    )
    # Set, though nothing in it is: the server tells it from no method at all.
    assert max_score().WhichOneof("method") == "max_score"


def test_a_normalization_of_another_name() -> None:
    with pytest.raises(
        ArgumentError, match="got l2, allowed none, min_max, distribution"
    ) as caught:
        min_score(normalization="l2")
    assert caught.value.violations[0].field == "fusion.min_score.normalization"
    with pytest.raises(ArgumentError) as caught:
        reciprocal_rank(k="2")  # type: ignore[arg-type]
    assert caught.value.violations[0].field == "fusion.reciprocal_rank.k"


def test_the_request_of_a_page(service: Service) -> None:
    service.on("Search", gives(SearchResponse()))
    with service.client() as client:
        client.search(
            "p",
            stored_vector=("mug", "caption"),
            vectors=[leg("image", score_threshold=0), leg("ocr", weight=2)],
            fusion=weighted_sum(normalization="distribution"),
            offset=20,
            limit=10,
            score_threshold=0,
        )
    (request,) = service.requests(SearchRequest)
    assert request == SearchRequest(
        collection_id="p",
        input=QueryInput(stored_vector=StoredVector(item_id="mug", vector_name="caption")),
        vectors=[
            VectorQuery(vector_name="image", score_threshold=0),
            VectorQuery(vector_name="ocr", weight=2),
        ],
        fusion=Fusion(weighted_sum=WeightedSum(normalization=Fusion.NORMALIZATION_DISTRIBUTION)),
        offset=20,
        limit=10,
        score_threshold=0,
    )
    assert request.HasField("score_threshold")


def test_a_stored_vector_as_a_pair_and_as_a_message() -> None:
    message = StoredVector(item_id="mug", vector_name="image")
    assert query_input(stored_vector=message) == query_input(stored_vector=("mug", "image"))
    assert leg("ocr", stored_vector=message).input.stored_vector == message
    with pytest.raises(ArgumentError, match="got item_id and stored_vector"):
        query_input(item_id="mug", stored_vector=message)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"offset": 0.5}, "offset"),
        ({"offset": 2**31}, "offset"),
        ({"score_threshold": "0.5"}, "score_threshold"),
        ({"k": 2, "fusion": weighted_sum()}, "k"),
        ({"text": None, "stored_vector": "mug"}, "input.stored_vector"),
        ({"text": None, "stored_vector": ("mug", "\ud800")}, "input.stored_vector.vector_name"),
        ({"text": None, "stored_vector": (7, "image")}, "input.stored_vector.item_id"),
    ],
)
def test_what_can_t_be_sent_is_named(given: dict[str, Any], field: str) -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(ArgumentError) as caught:
        client.search("pictures", **{"text": "a cup", **given})
    assert caught.value.violations[0].field == field


def test_the_threshold_of_a_leg_is_a_number() -> None:
    with pytest.raises(ArgumentError) as caught:
        leg("image", score_threshold=True)
    assert caught.value.violations[0].field == "vectors[image].score_threshold"
