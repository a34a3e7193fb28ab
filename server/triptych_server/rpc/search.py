"""SearchService."""

from __future__ import annotations

from typing import Any

from triptych.v1 import search_service_pb2 as pb
from triptych.v1 import search_service_pb2_grpc as grpc_pb
from triptych_server.domain.limits import Limits
from triptych_server.usecases.search import Search
from triptych_server.usecases.stopwatch import Stopwatch
from triptych_server.wire.common import render_timings
from triptych_server.wire.search import parse_search, render_search


class SearchServicer(grpc_pb.SearchServiceServicer):
    """Parse, use case, answer."""

    def __init__(self, search: Search, limits: Limits) -> None:
        self._search = search
        self._limits = limits

    async def Search(self, request: pb.SearchRequest, context: Any) -> pb.SearchResponse:
        watch = Stopwatch()
        with watch.stage("parse"):
            query, notices = parse_search(request, self._limits)
        found = await self._search(query, watch)
        with watch.stage("render"):
            answer = render_search(found, query.fields, notices)
        answer.timings.CopyFrom(render_timings(watch.read()))
        return answer
