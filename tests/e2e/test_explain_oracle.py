"""Explain against brute force: every outcome, of every kind of search, on several stores."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.e2e import test_examples_oracle as by_examples
from tests.e2e import test_search_oracle as by_search
from tests.e2e.test_search_oracle import Stored, filled, similarity_of
from tests.support import explain_oracle as oracle
from tests.support.live import api_key, live_prefix
from tests.support.reference_server import reference_client
from tests.support.server import RunningServer
from triptych import (
    Client,
    ExplainResponse,
    Filter,
    SearchRequest,
    VectorScore,
    context_search_request,
    discover_request,
    explanation_text,
    recommend_request,
    search_request,
)
from triptych.v1.filter_pb2 import Condition, FieldCondition, NumberRange

COLLECTION = "explained"
COLOURS = ("red", "green", "blue")


class Requests:
    """Makes the requests that a client would send."""

    search = staticmethod(search_request)
    recommend = staticmethod(recommend_request)
    discover = staticmethod(discover_request)
    context_search = staticmethod(context_search_request)


REQUESTS = cast(Client, Requests())


@pytest.fixture(
    scope="module",
    params=["embedded", "reference", pytest.param("qdrant", marks=pytest.mark.live)],
)
def module_client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """A client of the shared server, of one on the reference, and of one on a live Qdrant."""
    if request.param == "embedded":
        server: RunningServer = request.getfixturevalue("server")
        with server.client() as made:
            yield made
        return
    folder = tmp_path_factory.mktemp(request.param) / "data"
    if request.param == "reference":
        with reference_client(folder) as made:
            yield made
        return
    with (
        live_prefix() as (url, _),
        RunningServer(folder, store=url, qdrant_api_key=api_key() or "") as running,
    ):
        with running.client() as made:
            yield made
        assert running.stop() == 0, running.log
        assert "Traceback" not in running.log


@pytest.fixture(scope="module")
def items(module_client: Client) -> list[Stored]:
    return filled(module_client, COLLECTION)


@dataclass
class Clauses:
    """A drawn filter: the message, and each clause with what it lets through."""

    message: Filter = field(default_factory=Filter)
    known: list[tuple[str, int | None, str, Callable[[Stored], bool]]] = field(default_factory=list)

    def passes(self, item: Stored) -> bool:
        return all(holds(item) for _, _, _, holds in self.known)


def _colour(colour: str) -> Condition:
    made = Condition(field=FieldCondition(name="colour"))
    made.field.equals.string_value = colour
    return made


def _size(**bounds: float) -> Condition:
    return Condition(field=FieldCondition(name="size", number_range=NumberRange(**bounds)))


@st.composite
def filters(draw: st.DrawFn) -> Clauses:
    made = Clauses()
    colour, size = draw(st.sampled_from(COLOURS)), draw(st.integers(0, 39))
    words: list[str] = []
    denied = []
    if draw(st.booleans()):
        return made
    if draw(st.integers(0, 2)) == 0:
        made.message.must.append(_size(lte=size))
        made.known.append(("filter.must[0]", None, f"size <= {size}", lambda i: i.size <= size))
    if draw(st.integers(0, 2)) == 0:
        words.append("size >= 3")
        made.known.append(("filter.expression", 1, "size >= 3", lambda i: i.size >= 3))
    if draw(st.integers(0, 2)) == 0:
        count = draw(st.integers(1, 2))
        made.message.should.extend([_colour(colour), _size(gte=20)])
        made.message.min_should_count = count
        text = f'colour = "{colour}" OR size >= 20'
        if count == 2:
            text = f'AT LEAST 2 OF (colour = "{colour}", size >= 20)'
        made.known.append(
            (
                "filter.should",
                None,
                text,
                lambda i: (i.colour == colour) + (i.size >= 20) >= count,
            )
        )
    if draw(st.integers(0, 2)) == 0:
        made.message.must_not.append(_colour("blue"))
        made.known.append(
            ("filter.must_not[0]", None, 'colour != "blue"', lambda i: i.colour != "blue")
        )
    if draw(st.integers(0, 2)) == 0:
        words.append("NOT size < 2")
        denied.append(len(" AND ".join(words)) - len("size < 2") + 1)
        made.known.append(("filter.expression", denied[0], "NOT size < 2", lambda i: i.size >= 2))
    made.message.expression = " AND ".join(words)
    return made


def _gaps(levels: list[float], least: float) -> bool:
    ordered = sorted(levels)
    return all(b - a > least for a, b in itertools.pairwise(ordered))


def _asked_search(query: by_search.Query, items: list[Stored]) -> list[oracle.AskedLeg]:
    legs = []
    for asked in query.legs:
        known = {
            item.point_id: s
            for item in items
            if (s := similarity_of(asked.space, asked.vector, item)) is not None
        }
        threshold = -math.inf if asked.threshold is None else asked.threshold
        # The engine counts in float32: what lies this close has no order to agree on.
        assume(_gaps([*known.values(), threshold], 2e-6))
        having = {item.point_id for item in items if getattr(item, asked.space) is not None}
        legs.append(oracle.AskedLeg(asked.weight, asked.count, threshold, known, having))
    return legs


def _asked_examples(query: by_examples.Query, items: list[Stored]) -> list[oracle.AskedLeg]:
    legs = []
    for place, space in enumerate(query.spaces):
        known = by_examples.known(query, space, items).scores
        threshold = -math.inf if query.threshold is None or place else query.threshold
        values, count = list(known.values()), query.counts[place]
        # Of equal scores any may be a candidate, unless all are.
        levels = set(values) if count >= len(values) else values
        assume(_gaps([*levels, threshold], 1e-5))
        having = {item.point_id for item in items if getattr(item, space) is not None}
        legs.append(oracle.AskedLeg(query.weights[place], count, threshold, known, having))
    return legs


EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def test_a_search_is_explained(module_client: Client, items: list[Stored]) -> None:
    seen: Counter[str] = Counter()

    @EXAMPLES
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        query, filter = data.draw(by_search.queries()), data.draw(filters())
        legs = _asked_search(query, items)
        request = by_search.ask(REQUESTS, query)
        asked = oracle.Asked(
            legs,
            {item.point_id for item in items if filter.passes(item)},
            set(),
            query.method,
            query.normalization,
            query.k,
            -math.inf if query.threshold is None else query.threshold,
            query.offset,
            query.limit,
        )
        _check(module_client, request, filter, asked, data.draw(st.sampled_from(items)), seen)

    check()
    assert set(seen) == {"IN_ANSWER", *oracle.ORDER} - {"USED_AS_INPUT"}, seen


def test_a_search_by_examples_is_explained(module_client: Client, items: list[Stored]) -> None:
    seen: Counter[str] = Counter()

    @EXAMPLES
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        query, filter = data.draw(by_examples.queries(items)), data.draw(filters())
        own = [example.item for example in query.examples if example.item is not None]
        legs = _asked_examples(query, items)
        request = by_examples.ask(REQUESTS, query)
        asked = oracle.Asked(
            legs,
            {item.point_id for item in items if filter.passes(item)},
            {item.point_id for item in own},
            query.method,
            offset=query.offset,
            limit=query.limit,
        )
        among = own if own and data.draw(st.integers(0, 3)) == 0 else items
        _check(module_client, request, filter, asked, data.draw(st.sampled_from(among)), seen)
        kinds.add(query.kind)

    kinds: set[str] = set()
    check()
    assert kinds == set(by_examples.KINDS)
    assert set(seen) >= {"IN_ANSWER", *oracle.ORDER[:3], *oracle.ORDER[4:6], "OUTSIDE_PAGE"}, seen


def _check(
    client: Client,
    request: Any,
    filter: Clauses,
    asked: oracle.Asked,
    item: Stored,
    seen: Counter[str],
) -> None:
    told = oracle.explain(asked, item.point_id)
    whole = told.whole
    falling = [hit.score for hit in whole.hits]
    assume(all(a == b or a - b > 1e-5 for a, b in itertools.pairwise(falling)))
    assume(all(abs(score - asked.threshold) > 1e-5 for score in falling))
    least = 0.2 if asked.normalization == "min_max" else 0.05
    for bounds in whole.bounds:
        if bounds is not None and asked.normalization == "min_max":
            assume(bounds[0] == bounds[1] or bounds[1] - bounds[0] > least)
        elif bounds is not None:
            assume(bounds[1] == 0 or bounds[1] > least)
    request.collection_id = COLLECTION
    request.filter.CopyFrom(filter.message)

    answer = client.explain(request, item.id)
    assert answer.item_id == item.id
    assert _names(answer.causes) == told.causes
    assert _names([answer.outcome]) == (told.causes[:1] or ("IN_ANSWER",))
    assert (answer.offset, answer.limit) == (asked.offset, asked.limit)
    assert answer.ranked_count == told.ranked_count
    assert [
        (c.field, c.character if c.HasField("character") else None, c.text, c.passes)
        for c in answer.clauses
    ] == [(where, at, text, holds(item)) for where, at, text, holds in filter.known]
    for explained, leg, wanted in zip(answer.legs, asked.legs, told.legs, strict=True):
        assert explained.leg.candidate_count == leg.candidate_count
        assert VectorScore.State.Name(explained.score.state) == f"STATE_{wanted.state}"
        assert _names(explained.causes) == wanted.causes
        assert _optional(explained, "exact_rank") == wanted.exact_rank
        assert _optional(explained, "least_candidate_count") == wanted.least_count
        assert not explained.beyond_ranks
        similarity = _optional(explained.score, "similarity")
        assert similarity == (
            None
            if wanted.similarity is None
            else pytest.approx(wanted.similarity, abs=2e-5, rel=1e-5)
        )
    assert answer.HasField("hit") == (told.hit is not None)
    if told.hit is not None:
        assert (answer.hit.item.id, answer.hit.rank) == (item.id, told.hit.rank)
        assert answer.hit.score == pytest.approx(told.hit.score, abs=2e-5)
        assert list(answer.hit.vector_scores) == [explained.score for explained in answer.legs]
        for score, part in zip(answer.hit.vector_scores, told.hit.parts, strict=True):
            assert _optional(score, "rank") == part.rank
            assert score.contribution == pytest.approx(part.contribution, abs=2e-5)
    else:
        assert not any(explained.score.contribution for explained in answer.legs)
    _check_with_the_search(client, request, answer, item)
    lines = explanation_text(answer).splitlines()
    assert len(lines) == 1 + len(answer.causes) + len(answer.legs) + len(answer.clauses)
    seen.update(_names([answer.outcome, *answer.causes]))


def _check_with_the_search(
    client: Client, request: Any, answer: ExplainResponse, item: Stored
) -> None:
    """The search itself says the same of the item, to the last bit."""
    if not isinstance(request, SearchRequest):
        return
    [found] = client.batch_search([request])
    assert not isinstance(found, Exception)
    hits = [hit for hit in found.hits if hit.item.id == item.id]
    assert bool(hits) == (answer.outcome == ExplainResponse.OUTCOME_IN_ANSWER)
    assert not hits or hits == [answer.hit]
    assert list(found.legs) == [explained.leg for explained in answer.legs]
    assert found.canonical_filter == answer.canonical_filter


def _names(outcomes: Any) -> tuple[str, ...]:
    return tuple(
        ExplainResponse.Outcome.Name(outcome).removeprefix("OUTCOME_") for outcome in outcomes
    )


def _optional(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def test_enough_candidates_bring_the_item_in(module_client: Client, items: list[Stored]) -> None:
    """What `least_candidate_count` promises, asked of the store itself."""
    rng = np.random.default_rng(11)
    tried = 0
    for item in items:
        if item.flat is None or item.size < 5:
            continue
        vector = [float(v) for v in rng.normal(size=by_search.DIMENSION)]
        request = search_request(
            COLLECTION, vector=vector, weights={"flat": 1}, limit=50, where="size >= 5"
        )
        request.vectors[0].candidate_count = 1
        [explained] = module_client.explain(request, item.id).legs
        least = explained.least_candidate_count
        request.vectors[0].candidate_count = least
        enough = module_client.explain(request, item.id)
        assert enough.outcome == ExplainResponse.OUTCOME_IN_ANSWER
        assert enough.hit.rank == explained.exact_rank == least
        if least > 1:
            request.vectors[0].candidate_count = least - 1
            fewer = module_client.explain(request, item.id)
            assert fewer.outcome == ExplainResponse.OUTCOME_OUTSIDE_CANDIDATES
            tried += 1
    assert tried > 10
