"""SearchService."""

from __future__ import annotations

from typing import Any

from triptych.v1 import search_service_pb2 as pb
from triptych.v1 import search_service_pb2_grpc as grpc_pb
from triptych_server.domain.limits import Limits
from triptych_server.usecases.search import Search
from triptych_server.wire.search import parse_search, render_search


class SearchServicer(grpc_pb.SearchServiceServicer):
    """Parse, use case, answer."""

    def __init__(self, search: Search, limits: Limits) -> None:
        self._search = search
        self._limits = limits

    async def Search(self, request: pb.SearchRequest, context: Any) -> pb.SearchResponse:
        query, notices = parse_search(request, self._limits)
        return render_search(await self._search(query), query.fields, notices)
