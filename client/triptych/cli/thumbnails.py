"""The small copies of pictures that the server keeps, for contact sheets."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from triptych.client import Client
from triptych.errors import DataLoss, NotFound
from triptych.v1.search_service_pb2 import SearchHit

AT_ONCE = 8


def fetch_thumbnails(
    client: Client, collection: str, hits: Sequence[SearchHit]
) -> dict[str, bytes]:
    """The thumbnails of the hits' pictures by item id; without those of items that have none.

    Raises:
        FailedPrecondition: the collection keeps no pictures (IMAGE_NOT_KEPT).
    """

    def fetch(item_id: str) -> bytes | None:
        try:
            return client.get_item_image(collection, item_id, variant="thumbnail").data
        except (NotFound, DataLoss):  # without a picture, gone meanwhile, or damaged
            return None

    ids = [hit.item.id for hit in hits]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(ids, pool.map(fetch, ids), strict=True))
    return {item_id: data for item_id, data in found.items() if data is not None}
