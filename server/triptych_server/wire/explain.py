"""Explain: a request into a search and an item, an explanation into a message."""

from __future__ import annotations

from dataclasses import dataclass

from triptych.v1 import search_service_pb2 as pb
from triptych_server.domain.errors import InvalidInput, Reason, violation
from triptych_server.domain.explanation import Explanation, LegExplanation, Outcome, Verdict
from triptych_server.domain.items import Notice
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import RankedQuery
from triptych_server.wire.common import render_warnings
from triptych_server.wire.examples import parse_context, parse_discover, parse_recommend
from triptych_server.wire.filters import render_filter
from triptych_server.wire.fusion import render_fusion
from triptych_server.wire.search import parse_search, render_hit, render_leg, render_score
from triptych_server.wire.texts import parse_item_id
from triptych_server.wire.violations import Violations

REQUESTS = "set one of search, recommend, discover, context_search"

_OUTCOMES = {
    Outcome.IN_ANSWER: pb.ExplainResponse.OUTCOME_IN_ANSWER,
    Outcome.USED_AS_INPUT: pb.ExplainResponse.OUTCOME_USED_AS_INPUT,
    Outcome.FILTERED_OUT: pb.ExplainResponse.OUTCOME_FILTERED_OUT,
    Outcome.NO_SUCH_VECTOR: pb.ExplainResponse.OUTCOME_NO_SUCH_VECTOR,
    Outcome.NO_SHARED_TERM: pb.ExplainResponse.OUTCOME_NO_SHARED_TERM,
    Outcome.BELOW_LEG_THRESHOLD: pb.ExplainResponse.OUTCOME_BELOW_LEG_THRESHOLD,
    Outcome.OUTSIDE_CANDIDATES: pb.ExplainResponse.OUTCOME_OUTSIDE_CANDIDATES,
    Outcome.BELOW_SCORE_THRESHOLD: pb.ExplainResponse.OUTCOME_BELOW_SCORE_THRESHOLD,
    Outcome.OUTSIDE_PAGE: pb.ExplainResponse.OUTCOME_OUTSIDE_PAGE,
}


@dataclass(frozen=True, slots=True, eq=False)
class ParsedExplain:
    """What is to be explained, of which item, and what was done to the texts in it."""

    query: RankedQuery
    item_id: str
    notices: tuple[Notice, ...]


def parse_explain(message: pb.ExplainRequest, limits: Limits) -> ParsedExplain:
    """The search and the item. Raises InvalidInput with every violation."""
    violations = Violations()
    item_id = parse_item_id(message.item_id, limits, violations, "item_id")
    parsed = None
    try:
        parsed = _parse_request(message, limits)
    except InvalidInput as error:
        for problem in error.violations:
            violations.note(problem)
    violations.raise_if_any()
    assert parsed is not None
    query, notices = parsed
    return ParsedExplain(query, item_id, notices)


def render_explain(explained: Explanation, asked: ParsedExplain) -> pb.ExplainResponse:
    """The explanation with its working."""
    query = explained.query
    return pb.ExplainResponse(
        item_id=asked.item_id,
        outcome=_OUTCOMES[next(iter(explained.causes), Outcome.IN_ANSWER)],
        causes=map(_OUTCOMES.__getitem__, explained.causes),
        hit=None if explained.hit is None else render_hit(explained.hit, query.fields),
        legs=map(_render_leg, explained.legs),
        clauses=map(_render_verdict, explained.verdicts),
        ranked_count=explained.ranked_count,
        offset=query.offset,
        limit=query.limit,
        fusion=render_fusion(query.fusion),
        score_threshold=query.score_threshold,
        canonical_filter=render_filter(query.filter),
        warnings=render_warnings((*asked.notices, *explained.notices)),
    )


def _parse_request(
    message: pb.ExplainRequest, limits: Limits
) -> tuple[RankedQuery, tuple[Notice, ...]]:
    match message.WhichOneof("request"):
        case "search":
            return parse_search(message.search, limits)
        case "recommend":
            return parse_recommend(message.recommend, limits)
        case "discover":
            return parse_discover(message.discover, limits)
        case "context_search":
            return parse_context(message.context_search, limits)
    raise InvalidInput([violation("request", Reason.QUERY_EMPTY, REQUESTS)])


def _render_leg(explained: LegExplanation) -> pb.LegExplanation:
    standing = explained.standing
    return pb.LegExplanation(
        leg=render_leg(explained.leg),
        score=render_score(explained.score),
        causes=map(_OUTCOMES.__getitem__, explained.causes),
        exact_rank=None if standing is None else standing.rank,
        beyond_ranks=standing is not None and standing.rank is None,
        least_candidate_count=None if standing is None else standing.at_least_as_near,
    )


def _render_verdict(verdict: Verdict) -> pb.FilterClause:
    clause = verdict.clause
    return pb.FilterClause(
        field=clause.field,
        character=clause.character,
        text=render_filter(clause.filter),
        passes=verdict.passes,
    )
