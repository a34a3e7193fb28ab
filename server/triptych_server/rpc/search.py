"""SearchService."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from triptych.v1 import search_service_pb2 as pb
from triptych.v1 import search_service_pb2_grpc as grpc_pb
from triptych_server.domain.errors import InvalidInput
from triptych_server.domain.items import Notice
from triptych_server.domain.limits import Limits
from triptych_server.domain.queries import RankedQuery, SearchResult
from triptych_server.usecases.apart import apart
from triptych_server.usecases.explain import Explain
from triptych_server.usecases.search import Search
from triptych_server.usecases.stopwatch import Stopwatch
from triptych_server.wire.batch import parse_batch, render_batch
from triptych_server.wire.common import render_timings
from triptych_server.wire.examples import (
    parse_context,
    parse_discover,
    parse_recommend,
    render_context,
    render_discover,
    render_recommend,
)
from triptych_server.wire.explain import parse_explain, render_explain
from triptych_server.wire.search import parse_search, render_search

Request = TypeVar("Request")
Query = TypeVar("Query", bound=RankedQuery)
Response = TypeVar(
    "Response",
    pb.SearchResponse,
    pb.RecommendResponse,
    pb.DiscoverResponse,
    pb.ContextSearchResponse,
)
Notices = tuple[Notice, ...]


class SearchServicer(grpc_pb.SearchServiceServicer):
    """Parse, use case, answer."""

    def __init__(self, search: Search, explain: Explain, limits: Limits) -> None:
        self._search = search
        self._explain = explain
        self._limits = limits

    async def Search(self, request: pb.SearchRequest, context: Any) -> pb.SearchResponse:
        return await self._answer(request, parse_search, render_search)

    async def Recommend(self, request: pb.RecommendRequest, context: Any) -> pb.RecommendResponse:
        return await self._answer(request, parse_recommend, render_recommend)

    async def Discover(self, request: pb.DiscoverRequest, context: Any) -> pb.DiscoverResponse:
        return await self._answer(request, parse_discover, render_discover)

    async def ContextSearch(
        self, request: pb.ContextSearchRequest, context: Any
    ) -> pb.ContextSearchResponse:
        return await self._answer(request, parse_context, render_context)

    async def BatchSearch(
        self, request: pb.BatchSearchRequest, context: Any
    ) -> pb.BatchSearchResponse:
        watch = Stopwatch()
        with watch.stage("parse"):
            searches = await parse_batch(request, self._limits)
        found = await self._search.batch(
            [s if isinstance(s, InvalidInput) else s.query for s in searches], watch
        )
        with watch.stage("render"):
            answer = await render_batch(searches, found)
        answer.timings.CopyFrom(render_timings(watch.read()))
        return answer

    async def Explain(self, request: pb.ExplainRequest, context: Any) -> pb.ExplainResponse:
        watch = Stopwatch()
        with watch.stage("parse"):
            asked = parse_explain(request, self._limits)
        explained = await self._explain(asked.query, asked.item_id, watch)
        with watch.stage("render"):
            answer = render_explain(explained, asked)
        answer.timings.CopyFrom(render_timings(watch.read()))
        return answer

    async def _answer(
        self,
        request: Request,
        parse: Callable[[Request, Limits], tuple[Query, Notices]],
        render: Callable[[SearchResult, Query, Notices], Response],
    ) -> Response:
        watch = Stopwatch()
        with watch.stage("parse"):
            query, notices = parse(request, self._limits)
        found = await self._search(query, watch)
        with watch.stage("render"):
            size = len(found.hits) * sum(max(1, len(leg.examples)) for leg in found.legs)
            answer = await apart(size, partial(render, found, query, notices))
        answer.timings.CopyFrom(render_timings(watch.read()))
        return answer
