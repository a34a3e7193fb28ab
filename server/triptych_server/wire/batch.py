"""BatchSearch: a request into searches, their results into a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triptych.v1 import search_service_pb2 as pb
from triptych_server.domain.errors import InvalidInput, Reason, TriptychError
from triptych_server.domain.items import Notice
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import SearchQuery, SearchResult
from triptych_server.wire.errors import to_status
from triptych_server.wire.search import parse_search, render_search
from triptych_server.wire.violations import Violations


@dataclass(frozen=True, slots=True, eq=False)
class ParsedSearch:
    """One search of a batch, and what was done to its texts."""

    query: SearchQuery
    notices: tuple[Notice, ...]


def parse_batch(
    message: pb.BatchSearchRequest, limits: Limits
) -> tuple[ParsedSearch | InvalidInput, ...]:
    """The searches, each of which may be wrong for itself.

    Raises InvalidInput (QUERY_EMPTY, LIMIT_TOO_LARGE) where there are none or too many.
    """
    violations = Violations()
    if not message.searches:
        violations.add("searches", Reason.QUERY_EMPTY, "there is no search")
    elif len(message.searches) > limits.max_searches:
        violations.add(
            "searches",
            Reason.LIMIT_TOO_LARGE,
            "too many searches",
            got=len(message.searches),
            allowed=limits.max_searches,
        )
    violations.raise_if_any()
    return tuple(_parse(search, limits) for search in message.searches)


def render_batch(
    searches: Sequence[ParsedSearch | InvalidInput],
    results: Sequence[SearchResult | TriptychError],
) -> pb.BatchSearchResponse:
    """The answers and errors; ``results`` has one for each of ``searches``, in their order."""
    answer = pb.BatchSearchResponse()
    for search, result in zip(searches, results, strict=True):
        if isinstance(search, InvalidInput):
            answer.results.add(error=to_status(search))
        elif isinstance(result, TriptychError):
            answer.results.add(error=to_status(result))
        else:
            answer.results.add(response=render_search(result, search.query, search.notices))
    return answer


def _parse(message: pb.SearchRequest, limits: Limits) -> ParsedSearch | InvalidInput:
    try:
        return ParsedSearch(*parse_search(message, limits))
    except InvalidInput as error:
        return error
