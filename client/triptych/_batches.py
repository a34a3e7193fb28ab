"""Cuts a long row of items into requests that a server takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from triptych._status import failed_outcome
from triptych.errors import argument_error
from triptych.v1.item_pb2 import Item
from triptych.v1.item_service_pb2 import UpsertItemsRequest, UpsertOutcome

MAX_ITEMS = 256


@dataclass(slots=True)
class Batch:
    """Items of one request, and where each stands in the caller's row."""

    indexes: list[int] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)

    def request(self, head: UpsertItemsRequest) -> UpsertItemsRequest:
        """`head` with these items in it."""
        request = UpsertItemsRequest(items=self.items)
        request.MergeFrom(head)
        return request


def batches(
    head: UpsertItemsRequest, items: Iterable[Item], *, max_items: int, max_bytes: int
) -> Iterator[Batch | UpsertOutcome]:
    """Requests' worth of items in their order; no request is larger than `max_bytes`.

    An item that is too large for any request comes as its own FAILED outcome.

    Raises:
        ArgumentError: an id stands twice (DUPLICATE_ID), which no single request may have either.
    """
    seen: dict[str, int] = {}
    batch, size = Batch(), head.ByteSize()
    for index, item in enumerate(items):
        first = seen.setdefault(item.id, index)
        if first != index:
            raise argument_error(
                f"items[{index}].id", "DUPLICATE_ID", f"the same id as items[{first}]", got=item.id
            )
        bytes_of_item = _size_in_request(item)
        if head.ByteSize() + bytes_of_item > max_bytes:
            description = (
                f"is larger than a message may be (got {item.ByteSize()} bytes, "
                f"allowed {max_bytes} in all)"
            )
            yield failed_outcome(index, item, reason="MESSAGE_TOO_LARGE", description=description)
            continue
        if batch.items and (len(batch.items) == max_items or size + bytes_of_item > max_bytes):
            yield batch
            batch, size = Batch(), head.ByteSize()
        batch.indexes.append(index)
        batch.items.append(item)
        size += bytes_of_item
    if batch.items:
        yield batch


def _size_in_request(item: Item) -> int:
    """Bytes that the item takes in a request: its tag, its length as a varint, and itself."""
    size = item.ByteSize()
    return 1 + max(1, -(-size.bit_length() // 7)) + size
