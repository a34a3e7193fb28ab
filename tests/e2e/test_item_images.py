"""Pictures are kept as their collection says, come back, and go with their items."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from tests.support.panels import draw_words, with_orientation
from tests.support.pictures import encoded, poster
from tests.support.server import RunningServer, ServerDied
from tests.support.waiting import wait_for
from triptych import (
    Client,
    Collection,
    DataLoss,
    FailedPrecondition,
    Field,
    KeptImage,
    NotFound,
    TriptychError,
    UpsertOutcome,
    make_item,
)
from triptych.v1.item_service_pb2 import GetItemImageRequest
from triptych.v1.item_service_pb2_grpc import ItemServiceStub

ORIGINAL, THUMBNAIL = KeptImage.VARIANT_ORIGINAL, KeptImage.VARIANT_THUMBNAIL
CREATED, REPLACED, UNCHANGED = (
    UpsertOutcome.RESULT_CREATED,
    UpsertOutcome.RESULT_REPLACED,
    UpsertOutcome.RESULT_UNCHANGED,
)
CHUNK = 256 * 1024


def picture(number: int) -> bytes:
    """A picture that no other number gives."""
    ground = (number * 37 % 256, number * 11 % 256, number * 71 % 256)
    return encoded(poster("SALE", f"{number}", side=96, size=12, paper=ground)[0], "PNG")


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def kept_files(server: RunningServer, collection: str) -> list[Path]:
    """Every file that is kept for a collection."""
    albums = (server.folder / "pictures").glob(f"{collection}.*")
    return sorted(path for album in albums for path in album.rglob("*") if path.is_file())


def items_files(server: RunningServer, collection: str) -> list[Path]:
    """Those of them that are items'."""
    return [p for p in kept_files(server, collection) if p.parent.parent.name == "items"]


def refusal(
    kind: type[TriptychError], client: Client, collection: str, item_id: str, variant: str = ""
) -> str:
    """The reason for which a picture does not come."""
    with pytest.raises(kind) as caught:
        client.get_item_image(collection, item_id, variant=variant or None)
    return caught.value.reason


def test_originals_come_back_to_the_byte(client: Client, new_id: Callable[[], str]) -> None:
    made = client.create_collection(new_id(), image_retention="original")
    assert made.image_retention == Collection.IMAGE_RETENTION_ORIGINAL
    assert client.get_collection(made.id).image_retention == made.image_retention
    file = with_orientation(draw_words(["UPRIGHT"], width=1000, height=500), 6)
    outcome = client.upsert(made.id, [make_item("a", image=file)], ocr="skip")[0]
    original = client.get_item_image(made.id, "a")
    assert original.data == file
    assert original.info == KeptImage(
        variant=ORIGINAL,
        media_type="image/jpeg",
        width=1000,
        height=500,
        byte_size=len(file),
        sha256=sha(file),
    )
    small = client.get_item_image(made.id, "a", variant="thumbnail")
    check_thumbnail(small.info, small.data, (512, 256))
    # The item, its outcome and the picture itself say the same.
    assert list(outcome.image_info.kept) == [original.info, small.info]
    assert client.get_item(made.id, "a").image_info == outcome.image_info
    hit = client.search(made.id, image=file).hits[0]
    assert hit.item.image_info == outcome.image_info


def check_thumbnail(info: KeptImage, data: bytes, size: tuple[int, int]) -> None:
    assert (info.variant, info.media_type) == (THUMBNAIL, "image/webp")
    assert (info.width, info.height) == size
    assert (info.byte_size, info.sha256) == (len(data), sha(data))
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("WEBP", size)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_thumbnails_are_upright(
    client: Client, new_id: Callable[[], str], orientation: int
) -> None:
    made = client.create_collection(new_id())
    assert made.image_retention == Collection.IMAGE_RETENTION_THUMBNAIL
    upright = poster("ABOVE", "BELOW", side=800)[0].crop((0, 0, 800, 500))
    file = with_orientation(encoded(upright, "PNG"), orientation)
    client.upsert(made.id, [make_item("a", image=file)], ocr="skip")
    kept = client.get_item_image(made.id, "a")
    check_thumbnail(kept.info, kept.data, (512, 320))
    with Image.open(io.BytesIO(kept.data)) as image:
        shown = np.asarray(image.convert("RGB"), np.float64)
    assert np.abs(shown - np.asarray(upright.resize((512, 320)), np.float64)).mean() < 4
    assert refusal(FailedPrecondition, client, made.id, "a", "original") == "IMAGE_NOT_KEPT"


def test_a_collection_may_keep_none(server: RunningServer, new_id: Callable[[], str]) -> None:
    with server.client() as client:
        made = client.create_collection(new_id(), image_retention="none")
        outcome = client.upsert(made.id, [make_item("a", image=picture(1))], ocr="skip")[0]
        assert outcome.image_info.width == 96
        assert not outcome.image_info.kept
        for variant in (None, "thumbnail", "original"):
            with pytest.raises(FailedPrecondition, match="image_retention") as caught:
                client.get_item_image(made.id, "a", variant=variant)
            assert caught.value.reason == "IMAGE_NOT_KEPT"
        assert kept_files(server, made.id) == []
        client.delete_items(made.id, all=True)
        client.delete_collection(made.id)


def test_what_is_not_there_is_told_apart(client: Client, new_id: Callable[[], str]) -> None:
    made = client.create_collection(new_id()).id
    client.upsert(made, [make_item("words", caption="only words")])
    assert refusal(NotFound, client, made, "words") == "ITEM_HAS_NO_IMAGE"
    assert refusal(NotFound, client, made, "nobody") == "ITEM_NOT_FOUND"
    assert refusal(NotFound, client, new_id(), "words") == "COLLECTION_NOT_FOUND"


def test_the_answer_is_a_stream_of_chunks(server: RunningServer, new_id: Callable[[], str]) -> None:
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (700, 900, 3), dtype=np.uint8)
    file = encoded(Image.fromarray(noise), "PNG")
    with server.client() as client, grpc.insecure_channel(server.address) as channel:
        made = client.create_collection(new_id(), image_retention="original").id
        client.upsert(made, [make_item("a", image=file)], ocr="skip")
        stub = ItemServiceStub(channel)
        request = GetItemImageRequest(collection_id=made, id="a")
        first, *rest = stub.GetItemImage(request, timeout=20)
        assert first.image.byte_size == len(file)
        assert [len(part.chunk) for part in rest[:-1]] == [CHUNK] * (len(rest) - 1)
        assert b"".join(part.chunk for part in rest) == file


def test_a_caller_that_goes_away_stops_it(server: RunningServer, new_id: Callable[[], str]) -> None:
    rng = np.random.default_rng(4)
    noise = rng.integers(0, 256, (2200, 2600, 3), dtype=np.uint8)
    file = encoded(Image.fromarray(noise), "PNG", compress_level=0)
    with server.client() as client:
        made = client.create_collection(new_id(), image_retention="original").id
        client.upsert(made, [make_item("a", image=file)], ocr="skip")
        with grpc.insecure_channel(server.address) as channel:
            request = GetItemImageRequest(collection_id=made, id="a")
            call: Any = ItemServiceStub(channel).GetItemImage(request, timeout=30)
            next(call)
            wait_for(lambda: open_pictures(server) == 1)
            call.cancel()
        wait_for(lambda: open_pictures(server) == 0)
        wait_for(lambda: "GetItemImage CANCELLED" in server.log)
        assert len(client.get_item_image(made, "a").data) == len(file)


def test_callers_that_go_away_while_a_chunk_is_sent_are_no_incident(
    server: RunningServer, new_id: Callable[[], str]
) -> None:
    rng = np.random.default_rng(4)
    noise = rng.integers(0, 256, (2200, 2600, 3), dtype=np.uint8)
    file = encoded(Image.fromarray(noise), "PNG", compress_level=0)
    rounds = 200
    with server.client() as client:
        made = client.create_collection(new_id(), image_retention="original").id
        client.upsert(made, [make_item("a", image=file)], ocr="skip")
        before = server.log.count("GetItemImage CANCELLED")
        for pause_s in rng.random(rounds) / 100:
            with grpc.insecure_channel(server.address) as channel:
                request = GetItemImageRequest(collection_id=made, id="a")
                call: Any = ItemServiceStub(channel).GetItemImage(request, timeout=30)
                next(call)
                time.sleep(pause_s)
                call.cancel()
        wait_for(lambda: server.log.count("GetItemImage CANCELLED") == before + rounds)
        assert "incident" not in server.log


def open_pictures(server: RunningServer) -> int:
    """How many files of the folder of pictures the server has open."""
    count = 0
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            count += "/pictures/" in os.readlink(link)
        except FileNotFoundError:
            continue
    return count


def test_an_unchanged_item_writes_no_picture_unless_it_is_missing(
    server: RunningServer, client: Client, new_id: Callable[[], str]
) -> None:
    def forget(path: Path) -> None:
        path.unlink()

    def damage(path: Path) -> None:
        path.write_bytes(b"?" * path.stat().st_size)

    item = make_item("a", image=picture(1), caption="a poster")
    made = client.create_collection(new_id(), image_retention="original").id
    assert client.upsert(made, [item], ocr="skip")[0].result == CREATED
    before = {path: path.stat().st_ctime_ns for path in kept_files(server, made)}
    again = client.upsert(made, [item], ocr="skip")[0]
    assert again.result == UNCHANGED
    assert len(again.image_info.kept) == 2
    assert {path: path.stat().st_ctime_ns for path in kept_files(server, made)} == before
    for spoil in (forget, damage):
        for path in items_files(server, made):
            spoil(path)
        for variant in ("original", "thumbnail"):
            assert refusal(DataLoss, client, made, "a", variant) == "IMAGE_LOST"
        assert client.upsert(made, [item], ocr="skip")[0].result == REPLACED
        assert client.get_item_image(made, "a").data == item.image.data
        assert client.upsert(made, [item], ocr="skip")[0].result == UNCHANGED


def test_a_replaced_picture_goes_and_a_shared_one_stays(
    server: RunningServer, client: Client, new_id: Callable[[], str]
) -> None:
    made = client.create_collection(new_id(), image_retention="original").id
    same = [make_item(name, image=picture(1)) for name in ("a", "b")]
    client.upsert(made, same, ocr="skip")
    assert len(items_files(server, made)) == 4
    client.upsert(made, [make_item("a", image=picture(2))], ocr="skip")
    assert client.get_item_image(made, "a").data == picture(2)
    assert client.get_item_image(made, "b").data == picture(1)
    assert len(items_files(server, made)) == 4
    # The same picture with other words keeps its files.
    client.upsert(made, [make_item("a", image=picture(2), caption="words")], ocr="skip")
    assert client.get_item_image(made, "a").data == picture(2)
    # Without a picture it has none any more.
    client.upsert(made, [make_item("a", caption="words")])
    assert refusal(NotFound, client, made, "a") == "ITEM_HAS_NO_IMAGE"
    assert len(items_files(server, made)) == 2
    client.upsert(made, [make_item("b", caption="words")])
    assert kept_files(server, made) == []


def test_a_broken_picture_leaves_what_was_kept(client: Client, new_id: Callable[[], str]) -> None:
    made = client.create_collection(new_id(), image_retention="original").id
    client.upsert(made, [make_item("a", image=picture(1))], ocr="skip")
    failed = client.upsert(made, [make_item("a", image=picture(2)[:300])], ocr="skip")[0]
    assert failed.result == UpsertOutcome.RESULT_FAILED
    assert client.get_item_image(made, "a").data == picture(1)


def test_removed_items_take_their_pictures_along(
    server: RunningServer, client: Client, new_id: Callable[[], str]
) -> None:
    made = client.create_collection(new_id(), payload_fields={"n": "integer"}).id
    shared = picture(1000)
    items = [
        make_item(str(n), image=shared if n % 2 else picture(n), payload={"n": n})
        for n in range(24)
    ]
    client.upsert(made, items, ocr="skip")
    assert len(items_files(server, made)) == 24
    assert client.delete_items(made, ids=["0", "1", "1", "nobody"]).deleted_count == 2
    assert len(items_files(server, made)) == 22
    assert client.delete_items(made, where=Field("n") < 12).deleted_count == 10
    assert len(items_files(server, made)) == 12
    for item in items[12:]:
        kept = client.get_item_image(made, item.id)
        assert sha(kept.data) == kept.info.sha256
    assert client.delete_items(made, where=Field("n") < 12).deleted_count == 0
    assert client.delete_items(made, all=True).deleted_count == 12
    assert kept_files(server, made) == []


def test_many_items_are_removed_a_page_at_a_time(
    server: RunningServer, client: Client, new_id: Callable[[], str]
) -> None:
    """Items with pictures among many without, over several pages; what does not match stays."""
    made = client.create_collection(new_id(), payload_fields={"n": "integer"}).id
    words = [make_item(str(n), caption="words", payload={"n": n}) for n in range(700)]
    client.upsert(made, words, batch_size=256)
    pictures = [make_item(f"p{n}", image=picture(n), payload={"n": 100 * n}) for n in range(10)]
    client.upsert(made, pictures, ocr="skip")
    assert client.delete_items(made, where=Field("n") >= 300).deleted_count == 407
    assert client.count_items(made).count == 303
    assert len(items_files(server, made)) == 3


def test_a_dropped_collection_leaves_nothing(
    server: RunningServer, client: Client, new_id: Callable[[], str]
) -> None:
    dropped, other = (
        client.create_collection(new_id(), image_retention="original").id for _ in range(2)
    )
    items = [make_item(str(n), image=picture(n)) for n in range(8)]
    for name in (dropped, other):
        client.upsert(name, items, ocr="skip")
    client.delete_collection(dropped)
    assert not list((server.folder / "pictures").glob(f"{dropped}.*"))
    assert not list((server.folder / "pictures" / ".condemned").iterdir())
    assert len(items_files(server, other)) == 16
    # One of the same name starts with none.
    client.create_collection(dropped, image_retention="original")
    client.upsert(dropped, [make_item("0", caption="words")])
    assert refusal(NotFound, client, dropped, "0") == "ITEM_HAS_NO_IMAGE"


def test_a_collection_dropped_during_an_upsert_leaves_nothing(
    server: RunningServer, client: Client, new_id: Callable[[], str]
) -> None:
    made = client.create_collection(new_id(), image_retention="original").id
    stopping = threading.Event()

    def write() -> None:
        with server.client() as own:
            for round_number in range(1000):
                items = [make_item(str(n), image=picture(round_number)) for n in range(20)]
                try:
                    own.upsert(made, items, ocr="skip")
                except TriptychError:
                    return
                if stopping.is_set():
                    return

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        wait_for(lambda: client.count_items(made).count > 0)
        client.delete_collection(made)
        stopping.set()
        writing.result(30)
    assert kept_files(server, made) == []


def test_pictures_outlive_the_server(tmp_path: Path) -> None:
    item = make_item("a", image=picture(1))
    with RunningServer(tmp_path / "data") as server:
        with server.client() as client:
            client.create_collection("c", image_retention="original")
            client.upsert("c", [item], ocr="skip")
        server.kill()
    with RunningServer(tmp_path / "data") as server:
        with server.client() as client:
            assert client.get_item_image("c", "a").data == item.image.data
            assert client.upsert("c", [item], ocr="skip")[0].result == UNCHANGED
        assert server.stop() == 0


def test_a_drop_that_was_cut_off_is_finished_by_the_next_start(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server, server.client() as client:
        client.create_collection("c")
        client.upsert("c", [make_item("a", image=picture(1))], ocr="skip")
        pictures = server.folder / "pictures"
        (album,) = (path for path in pictures.iterdir() if path.name.startswith("c."))
        stays = album.name
        # The folder of a collection that was dropped, and the notes of both.
        album.rename(pictures / "gone.20260101T000000000000Z")
        (pictures / ".condemned" / "gone.20260101T000000000000Z").touch()
        (pictures / ".condemned" / stays).touch()
        client.upsert("c", [make_item("b", image=picture(2))], ocr="skip")
        server.kill()
    with RunningServer(tmp_path / "data") as server, server.client() as client:
        wait_for(lambda: not list((pictures / ".condemned").iterdir()))
        assert len(client.get_item_image("c", "b").data) > 0
        assert len(items_files(server, "c")) == 1
        assert not list(pictures.glob("gone.*"))
        assert server.stop() == 0


def test_collections_that_kept_none_still_open(tmp_path: Path) -> None:
    """As the servers before this one wrote them: without a word of pictures."""
    item = make_item("a", image=picture(1), caption="words")
    with RunningServer(tmp_path / "data") as server, server.client() as client:
        client.create_collection("old", image_retention="none")
        client.upsert("old", [item], ocr="skip")
        assert server.stop() == 0
    description = tmp_path / "data" / "collections" / "old" / "collection.json"
    tree = json.loads(description.read_text(encoding="utf-8"))
    assert tree.pop("image_retention") == "none"
    description.write_text(json.dumps(tree), encoding="utf-8")
    with RunningServer(tmp_path / "data") as server, server.client() as client:
        found = client.get_collection("old")
        assert found.image_retention == Collection.IMAGE_RETENTION_NONE
        assert client.upsert("old", [item], ocr="skip")[0].result == UNCHANGED
        assert refusal(FailedPrecondition, client, "old", "a") == "IMAGE_NOT_KEPT"
        assert server.stop() == 0


def test_pictures_in_a_store_of_objects(tmp_path: Path) -> None:
    """One that forgets at every start: what is missing is written by the next upsert."""
    settings: dict[str, Any] = {"pictures": "memory://bucket/pictures"}
    item = make_item("a", image=picture(1))
    for result in (CREATED, REPLACED):
        with RunningServer(tmp_path / "data", **settings) as server, server.client() as client:
            assert client.status().pictures.kind == "memory"
            if result == CREATED:
                client.create_collection("c", image_retention="original")
            else:
                assert refusal(DataLoss, client, "c", "a") == "IMAGE_LOST"
            assert client.upsert("c", [item], ocr="skip")[0].result == result
            assert client.get_item_image("c", "a").data == item.image.data
            assert client.upsert("c", [item], ocr="skip")[0].result == UNCHANGED
            assert not (server.folder / "pictures").exists()
            if result == REPLACED:
                assert client.delete_items("c", all=True).deleted_count == 1
                client.delete_collection("c")
            assert server.stop() == 0
            assert "Traceback" not in server.log


def test_pictures_in_another_folder(tmp_path: Path) -> None:
    place = f"folder:{tmp_path}/there"
    with RunningServer(tmp_path / "data", pictures=place) as server, server.client() as client:
        assert client.status().pictures.kind == "folder"
        client.create_collection("c")
        client.upsert("c", [make_item("a", image=picture(1))], ocr="skip")
        assert server.stop() == 0
    assert len(list((tmp_path / "there").glob("*/items/*/*"))) == 1
    assert not (tmp_path / "data" / "pictures").exists()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("somewhere", "TRIPTYCH_PICTURES: needs folder:PATH"),
        ("nonsense://there", "the picture store can't be used"),
        ("folder:/proc/triptych", "the picture store can't be used"),
    ],
)
def test_a_place_that_can_t_be_used_is_told_at_the_start(
    tmp_path: Path, place: str, said: str
) -> None:
    with pytest.raises(ServerDied) as caught:
        RunningServer(tmp_path / "data", pictures=place)
    assert said in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_shell_can_have_them_too(server: RunningServer, new_id: Callable[[], str]) -> None:
    with server.client() as client:
        made = client.create_collection(new_id()).id
        client.upsert(made, [make_item("a", image=picture(1))], ocr="skip")
    buf = Path(sys.executable).with_name("buf")
    url = f"http://{server.address}/triptych.v1.ItemService/GetItemImage"
    request = json.dumps({"collection_id": made, "id": "a", "variant": "VARIANT_THUMBNAIL"})
    done = subprocess.run(
        [str(buf), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", request, url],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    decoder = json.JSONDecoder()
    first, end = decoder.raw_decode(done.stdout)
    second, _ = decoder.raw_decode(done.stdout[end:].lstrip())
    assert first["image"]["mediaType"] == "image/webp"
    assert set(second) == {"chunk"}
