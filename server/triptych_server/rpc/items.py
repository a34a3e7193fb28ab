"""ItemService."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from triptych.v1 import item_service_pb2 as pb
from triptych.v1 import item_service_pb2_grpc as grpc_pb
from triptych_server.domain.limits import Limits
from triptych_server.usecases.item_images import ItemImages
from triptych_server.usecases.items import Items
from triptych_server.usecases.stopwatch import Stopwatch
from triptych_server.usecases.upsert import Upsert
from triptych_server.wire.common import render_kept, render_timings, render_warnings
from triptych_server.wire.item_answers import render_item, render_outcome
from triptych_server.wire.items import (
    parse_count,
    parse_delete,
    parse_get,
    parse_get_image,
    parse_list,
    parse_upsert,
)
from triptych_server.wire.pages import make_token


class ItemServicer(grpc_pb.ItemServiceServicer):
    """Parse, use case, answer."""

    def __init__(self, upsert: Upsert, items: Items, images: ItemImages, limits: Limits) -> None:
        self._upsert = upsert
        self._items = items
        self._images = images
        self._limits = limits

    async def UpsertItems(
        self, request: pb.UpsertItemsRequest, context: Any
    ) -> pb.UpsertItemsResponse:
        watch = Stopwatch()
        with watch.stage("parse"):
            batch = parse_upsert(request, self._limits)
        outcomes = await self._upsert(batch, watch)
        with watch.stage("render"):
            answer = pb.UpsertItemsResponse(outcomes=[render_outcome(o) for o in outcomes])
        answer.timings.CopyFrom(render_timings(watch.read()))
        return answer

    async def GetItem(self, request: pb.GetItemRequest, context: Any) -> pb.GetItemResponse:
        query = parse_get(request, self._limits)
        item = await self._items.get(query.collection_id, query.item_id, query.fields)
        return pb.GetItemResponse(item=render_item(item, query.fields))

    async def GetItemImage(
        self, request: pb.GetItemImageRequest, context: Any
    ) -> AsyncGenerator[pb.GetItemImageResponse]:
        query = parse_get_image(request, self._limits)
        found = await self._images.open(query.collection_id, query.item_id, query.variant)
        async with aclosing(found.chunks) as chunks:
            yield pb.GetItemImageResponse(image=render_kept(found.image))
            async for chunk in chunks:
                yield pb.GetItemImageResponse(chunk=chunk)

    async def ListItems(self, request: pb.ListItemsRequest, context: Any) -> pb.ListItemsResponse:
        watch = Stopwatch()
        with watch.stage("parse"):
            query = parse_list(request, self._limits)
        page = await self._items.page(
            query.collection_id,
            query.filter,
            watch,
            limit=query.limit,
            start_id=query.start_id,
            fields=query.fields,
        )
        with watch.stage("render"):
            answer = pb.ListItemsResponse(
                items=[render_item(item, query.fields) for item in page.items],
                next_page_token=make_token(page.next_id, request.collection_id, request.filter),
                warnings=render_warnings(page.notices),
            )
        answer.timings.CopyFrom(render_timings(watch.read()))
        return answer

    async def DeleteItems(
        self, request: pb.DeleteItemsRequest, context: Any
    ) -> pb.DeleteItemsResponse:
        watch = Stopwatch()
        with watch.stage("parse"):
            query = parse_delete(request, self._limits)
        if query.ids:
            gone = await self._items.delete_ids(query.collection_id, query.ids, watch)
        else:
            gone = await self._items.delete_matching(query.collection_id, query.filter, watch)
        return pb.DeleteItemsResponse(
            deleted_count=gone.count,
            warnings=render_warnings(gone.notices),
            timings=render_timings(watch.read()),
        )

    async def CountItems(
        self, request: pb.CountItemsRequest, context: Any
    ) -> pb.CountItemsResponse:
        watch = Stopwatch()
        with watch.stage("parse"):
            collection_id, filter = parse_count(request, self._limits)
        found = await self._items.count(collection_id, filter, watch)
        return pb.CountItemsResponse(
            count=found.count,
            warnings=render_warnings(found.notices),
            timings=render_timings(watch.read()),
        )
