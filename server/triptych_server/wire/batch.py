"""BatchSearch: a request into searches, their results into a message."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from triptych.v1 import search_service_pb2 as pb
from triptych_server.domain.errors import InvalidInput, Reason, TriptychError, violation
from triptych_server.domain.filters import checks_of
from triptych_server.domain.items import Notice
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import SearchQuery, SearchResult
from triptych_server.wire.errors import to_status
from triptych_server.wire.filter_size import expression_bytes_of, fits
from triptych_server.wire.search import parse_search, render_search
from triptych_server.wire.violations import Violations


@dataclass(frozen=True, slots=True, eq=False)
class ParsedSearch:
    """One search of a batch, and what was done to its texts."""

    query: SearchQuery
    notices: tuple[Notice, ...]


async def parse_batch(
    message: pb.BatchSearchRequest, limits: Limits
) -> tuple[ParsedSearch | InvalidInput, ...]:
    """The searches, each of which may be wrong for itself.

    One after the other, and other calls go on between them.

    Raises InvalidInput (QUERY_EMPTY, LIMIT_TOO_LARGE) where there are none or too many, or where
    their filters together are larger than one alone may be.
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
    _check_expressions(message, limits)
    searches: list[ParsedSearch | InvalidInput] = []
    checks = 0
    for search in message.searches:
        parsed = _parse(search, limits)
        searches.append(parsed)
        if isinstance(parsed, ParsedSearch):
            checks += checks_of(parsed.query.filter)
        # The store asks all of them at once, and nothing else meanwhile.
        if checks > limits.max_filter_values:
            what = "too many conditions of filters and values in them, in all"
            raise _too_large(what, checks, limits.max_filter_values)
        await asyncio.sleep(0)
    return tuple(searches)


async def render_batch(
    searches: Sequence[ParsedSearch | InvalidInput],
    results: Sequence[SearchResult | TriptychError],
) -> pb.BatchSearchResponse:
    """The answers and errors; ``results`` has one for each of ``searches``, in their order.

    One after the other, and other calls go on between them.
    """
    answer = pb.BatchSearchResponse()
    for search, result in zip(searches, results, strict=True):
        if isinstance(search, InvalidInput):
            answer.results.add(error=to_status(search))
        elif isinstance(result, TriptychError):
            answer.results.add(error=to_status(result))
        else:
            answer.results.add(response=render_search(result, search.query, search.notices))
        await asyncio.sleep(0)
    return answer


def _check_expressions(message: pb.BatchSearchRequest, limits: Limits) -> None:
    # A filter that is too large is refused before its expressions are read.
    read = (s.filter for s in message.searches if fits(s.filter, limits, Violations(), "filter"))
    size = sum(map(expression_bytes_of, read))
    if size > limits.max_filter_expression_bytes:
        what = "too many bytes of filter expressions in all"
        raise _too_large(what, size, limits.max_filter_expression_bytes)


def _too_large(what: str, got: int, allowed: int) -> InvalidInput:
    return InvalidInput(
        [violation("searches", Reason.LIMIT_TOO_LARGE, what, got=got, allowed=allowed)]
    )


def _parse(message: pb.SearchRequest, limits: Limits) -> ParsedSearch | InvalidInput:
    try:
        return ParsedSearch(*parse_search(message, limits))
    except InvalidInput as error:
        return error
