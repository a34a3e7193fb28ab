"""Cuts a long row of items into requests that a server takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from triptych._status import failed_outcome
from triptych.errors import ResourceExhausted, argument_error
from triptych.v1.item_pb2 import Item
from triptych.v1.item_service_pb2 import UpsertItemsRequest, UpsertItemsResponse, UpsertOutcome

MAX_ITEMS = 256

SECONDS_PER_ITEM = 1.0
"""What an item may take over the client's own timeout: reading a picture is the most of it."""
SECONDS_PER_MIB = 1.0
"""What a MiB may take on its way: that of a line with 8 Mbit/s."""

_MIB = 1024 * 1024


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

    def halves(self) -> "tuple[Batch, Batch]":
        """The same items in two batches; there have to be two items at least."""
        middle = len(self.items) // 2
        return (
            Batch(self.indexes[:middle], self.items[:middle]),
            Batch(self.indexes[middle:], self.items[middle:]),
        )


class Upsert:
    """One `upsert`: what is sent next, and what became of the items. It sends nothing itself.

    An item that is too large for any request is a FAILED outcome of its own.
    """

    def __init__(
        self,
        head: UpsertItemsRequest,
        *,
        max_items: int,
        max_bytes: int,
        timeout: float | None,
        least_timeout: float,
    ) -> None:
        """`timeout` is that of each request; where None, it grows from `least_timeout`.

        Raises:
            ArgumentError: a batch of so many items can't be (LIMIT_INVALID).
        """
        if not 1 <= max_items <= MAX_ITEMS:
            raise argument_error(
                "batch_size", "LIMIT_INVALID", "out of range", got=max_items, allowed="1 to 256"
            )
        self._head = head
        self._max_items = max_items
        self._max_bytes = max_bytes
        # What a request with more than one item has had no refusal for.
        self._wanted_bytes = max_bytes
        self._timeout = timeout
        self._least_timeout = least_timeout
        self._seen: dict[str, int] = {}
        self._outcomes: list[UpsertOutcome] = []
        self._batch, self._bytes = Batch(), head.ByteSize()

    def batches(self, items: Iterable[Item]) -> Iterator[Batch]:
        """The items in batches, each as soon as it is full. Raises as `add` does."""
        for item in items:
            if full := self.add(item):
                yield full
        if rest := self.rest():
            yield rest

    def add(self, item: Item) -> Batch | None:
        """Takes the next item; a batch where the items before it fill one.

        Raises:
            ArgumentError: an id stands twice (DUPLICATE_ID), which no request may have either.
        """
        index = len(self._seen)
        first = self._seen.setdefault(item.id, index)
        if first != index:
            raise argument_error(
                f"items[{index}].id", "DUPLICATE_ID", f"the same id as items[{first}]", got=item.id
            )
        bytes_of_item = _size_in_request(item)
        if self._head.ByteSize() + bytes_of_item > self._max_bytes:
            self._too_large(
                index,
                item,
                f"is larger than a message may be (got {item.ByteSize()} bytes, "
                f"allowed {self._max_bytes} in all)",
            )
            return None
        full = None
        if len(self._batch.items) == self._max_items or (
            self._bytes + bytes_of_item > self._wanted_bytes
        ):
            full = self.rest()
        self._batch.indexes.append(index)
        self._batch.items.append(item)
        self._bytes += bytes_of_item
        return full

    def rest(self) -> Batch | None:
        """The items that fill no batch; None where there are none."""
        rest = self._batch
        self._batch, self._bytes = Batch(), self._head.ByteSize()
        return rest if rest.items else None

    def request(self, batch: Batch) -> UpsertItemsRequest:
        """The request for a batch."""
        return batch.request(self._head)

    def timeout(self, request: UpsertItemsRequest, *, under_way: int = 1) -> float:
        """Seconds for a request, of which so many may be under way at the same time."""
        if self._timeout is not None:
            return self._timeout
        own = SECONDS_PER_ITEM * len(request.items) + SECONDS_PER_MIB * request.ByteSize() / _MIB
        return self._least_timeout + under_way * own

    def answered(self, batch: Batch, answer: UpsertItemsResponse) -> None:
        """Notes what became of a batch's items."""
        for outcome in answer.outcomes:
            outcome.index = batch.indexes[outcome.index]
        self._outcomes += answer.outcomes

    def refused(self, batch: Batch, error: ResourceExhausted) -> list[Batch]:
        """What to send in place of a batch that the server, or one on the way, finds too large.

        A single item is a FAILED outcome then, and nothing is sent in its place.

        Raises:
            ResourceExhausted: `error`, where it says something else.
        """
        if error.reason != "MESSAGE_TOO_LARGE":
            raise error
        size = self.request(batch).ByteSize()
        if len(batch.items) > 1:
            halves = batch.halves()
            larger = max(self.request(half).ByteSize() for half in halves)
            self._wanted_bytes = min(self._wanted_bytes, larger)
            return list(halves)
        what = f"is larger than this server takes (got a message of {size} bytes)"
        self._too_large(batch.indexes[0], batch.items[0], what)
        return []

    def outcomes(self) -> list[UpsertOutcome]:
        """One for each item so far, in their order."""
        return sorted(self._outcomes, key=lambda outcome: outcome.index)

    def _too_large(self, index: int, item: Item, description: str) -> None:
        outcome = failed_outcome(index, item, reason="MESSAGE_TOO_LARGE", description=description)
        self._outcomes.append(outcome)


def _size_in_request(item: Item) -> int:
    """Bytes that the item takes in a request: its tag, its length as a varint, and itself."""
    size = item.ByteSize()
    return 1 + max(1, -(-size.bit_length() // 7)) + size
