"""CollectionService."""

from __future__ import annotations

from typing import Any

from triptych.v1 import collection_service_pb2 as pb
from triptych.v1 import collection_service_pb2_grpc as grpc_pb
from triptych_server.domain.limits import Limits
from triptych_server.usecases.collections import Collections
from triptych_server.usecases.stopwatch import Stopwatch
from triptych_server.wire.collections import (
    parse_create,
    parse_list,
    parse_named,
    render_collection,
    render_optimization,
)
from triptych_server.wire.common import render_timings
from triptych_server.wire.pages import make_token


class CollectionServicer(grpc_pb.CollectionServiceServicer):
    """Parse, use case, answer."""

    def __init__(self, collections: Collections, limits: Limits) -> None:
        self._collections = collections
        self._limits = limits

    async def CreateCollection(
        self, request: pb.CreateCollectionRequest, context: Any
    ) -> pb.CreateCollectionResponse:
        watch = Stopwatch()
        made = await self._collections.create(parse_create(request, self._limits))
        return pb.CreateCollectionResponse(
            collection=render_collection(made), timings=render_timings(watch.read())
        )

    async def GetCollection(
        self, request: pb.GetCollectionRequest, context: Any
    ) -> pb.GetCollectionResponse:
        found = await self._collections.get(parse_named(request.collection_id))
        return pb.GetCollectionResponse(collection=render_collection(found))

    async def ListCollections(
        self, request: pb.ListCollectionsRequest, context: Any
    ) -> pb.ListCollectionsResponse:
        limit, after = parse_list(request, self._limits)
        page, next_after = await self._collections.page(limit=limit, after=after)
        return pb.ListCollectionsResponse(
            collections=[render_collection(found) for found in page],
            next_page_token=make_token(next_after, "collections"),
        )

    async def DeleteCollection(
        self, request: pb.DeleteCollectionRequest, context: Any
    ) -> pb.DeleteCollectionResponse:
        await self._collections.delete(parse_named(request.collection_id))
        return pb.DeleteCollectionResponse()

    async def OptimizeCollection(
        self, request: pb.OptimizeCollectionRequest, context: Any
    ) -> pb.OptimizeCollectionResponse:
        started = await self._collections.optimize(parse_named(request.collection_id))
        return pb.OptimizeCollectionResponse(optimization=render_optimization(started))
