"""A picture that takes its decoder down costs itself; the service goes on, in the same process."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from tests.support.children import DECODER, children, cpu_ticks
from tests.support.pictures import encoded, png_file, textless
from tests.support.server import RunningServer
from tests.support.waiting import wait_for
from triptych import Client, InvalidArgument, TriptychError, UpsertOutcome, make_item

PICTURE = encoded(textless(3, side=64), "JPEG")


def large() -> bytes:
    """40 MP of 16 bits: the decoder is busy for half a second or more, with 200 MB or more."""
    row = bytes(range(250)) * 48  # 6000 samples
    return png_file([row] * 6700, width=6000, depth=16, colour_type=0)


def check_good(client: Client, collection: str) -> None:
    [outcome] = client.upsert(collection, [make_item("good", image=PICTURE)], ocr="skip")
    assert outcome.result != UpsertOutcome.RESULT_FAILED
    assert [hit.item.id for hit in client.search(collection, image=PICTURE).hits] == ["good"]


def test_a_decoder_killed_in_the_middle_of_a_picture(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", decode_workers="1") as server, server.client() as client:
        client.create_collection("pictures")
        check_good(client, "pictures")
        [decoder] = children(DECODER, server.process.pid)
        before = cpu_ticks(decoder)

        def kill() -> None:
            wait_for(lambda: cpu_ticks(decoder) >= before + 3)
            os.kill(decoder, signal.SIGSEGV)

        killer = threading.Thread(target=kill)
        killer.start()
        items = [make_item("large", image=large()), make_item("beside", image=PICTURE)]
        failed, beside = client.upsert("pictures", items, ocr="skip")
        killer.join(30)
        assert failed.result == UpsertOutcome.RESULT_FAILED
        assert "items[0].image.data: the PNG data broke its decoder" in failed.error.message
        assert beside.result == UpsertOutcome.RESULT_CREATED
        client.delete_items("pictures", ids=["beside"])
        check_good(client, "pictures")
        assert decoder not in children(DECODER, server.process.pid)
        assert server.process.poll() is None
        assert server.stop() == 0
    assert "SIGSEGV" in server.log
    assert "Traceback" not in server.log


def test_a_decoder_that_hangs(tmp_path: Path) -> None:
    with (
        RunningServer(tmp_path / "data", decode_workers="1", decode_time_limit_ms="500") as server,
        server.client() as client,
    ):
        client.create_collection("pictures")
        [decoder] = children(DECODER, server.process.pid)
        os.kill(decoder, signal.SIGSTOP)
        with pytest.raises(InvalidArgument) as caught:
            client.search("pictures", image=PICTURE)
        assert caught.value.reason == "IMAGE_DECODE_FAILED"
        assert "input.image.data: the JPEG data takes too long to decode" in caught.value.message
        check_good(client, "pictures")
        assert server.stop() == 0


def test_more_memory_than_a_decoder_may_have(tmp_path: Path) -> None:
    with (
        RunningServer(
            tmp_path / "data", decode_workers="1", decode_memory_bytes=str(320 * 2**20)
        ) as server,
        server.client() as client,
    ):
        client.create_collection("pictures")
        with pytest.raises(InvalidArgument) as caught:
            client.encode(images=[large()])
        assert caught.value.reason == "IMAGE_DECODE_FAILED"
        check_good(client, "pictures")
        assert server.stop() == 0


def test_a_killed_service_leaves_no_decoder_behind(tmp_path: Path) -> None:
    """Also one that is in the middle of a picture."""
    with RunningServer(tmp_path / "data", decode_workers="1") as server:
        [decoder] = children(DECODER, server.process.pid)
        with server.client() as client:
            client.create_collection("pictures")
        before = cpu_ticks(decoder)
        upsert = threading.Thread(target=upsert_cut_off, args=(server.client(),))
        upsert.start()
        wait_for(lambda: cpu_ticks(decoder) >= before + 3)
        server.kill()
        wait_for(lambda: not Path(f"/proc/{decoder}").exists())
        upsert.join(40)
        assert not upsert.is_alive()


def upsert_cut_off(client: Client) -> None:
    with client, pytest.raises(TriptychError):
        client.upsert("pictures", [make_item("large", image=large())])
