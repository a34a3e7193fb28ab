"""Both clients and a real server whose limits they meet."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.client.both import EITHER, Kind, outcome
from tests.support.server import RunningServer
from triptych import AsyncClient, Item, ResourceExhausted, UpsertOutcome, error_of, make_item


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that takes 100,000 bytes a message."""
    folder = tmp_path_factory.mktemp("narrow") / "data"
    with RunningServer(folder, max_message_bytes="100000") as running:
        with running.client() as client:
            client.create_collection("notes")
        yield running
        assert running.stop() == 0, running.log


def notes() -> list[Item]:
    """Items of 20 kB each, of which 32 fit into no message of this server, and one of 150 kB."""
    made = [make_item(f"n{n}", caption=f"note {n} " + "word " * 4000) for n in range(40)]
    made[7].image.data = bytes(150_000)
    return made


@EITHER
async def test_a_server_with_a_smaller_limit_gets_smaller_batches(
    kind: Kind, narrow: RunningServer
) -> None:
    outcomes = await outcome(
        kind, narrow.address, lambda client: client.upsert("notes", notes(), ocr="skip")
    )
    assert [one.id for one in outcomes] == [item.id for item in notes()]
    failed = {one.id: error_of(one) for one in outcomes if error_of(one)}
    assert list(failed) == ["n7"]
    assert failed["n7"] is not None
    assert failed["n7"].reason == "MESSAGE_TOO_LARGE"
    counted = await outcome(kind, narrow.address, lambda client: client.count_items("notes"))
    assert counted.count == 39


async def test_a_full_queue_is_waited_for(tmp_path: Path) -> None:
    """QUEUE_FULL comes with the time after which there may be room; here for one call at a time."""
    texts = [f"a cup of coffee {number}" for number in range(16)]

    async def four_at_a_time(client: AsyncClient) -> list[object]:
        calls = (client.encode(texts=texts) for _ in range(4))
        return list(await asyncio.gather(*calls, return_exceptions=True))

    with RunningServer(tmp_path / "data", max_queue="16", max_text_batch="1") as busy:
        async with AsyncClient(busy.address, retries=0) as hasty:
            refused = [r for r in await four_at_a_time(hasty) if isinstance(r, ResourceExhausted)]
        assert {(error.reason, error.retry_after_s is not None) for error in refused} == {
            ("QUEUE_FULL", True)
        }
        async with AsyncClient(busy.address, retries=20) as patient:
            assert not [r for r in await four_at_a_time(patient) if isinstance(r, Exception)]
        assert busy.stop() == 0


async def test_items_come_from_an_asynchronous_source(server: RunningServer) -> None:
    async def source() -> AsyncIterator[Item]:
        for number in range(100):
            yield make_item(f"s{number}", caption=f"number {number}")

    async with AsyncClient(server.address) as client:
        await client.create_collection("sourced")
        outcomes = await client.upsert("sourced", source(), batch_size=8)
        assert {one.result for one in outcomes} == {UpsertOutcome.RESULT_CREATED}
        assert (await client.count_items("sourced")).count == 100
        found = [item.id async for item in client.list_items("sourced", page_size=7)]
        assert sorted(found) == sorted(one.id for one in outcomes)
        await client.delete_collection("sourced")


async def test_a_picture_comes_back(server: RunningServer, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "noise.png"
    Image.effect_noise((300, 200), 80).save(path)
    async with AsyncClient(server.address) as client:
        await client.create_collection("kept", image_retention="original")
        await client.upsert("kept", [make_item("a", image=path)], ocr="skip")
        image = await client.get_item_image("kept", "a")
        assert image.data == path.read_bytes()
        info = await client.save_item_image("kept", "a", tmp_path / "out.webp", variant="thumbnail")
        assert (tmp_path / "out.webp").stat().st_size == info.byte_size
        await client.delete_collection("kept")
