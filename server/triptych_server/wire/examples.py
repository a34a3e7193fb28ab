"""Recommend, Discover and ContextSearch: requests into queries, results into messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from triptych.v1 import search_service_pb2 as pb
from triptych_server.domain.errors import Reason
from triptych_server.domain.items import Notice
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import (
    ExamplesQuery,
    FieldSelection,
    GivenInput,
    SearchResult,
    VectorWeight,
)
from triptych_server.domain.questions import (
    ByExamples,
    Context,
    Discover,
    Pair,
    Recommend,
    Strategy,
)
from triptych_server.wire.common import render_warnings
from triptych_server.wire.filters import parse_filter, render_filter
from triptych_server.wire.fusion import parse_fusion, parse_threshold, render_fusion
from triptych_server.wire.search import (
    check_candidates,
    check_weights,
    has_few_legs,
    parse_candidates,
    parse_input,
    parse_limit,
    parse_offset,
    parse_weight,
    render_hit,
    render_leg,
)
from triptych_server.wire.selection import parse_selection
from triptych_server.wire.texts import parse_collection_id
from triptych_server.wire.violations import Violations

Request = pb.RecommendRequest | pb.DiscoverRequest | pb.ContextSearchRequest
Response = TypeVar("Response", pb.RecommendResponse, pb.DiscoverResponse, pb.ContextSearchResponse)
Parsed = tuple[ExamplesQuery, tuple[Notice, ...]]

_STRATEGIES = {
    pb.RecommendRequest.STRATEGY_UNSPECIFIED: Strategy.AVERAGE_VECTOR,
    pb.RecommendRequest.STRATEGY_AVERAGE_VECTOR: Strategy.AVERAGE_VECTOR,
    pb.RecommendRequest.STRATEGY_BEST_SCORE: Strategy.BEST_SCORE,
    pb.RecommendRequest.STRATEGY_SUM_SCORES: Strategy.SUM_SCORES,
}
_STRATEGY_NUMBERS = {
    Strategy.AVERAGE_VECTOR: pb.RecommendRequest.STRATEGY_AVERAGE_VECTOR,
    Strategy.BEST_SCORE: pb.RecommendRequest.STRATEGY_BEST_SCORE,
    Strategy.SUM_SCORES: pb.RecommendRequest.STRATEGY_SUM_SCORES,
}


def parse_recommend(message: pb.RecommendRequest, limits: Limits) -> Parsed:
    """The query, and what was done to its texts. Raises InvalidInput with every violation."""
    examples = _Examples(limits)
    strategy = _parse_strategy(message, examples.violations)
    positives: tuple[GivenInput, ...] = ()
    negatives: tuple[GivenInput, ...] = ()
    count, most = len(message.positives) + len(message.negatives), limits.max_examples
    if count > most:
        examples.violations.add(
            "positives" if message.positives else "negatives",
            Reason.TOO_MANY_EXAMPLES,
            "too many examples, positive and negative together",
            got=count,
            allowed=most,
        )
    else:
        positives = examples.parse_all(message.positives, "positives")
        negatives = examples.parse_all(message.negatives, "negatives")
    if not message.positives and (strategy is Strategy.AVERAGE_VECTOR or not message.negatives):
        whose = "AVERAGE_VECTOR" if message.negatives else "a recommendation"
        what = "a positive example" if message.negatives else "an example"
        examples.violations.add(
            "positives",
            Reason.POSITIVES_MISSING,
            f"{whose} needs {what}",
            got=0,
            allowed=f"1 to {most}",
        )
    return _parse(message, Recommend(strategy, positives, negatives), examples)


def parse_discover(message: pb.DiscoverRequest, limits: Limits) -> Parsed:
    """As ``parse_recommend``."""
    examples = _Examples(limits)
    target = examples.parse(message.target, "target")
    pairs = examples.parse_pairs(message.pairs)
    return _parse(message, None if target is None else Discover(target, pairs), examples)


def parse_context(message: pb.ContextSearchRequest, limits: Limits) -> Parsed:
    """As ``parse_recommend``."""
    examples = _Examples(limits)
    if not message.pairs:
        examples.violations.add(
            "pairs",
            Reason.POSITIVES_MISSING,
            "a context needs a pair of examples",
            got=0,
            allowed=f"1 to {limits.max_examples}",
        )
    return _parse(message, Context(examples.parse_pairs(message.pairs)), examples)


def render_recommend(
    result: SearchResult, query: ExamplesQuery, notices: tuple[Notice, ...]
) -> pb.RecommendResponse:
    """The answer with its working."""
    answer = _render(pb.RecommendResponse(), result, query.fields, notices)
    if isinstance(query.question, Recommend):
        answer.strategy = _STRATEGY_NUMBERS[query.question.strategy]
    return answer


def render_discover(
    result: SearchResult, query: ExamplesQuery, notices: tuple[Notice, ...]
) -> pb.DiscoverResponse:
    """The answer with its working."""
    return _render(pb.DiscoverResponse(), result, query.fields, notices)


def render_context(
    result: SearchResult, query: ExamplesQuery, notices: tuple[Notice, ...]
) -> pb.ContextSearchResponse:
    """The answer with its working."""
    return _render(pb.ContextSearchResponse(), result, query.fields, notices)


class _Examples:
    """Parses the examples of one request, and collects what is wrong with it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.violations = Violations()
        self.notices: list[Notice] = []

    def parse(self, message: pb.QueryInput, path: str) -> GivenInput | None:
        """One example; None where something is wrong with it."""
        given = parse_input(message, self.limits, self.violations, path, self.notices)
        return None if given is None else GivenInput(given, path)

    def parse_all(self, messages: Sequence[pb.QueryInput], path: str) -> tuple[GivenInput, ...]:
        """Those with which nothing is wrong."""
        parsed = [self.parse(message, f"{path}[{i}]") for i, message in enumerate(messages)]
        return tuple(given for given in parsed if given is not None)

    def parse_pairs(self, messages: Sequence[pb.ContextPair]) -> tuple[Pair[GivenInput], ...]:
        """Those with which nothing is wrong."""
        if len(messages) > self.limits.max_examples:
            self.violations.add(
                "pairs",
                Reason.TOO_MANY_EXAMPLES,
                "too many pairs of examples",
                got=len(messages),
                allowed=self.limits.max_examples,
            )
            return ()
        pairs = []
        for place, message in enumerate(messages):
            path = f"pairs[{place}]"
            positive = self.parse(message.positive, f"{path}.positive")
            negative = self.parse(message.negative, f"{path}.negative")
            if positive is None or negative is None:
                continue
            # Two ways to write one text are the same text.
            if message.positive == message.negative or positive.input == negative.input:
                self.violations.add(
                    path,
                    Reason.PAIR_IDENTICAL,
                    "its members are the same, and part nothing",
                    got=message.positive.WhichOneof("input"),
                )
            pairs.append(Pair(positive, negative))
        return tuple(pairs)


def _parse(
    message: Request, question: ByExamples[GivenInput] | None, examples: _Examples
) -> Parsed:
    """``question`` is None where something is wrong with it, which has been noted."""
    limits, violations = examples.limits, examples.violations
    limit = parse_limit(message.limit, limits, violations)
    query = ExamplesQuery(
        collection_id=parse_collection_id(message.collection_id, violations),
        question=question or Context(()),
        vectors=_parse_vectors(message.vectors, limits, violations),
        fusion=parse_fusion(message.fusion, violations),
        filter=parse_filter(message.filter, limits, violations),
        offset=parse_offset(message.offset, limit, limits, violations),
        limit=limit,
        score_threshold=parse_threshold(message.score_threshold, violations, "score_threshold")
        if message.HasField("score_threshold")
        else None,
        fields=parse_selection(message.return_fields, message.payload_keys, violations),
        bypass_query_cache=message.bypass_query_cache,
    )
    check_candidates(query, limits, violations)
    violations.raise_if_any()
    return query, tuple(examples.notices)


def _parse_vectors(
    messages: Sequence[pb.VectorWeight], limits: Limits, violations: Violations
) -> tuple[VectorWeight, ...]:
    if not has_few_legs(messages, limits, violations):
        return ()
    legs = []
    first: dict[str, int] = {}
    for place, message in enumerate(messages):
        path, name = f"vectors[{place}]", message.vector_name
        if not name:
            violations.add(f"{path}.vector_name", Reason.FIELD_REQUIRED, "is not set")
        elif first.setdefault(name, place) != place:
            violations.add(
                f"{path}.vector_name",
                Reason.VECTOR_NAME_DUPLICATE,
                f"the same name as vectors[{first[name]}]",
                got=name,
            )
        threshold = None
        if message.HasField("score_threshold"):
            where = f"{path}.score_threshold"
            threshold = parse_threshold(message.score_threshold, violations, where)
        weight = parse_weight(message, limits, violations, f"{path}.weight")
        count = parse_candidates(message, limits, violations, f"{path}.candidate_count")
        legs.append(VectorWeight(name, weight, count, path, threshold))
    check_weights(messages, violations)
    return tuple(legs)


def _parse_strategy(message: pb.RecommendRequest, violations: Violations) -> Strategy:
    if message.strategy not in _STRATEGIES:
        violations.add(
            "strategy",
            Reason.FIELD_INVALID,
            "is no strategy",
            got=message.strategy,
            allowed=", ".join(strategy.name for strategy in Strategy),
        )
    return _STRATEGIES.get(message.strategy, Strategy.AVERAGE_VECTOR)


def _render(
    answer: Response, result: SearchResult, fields: FieldSelection, notices: tuple[Notice, ...]
) -> Response:
    answer.hits.extend(render_hit(hit, fields) for hit in result.hits)
    answer.legs.extend(map(render_leg, result.legs))
    answer.fusion.CopyFrom(render_fusion(result.fusion))
    answer.canonical_filter = render_filter(result.filter)
    answer.warnings.extend(render_warnings((*notices, *result.notices)))
    if result.score_threshold is not None:
        answer.score_threshold = result.score_threshold
    return answer
