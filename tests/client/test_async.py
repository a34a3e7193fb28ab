"""The asynchronous client on a real channel: what differs from the other one."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
from google.protobuf.message import Message

from tests.client.both import EITHER, Kind, outcome
from tests.client.service import Service, aborts, gives, refuses, serving
from triptych import (
    ArgumentError,
    AsyncClient,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Item,
    NotFound,
    ResourceExhausted,
    TriptychError,
    Unavailable,
    UpsertOutcome,
    error_of,
    make_item,
)
from triptych._aio.channel import BATCHES_UNDER_WAY
from triptych.testing import created, image_answer
from triptych.v1.item_service_pb2 import (
    ListItemsResponse,
    UpsertItemsRequest,
    UpsertItemsResponse,
)
from triptych.v1.status_service_pb2 import GetStatusResponse


def item(index: int, size: int = 0) -> Item:
    return Item(id=str(index), caption="x" * size)


def accepts(request: Message, context: grpc.ServicerContext) -> UpsertItemsResponse:
    assert isinstance(request, UpsertItemsRequest)
    return created(request)


class Doors:
    """An answer that waits, and counts those who wait with it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.ended = threading.Event()
        self.inside = 0
        self.most = 0
        self._lock = threading.Lock()

    def enter(self, request: Message, context: grpc.ServicerContext) -> Message:
        context.add_callback(self.ended.set)
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.open.wait(30)
        with self._lock:
            self.inside -= 1
        if isinstance(request, UpsertItemsRequest):
            return created(request)
        return GetStatusResponse(version="late")


@pytest.fixture
def doors() -> Iterator[Doors]:
    made = Doors()
    yield made
    made.open.set()


async def until_inside(doors: Doors, count: int) -> None:
    while doors.inside < count:  # noqa: ASYNC110 - who enters is a thread of the server
        await asyncio.sleep(0.005)


async def test_calls_of_one_client_run_at_the_same_time(service: Service, doors: Doors) -> None:
    service.on("GetStatus", doors.enter)
    async with AsyncClient(service.address) as client:
        calls = [asyncio.create_task(client.status()) for _ in range(3)]
        await until_inside(doors, 3)
        doors.open.set()
        assert [answer.version for answer in await asyncio.gather(*calls)] == ["late"] * 3


async def test_a_cancelled_task_cancels_its_call(service: Service, doors: Doors) -> None:
    service.on("GetStatus", doors.enter)
    async with AsyncClient(service.address) as client:
        task = asyncio.create_task(client.status())
        await until_inside(doors, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(doors.ended.wait, 10), "the server was not told"


async def test_a_timeout_of_asyncio_cancels_the_call(service: Service, doors: Doors) -> None:
    service.on("GetStatus", doors.enter)
    async with AsyncClient(service.address) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await client.status()
        assert await asyncio.to_thread(doors.ended.wait, 10)


async def test_a_cancelled_upsert_cancels_all_its_batches(service: Service, doors: Doors) -> None:
    service.on("UpsertItems", doors.enter)
    async with AsyncClient(service.address) as client:
        items = [item(index) for index in range(20)]
        task = asyncio.create_task(client.upsert("p", items, batch_size=1))
        await until_inside(doors, BATCHES_UNDER_WAY)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(doors.ended.wait, 10)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        assert not [task for task in rest if "_write" in repr(task)]
    assert len(service.calls) == BATCHES_UNDER_WAY


async def test_closing_a_client_ends_its_calls(service: Service, doors: Doors) -> None:
    service.on("GetStatus", doors.enter)
    client = AsyncClient(service.address)
    task = asyncio.create_task(client.status())
    await until_inside(doors, 1)
    await client.close()
    with pytest.raises(TriptychError, match="closed during this call") as caught:
        await task
    assert caught.value.code is grpc.StatusCode.CANCELLED
    with pytest.raises(RuntimeError, match="this client is closed"):
        await client.status()
    await client.close()


async def test_a_status_of_cancelled_is_an_error_and_cancels_nobody(service: Service) -> None:
    service.on("GetStatus", aborts(grpc.StatusCode.CANCELLED, "a proxy gave up"))
    async with AsyncClient(service.address) as client:
        with pytest.raises(TriptychError, match="a proxy gave up") as caught:
            await client.status()
    assert caught.value.code is grpc.StatusCode.CANCELLED


def test_a_client_is_made_anywhere_and_belongs_to_the_loop_of_its_first_call(
    service: Service,
) -> None:
    client = AsyncClient(service.address)

    async def call() -> str:
        return (await client.status()).version

    async def call_and_close() -> None:
        await client.status()
        await client.close()

    service.on("GetStatus", gives(GetStatusResponse(version="1")))
    with asyncio.Runner() as first, asyncio.Runner() as second:
        assert first.run(call()) == "1"
        with pytest.raises(RuntimeError, match="make one for each loop"):
            second.run(call())
        first.run(call_and_close())


@EITHER
async def test_an_error_with_all_its_details(kind: Kind, service: Service) -> None:
    code = grpc.StatusCode.NOT_FOUND
    service.on(
        "GetItem", refuses(code, "ITEM_NOT_FOUND", "m", metadata={"item": "a"}, retry_after_s=1)
    )
    with pytest.raises(NotFound) as caught:
        await outcome(kind, service.address, lambda client: client.get_item("p", "a"))
    error = caught.value
    assert (error.reason, error.metadata, error.retry_after_s) == (
        "ITEM_NOT_FOUND",
        {"item": "a"},
        1,
    )
    assert error.request_id == service.calls[0].metadata["x-request-id"]
    assert isinstance(error.__cause__, grpc.RpcError)


@EITHER
async def test_a_late_answer(kind: Kind, service: Service, doors: Doors) -> None:
    service.on("GetStatus", doors.enter)
    with pytest.raises(DeadlineExceeded, match=r"no answer from 127\.0\.0\.1:\d+ within 0\.2 s"):
        await outcome(kind, service.address, lambda client: client.status(timeout=0.2))


@EITHER
async def test_an_argument_that_can_t_be_sent(kind: Kind, service: Service) -> None:
    with pytest.raises(ArgumentError, match="item_id"):
        await outcome(kind, service.address, lambda client: client.get_item("p", "\ud800"))
    assert not service.calls


@EITHER
async def test_pages_are_fetched_one_after_the_other(kind: Kind, service: Service) -> None:
    pages = [
        ListItemsResponse(items=[Item(id="a"), Item(id="b")], next_page_token="t1"),
        ListItemsResponse(items=[Item(id="c")]),
    ]
    service.on("ListItems", *map(gives, pages))
    found = await outcome(kind, service.address, lambda client: client.list_items("p"))
    assert [item.id for item in found] == ["a", "b", "c"]
    assert len(service.calls) == 2


async def test_a_page_is_fetched_when_it_is_reached(service: Service) -> None:
    page = ListItemsResponse(items=[Item(id="a")], next_page_token="t")
    service.on("ListItems", gives(page))
    async with AsyncClient(service.address) as client:
        items = client.list_items("p")
        assert not service.calls
        assert (await anext(items)).id == "a"
        assert len(service.calls) == 1


@EITHER
async def test_a_picture(kind: Kind, service: Service) -> None:
    data = bytes(range(256)) * 3000
    service.images = image_answer(data, "image/webp")
    image = await outcome(kind, service.address, lambda c: c.get_item_image("p", "a"))
    assert (image.data, image.info.media_type) == (data, "image/webp")
    service.images.pop()
    with pytest.raises(DataLoss):
        await outcome(kind, service.address, lambda c: c.get_item_image("p", "a"))


async def test_a_picture_is_saved_whole(
    service: Service, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("saved")
    service.images = image_answer(b"x" * 300_000)
    async with AsyncClient(service.address) as client:
        info = await client.save_item_image("p", "a", folder / "a.png")
        assert info.byte_size == 300_000
        service.images.pop()
        with pytest.raises(DataLoss):
            await client.save_item_image("p", "b", folder / "b.png")
    assert [(file.name, file.read_bytes()) for file in folder.iterdir()] == [
        ("a.png", b"x" * 300_000)
    ]


async def numbered(count: int, read: list[int] | None = None) -> AsyncIterator[Item]:
    """An asynchronous source of items, which notes how far it was read."""
    for index in range(count):
        await asyncio.sleep(0)
        if read is not None:
            read.append(index)
        yield item(index)


async def test_outcomes_are_in_the_order_of_the_items(service: Service) -> None:
    service.on("UpsertItems", accepts)
    async with AsyncClient(service.address) as client:
        from_list = await client.upsert("p", [item(index) for index in range(100)], batch_size=3)
        from_source = await client.upsert("p", numbered(100), batch_size=7)
    for outcomes in (from_list, from_source):
        assert [outcome.index for outcome in outcomes] == list(range(100))
        assert [outcome.id for outcome in outcomes] == [str(index) for index in range(100)]


async def test_no_more_batches_than_that_are_under_way(service: Service, doors: Doors) -> None:
    service.on("UpsertItems", doors.enter)
    read: list[int] = []
    async with AsyncClient(service.address) as client:
        task = asyncio.create_task(client.upsert("p", numbered(40, read), batch_size=2))
        await until_inside(doors, BATCHES_UNDER_WAY)
        await asyncio.sleep(0.1)
        # One more batch is ready, with the item that showed that it is full.
        assert len(read) == 2 * (BATCHES_UNDER_WAY + 1) + 1
        doors.open.set()
        assert len(await task) == 40
    assert doors.most == BATCHES_UNDER_WAY


async def test_a_batch_that_fails_ends_the_upsert_and_leaves_the_others(service: Service) -> None:
    """What was under way comes to its end, and what was not, is not begun."""
    service.on("UpsertItems", accepts, aborts(grpc.StatusCode.NOT_FOUND, "gone"), accepts)
    read: list[int] = []
    async with AsyncClient(service.address) as client:
        with pytest.raises(NotFound, match="gone"):
            await client.upsert("p", numbered(1000, read), batch_size=1)
    assert len(service.calls) < 20
    assert len(read) < 20


async def test_a_source_that_fails_leaves_the_batches_before_it(service: Service) -> None:
    async def broken() -> AsyncIterator[Item]:
        for index in range(5):
            yield item(index)
        raise OSError("the disk is gone")

    service.on("UpsertItems", accepts)
    async with AsyncClient(service.address) as client:
        with pytest.raises(OSError, match="the disk is gone"):
            await client.upsert("p", broken(), batch_size=2)
        with pytest.raises(ArgumentError, match="the same id as"):
            await client.upsert("p", [item(0), item(1), item(0)], batch_size=1)
    sent = [one.id for request in service.requests(UpsertItemsRequest) for one in request.items]
    assert sorted(sent) == ["0", "0", "1", "2", "3"]


async def test_batches_are_halved_here_too() -> None:
    items = [item(0, 300_000), *(item(index, 40_000) for index in range(1, 12))]
    with serving(max_message_bytes=100_000) as service:
        service.on("UpsertItems", accepts)
        async with AsyncClient(service.address) as client:
            outcomes = await client.upsert("p", items, batch_size=4)
    assert [outcome.index for outcome in outcomes] == list(range(12))
    assert {o.result for o in outcomes[1:]} == {UpsertOutcome.RESULT_CREATED}
    error = error_of(outcomes[0])
    assert error is not None
    assert error.reason == "MESSAGE_TOO_LARGE"


@EITHER
async def test_a_whole_failure_is_raised(kind: Kind, service: Service) -> None:
    code = grpc.StatusCode.FAILED_PRECONDITION
    service.on("UpsertItems", refuses(code, "MODEL_MISMATCH", "m"))
    with pytest.raises(FailedPrecondition, match="m"):
        await outcome(kind, service.address, lambda client: client.upsert("p", [item(0)]))


@EITHER
async def test_a_large_upsert_is_sent_again_too(kind: Kind, service: Service) -> None:
    service.on("UpsertItems", aborts(grpc.StatusCode.UNAVAILABLE), accepts)
    large = make_item("a", image=b"x" * (4 * 1024 * 1024))
    [one] = await outcome(kind, service.address, lambda client: client.upsert("p", [large]))
    assert one.result == UpsertOutcome.RESULT_CREATED
    assert len(service.calls) == 2


@EITHER
async def test_an_answer_that_is_too_large(kind: Kind, service: Service) -> None:
    service.on("GetStatus", gives(GetStatusResponse(version="x" * 200_000)))
    with pytest.raises(ResourceExhausted, match="max_message_bytes is 100000"):
        await outcome(kind, service.address, lambda c: c.status(), max_message_bytes=100_000)


@EITHER
async def test_nobody_there(kind: Kind) -> None:
    with pytest.raises(Unavailable, match="is it running, with plaintext and not TLS"):
        await outcome(kind, "127.0.0.1:1", lambda client: client.status(), retries=0)


async def test_a_cancelled_upsert_is_cancelled_though_a_batch_has_failed(
    service: Service, doors: Doors
) -> None:
    """The failure came first, and was not yet seen: what was asked last is what happens."""
    service.on("UpsertItems", aborts(grpc.StatusCode.NOT_FOUND, "gone"))
    failed = asyncio.Event()

    async def slow() -> AsyncIterator[Item]:
        yield item(0)
        yield item(1)
        # The first batch is under way; no more items come.
        failed.set()
        await asyncio.Event().wait()

    async with AsyncClient(service.address) as client:
        task = asyncio.create_task(client.upsert("p", slow(), batch_size=1))
        await failed.wait()
        if writes := [one for one in asyncio.all_tasks() if "_write" in repr(one)]:
            await asyncio.wait(writes)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
