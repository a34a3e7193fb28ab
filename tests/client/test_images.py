"""Kept pictures on their way back: from a real server, and from one that has faults."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.client.service import Service
from tests.support.pictures import encoded
from tests.support.server import RunningServer
from triptych import (
    ArgumentError,
    Client,
    Collection,
    DataLoss,
    KeptImage,
    NotFound,
    make_item,
)
from triptych.v1.collection_service_pb2 import CreateCollectionRequest
from triptych.v1.item_service_pb2 import GetItemImageRequest, GetItemImageResponse

FILE = encoded(Image.effect_noise((900, 700), 80), "PNG")


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """A client of a server whose collection `images` keeps one original."""
    with server.client() as made:
        made.create_collection("images", image_retention="original")
        made.upsert("images", [make_item("a", image=FILE)], ocr="skip")
        yield made
        made.delete_collection("images")


def test_a_picture_is_saved_whole(client: Client, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"what was there")
    info = client.save_item_image("images", "a", out)
    assert out.read_bytes() == FILE
    assert (info.variant, info.byte_size) == (KeptImage.VARIANT_ORIGINAL, len(FILE))
    small = client.save_item_image("images", "a", tmp_path / "small.webp", variant="thumbnail")
    with Image.open(tmp_path / "small.webp") as image:
        assert image.size == (small.width, small.height) == (512, 398)


def test_a_file_that_does_not_come_leaves_nothing(client: Client, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        client.save_item_image("images", "nobody", tmp_path / "out.png")
    with pytest.raises(OSError, match="none"):
        client.save_item_image("images", "a", tmp_path / "none" / "out.png")
    assert list(tmp_path.iterdir()) == []


def parts(*chunks: bytes) -> list[GetItemImageResponse]:
    info = KeptImage(byte_size=6, sha256=hashlib.sha256(b"abcdef").hexdigest())
    head = GetItemImageResponse(image=info)
    return [head, *(GetItemImageResponse(chunk=chunk) for chunk in chunks)]


def test_chunks_are_put_together(service: Service) -> None:
    service.images = parts(b"abc", b"def")
    with service.client() as client:
        assert client.get_item_image("c", "a", variant="original").data == b"abcdef"
        assert client.get_item_image("c", "a", variant=KeptImage.VARIANT_THUMBNAIL).data
        client.get_item_image("c", "a")
    asked = service.requests(GetItemImageRequest)
    assert [request.variant for request in asked] == [
        KeptImage.VARIANT_ORIGINAL,
        KeptImage.VARIANT_THUMBNAIL,
        KeptImage.VARIANT_UNSPECIFIED,
    ]
    assert all(call.metadata["x-request-id"] for call in service.calls)


@pytest.mark.parametrize(
    "sent",
    [[], parts(), parts(b"abc"), parts(b"abc", b"deg"), parts(b"abcdef", b"g"), parts(b"a")[1:]],
    ids=["nothing", "no chunk", "cut", "changed", "too long", "no head"],
)
def test_what_was_not_announced_is_refused(
    service: Service, tmp_path: Path, sent: list[GetItemImageResponse]
) -> None:
    service.images = sent
    with service.client() as client:
        with pytest.raises(DataLoss) as caught:
            client.get_item_image("c", "a")
        assert caught.value.reason == "IMAGE_LOST"
        with pytest.raises(DataLoss):
            client.save_item_image("c", "a", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_names_that_there_are_not(service: Service) -> None:
    with service.client() as client:
        for call in (
            lambda: client.get_item_image("c", "a", variant="tiny"),
            lambda: client.create_collection("c", image_retention="some"),
        ):
            with pytest.raises(ArgumentError, match="allowed original, thumbnail"):
                call()
        client.create_collection("c", image_retention="none")
        client.create_collection("c", image_retention=Collection.IMAGE_RETENTION_ORIGINAL)
        client.create_collection("c")
    assert [made.image_retention for made in service.requests(CreateCollectionRequest)] == [3, 1, 0]


def test_a_closed_client_asks_for_none(service: Service) -> None:
    client = service.client()
    client.close()
    with pytest.raises(RuntimeError):
        client.get_item_image("c", "a")
