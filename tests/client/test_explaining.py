"""Explanations: what is sent, and what is said of them."""

import pytest
from google.protobuf.message import Message

from tests.client.service import Service, gives
from triptych import (
    ArgumentError,
    ExplainResponse,
    FilterClause,
    Leg,
    LegExplanation,
    QueryInput,
    SearchHit,
    VectorScore,
    context_search_request,
    discover_request,
    examples,
    explanation_text,
    pair,
    query_input,
    recommend_request,
    search_request,
)
from triptych.v1.search_service_pb2 import ExplainRequest

Outcome = ExplainResponse.Outcome
CUP, BOAT = QueryInput(text="a cup"), QueryInput(text="a boat")


@pytest.mark.parametrize(
    ("request_message", "kind"),
    [
        (search_request("pictures", text="a cup", where="price < 5"), "search"),
        (recommend_request("pictures", positives=examples(texts=["a cup"])), "recommend"),
        (discover_request("pictures", target=CUP, pairs=[pair(CUP, BOAT)]), "discover"),
        (context_search_request("pictures", pairs=[(CUP, BOAT)]), "context_search"),
    ],
)
def test_a_request_of_every_kind(service: Service, request_message: Message, kind: str) -> None:
    service.on("Explain", gives(ExplainResponse(item_id="mug")))
    with service.client() as client:
        answer = client.explain(request_message, "mug")  # type: ignore[arg-type]
    assert answer.item_id == "mug"
    [sent] = service.requests(ExplainRequest)
    assert (sent.item_id, sent.WhichOneof("request")) == ("mug", kind)
    assert getattr(sent, kind) == request_message


def test_a_request_is_what_its_method_sends(service: Service) -> None:
    given = {"weights": {"image": 1}, "where": "price < 5", "limit": 3}
    liked = examples(texts=["a cup"])
    with service.client() as client:
        client.recommend("pictures", positives=liked, **given)  # type: ignore[arg-type]
        client.discover("pictures", target=CUP, pairs=[(CUP, BOAT)], **given)  # type: ignore[arg-type]
        client.context_search("pictures", pairs=[(CUP, BOAT)], **given)  # type: ignore[arg-type]
    assert [call.request for call in service.calls] == [
        recommend_request("pictures", positives=liked, **given),  # type: ignore[arg-type]
        discover_request("pictures", target=CUP, pairs=[(CUP, BOAT)], **given),  # type: ignore[arg-type]
        context_search_request("pictures", pairs=[(CUP, BOAT)], **given),  # type: ignore[arg-type]
    ]


def test_what_is_no_request(service: Service) -> None:
    with service.client() as client:
        with pytest.raises(ArgumentError) as caught:
            client.explain(query_input(text="a cup"), "mug")  # type: ignore[arg-type]
        assert caught.value.violations[0].field == "request"
        with pytest.raises(ArgumentError) as caught:
            client.explain(search_request("pictures", text="a cup"), 7)  # type: ignore[arg-type]
        assert caught.value.violations[0].field == "item_id"
    assert not service.calls


def leg(name: str, causes: list[Outcome.ValueType], **said: object) -> LegExplanation:
    return LegExplanation(
        leg=Leg(vector_name=name, weight=0.25, candidate_count=100, score_threshold=0.5),
        score=VectorScore(state=VectorScore.STATE_SCORED, similarity=0.123456),
        causes=causes,
        **said,  # type: ignore[arg-type]
    )


def test_every_cause_has_a_sentence() -> None:
    causes = [cause for cause in Outcome.values() if cause > ExplainResponse.OUTCOME_IN_ANSWER]
    answer = ExplainResponse(
        item_id="mug",
        outcome=causes[0],
        causes=causes,
        hit=SearchHit(rank=12, score=0.25),
        offset=10,
        limit=1,
        score_threshold=0.3,
        clauses=[
            FilterClause(field="filter.must[0]", text="price < 5"),
            FilterClause(field="filter.should"),
            FilterClause(field="filter.must[1]", text="sold = true", passes=True),
        ],
    )
    assert explanation_text(answer).splitlines() == [
        "'mug' is not in the answer.",
        "The search is asked with it, and such items are never hits.",
        "It does not pass the filter: price < 5; filter.should.",
        "It has none of the vectors that are asked.",
        "It shares no term with the query.",
        "No leg accepts its similarity: it is below their thresholds.",
        "Others are nearer: no leg has it among its candidates.",
        "Its score 0.25 is below the score threshold of 0.3; without it, it has rank 12.",
        "Its rank 12 is not on the page of ranks 11 to 11.",
        "filter: fails price < 5",
        "filter: fails filter.should",
        "filter: passes sold = true",
    ]


def test_every_leg_has_a_line() -> None:
    below, outside = (
        ExplainResponse.OUTCOME_BELOW_LEG_THRESHOLD,
        ExplainResponse.OUTCOME_OUTSIDE_CANDIDATES,
    )
    answer = ExplainResponse(
        item_id="mug",
        outcome=below,
        causes=[below],
        legs=[
            leg("image", [outside], exact_rank=130, least_candidate_count=131),
            leg("caption", [below, outside], beyond_ranks=True),
        ],
    )
    answer.legs.add(
        leg=answer.legs[0].leg,
        score=VectorScore(
            state=VectorScore.STATE_SCORED, similarity=0.9, rank=3, contribution=0.05
        ),
        exact_rank=4,
        least_candidate_count=4,
    )
    assert explanation_text(answer).splitlines()[2:] == [
        "image ×0.25: similarity 0.1235, exact rank 130; "
        "not among the 100 candidates, it takes 131.",
        "caption ×0.25: similarity 0.1235, more than 10000 are at least as near; "
        "below the leg's threshold of 0.5; not among the 100 candidates.",
        "image ×0.25: similarity 0.9, exact rank 4; rank 3 among the candidates, adds 0.05.",
    ]


def test_a_hit_and_what_a_newer_server_may_say() -> None:
    answer = ExplainResponse(
        item_id="mug",
        outcome=ExplainResponse.OUTCOME_IN_ANSWER,
        hit=SearchHit(rank=2, score=0.5),
        ranked_count=40,
    )
    assert explanation_text(answer) == "'mug' is in the answer: rank 2 of 40, score 0.5."
    newer = ExplainResponse.FromString(
        ExplainResponse(item_id="mug").SerializeToString() + b"\x10\x63\x1a\x01\x63"
    )
    assert explanation_text(newer).splitlines()[1] == "It is kept out by cause 99."
