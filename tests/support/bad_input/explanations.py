"""Bad requests of Explain: of its own, and those of the searches inside."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from tests.support.bad_input.build import FP, IA, NF, STRICT, Row, by, field, search, where
from tests.support.bad_input.examples import BOAT, CUP, context, discover, recommend
from triptych.v1.filter_pb2 import Filter
from triptych.v1.search_service_pb2 import (
    ContextPair,
    ExplainRequest,
    QueryInput,
    VectorQuery,
    VectorWeight,
)


def explain(request: Message | None = None, **given: Any) -> ExplainRequest:
    asked = ExplainRequest(**{"item_id": "good", **given})
    if request is not None:
        name = type(request).__name__.removesuffix("Request")
        which = {"ContextSearch": "context_search"}.get(name, name.lower())
        getattr(asked, which).CopyFrom(request)
    return asked


ROWS: dict[str, Row] = {
    "explain: no request": Row(explain(), IA, "QUERY_EMPTY", "request"),
    "explain: no item": Row(explain(search(), item_id=""), IA, "ID_EMPTY", "item_id"),
    "explain: neither": Row(ExplainRequest(), IA, "ID_EMPTY", "item_id"),
    "explain: neither, told as well": Row(ExplainRequest(), IA, "QUERY_EMPTY", "request"),
    "explain: an id too long": Row(
        explain(search(), item_id="x" * 513), IA, "ID_TOO_LONG", "item_id"
    ),
    "explain: an id with a control character": Row(
        explain(search(), item_id="a\x00b"), IA, "ID_INVALID", "item_id"
    ),
    "explain: an item that is not there": Row(
        explain(search(), item_id="never-written"), NF, "ITEM_NOT_FOUND", "item_id"
    ),
    "explain: an input that is not there": Row(
        explain(search(input=QueryInput(item_id="never-written"))),
        NF,
        "ITEM_NOT_FOUND",
        "input.item_id",
    ),
    "explain: an unknown collection": Row(
        explain(search(collection_id="never-made")), NF, "COLLECTION_NOT_FOUND", "collection_id"
    ),
    "explain: a search without input": Row(explain(search(input=None)), IA, "QUERY_EMPTY", "input"),
    "explain: a search and an item, both wrong": Row(
        explain(search(limit=-1), item_id=""), IA, "LIMIT_INVALID", "limit"
    ),
    "explain: an unknown vector": Row(
        explain(search(vectors=[VectorQuery(vector_name="looks")])),
        FP,
        "VECTOR_NAME_UNKNOWN",
        "vectors[0].vector_name",
    ),
    "explain: a filter that can't be read": Row(
        explain(search(filter=Filter(expression="price <"))),
        IA,
        "FILTER_EXPRESSION_INVALID",
        "filter.expression",
    ),
    "explain: a number that was rounded": Row(
        explain(by("count", equals=2.0**60)),
        IA,
        "NUMBER_NOT_EXACT",
        "filter.must[0].field.equals",
    ),
    "explain: what no index serves, where it is refused": Row(
        explain(search(collection_id=STRICT, filter=where(field("colour", equals="red")))),
        FP,
        "FILTER_FIELD_UNINDEXED",
        "filter.must[0].field",
    ),
    "explain: a recommendation of nothing": Row(
        explain(recommend(positives=[])), IA, "POSITIVES_MISSING", "positives"
    ),
    "explain: a recommendation by a leg twice": Row(
        explain(recommend(vectors=[VectorWeight(vector_name="ocr")] * 2)),
        IA,
        "VECTOR_NAME_DUPLICATE",
        "vectors[1].vector_name",
    ),
    "explain: a discovery with a pair of one text": Row(
        explain(discover(pairs=[ContextPair(positive=CUP, negative=CUP)])),
        IA,
        "PAIR_IDENTICAL",
        "pairs[0]",
    ),
    "explain: a context of a half": Row(
        explain(context(pairs=[ContextPair(negative=BOAT)])), IA, "QUERY_EMPTY", "pairs[0].positive"
    ),
}
