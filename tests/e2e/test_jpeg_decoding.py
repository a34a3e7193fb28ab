"""JPEGs are taken in exact or scaled: a collection keeps its way, whatever the server is set to."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.panels import with_orientation
from tests.support.pictures import encoded, page, textless
from tests.support.server import RunningServer
from triptych import Client, Collection, Item, UpsertOutcome, make_item

SCALED = with_orientation(encoded(textless(7).resize((1403, 1102)), "PNG"), 6)
"""Sides that no scale divides, stored lying; large enough to be halved for a thumbnail of 512."""


def image_stamp(collection: Collection) -> str:
    [stamp] = {s.stamp.preprocessing_hash for s in collection.vector_spaces if s.name == "image"}
    return stamp


def vector_of(client: Client, collection: str, item_id: str) -> NDArray[np.float64]:
    item = client.get_item(collection, item_id, return_fields=["vectors"])
    return np.array(item.vectors["image"].dense.values)


def kept(client: Client, collection: str, item_id: str) -> Item:
    return client.get_item(collection, item_id)


def test_a_collection_keeps_its_way(tmp_path: Path) -> None:
    vectors: dict[str, NDArray[np.float64]] = {}
    stamps: dict[str, str] = {}
    for number, way in enumerate(["exact", "scaled"]):
        with (
            RunningServer(tmp_path / "data", jpeg_decoding=way) as server,
            server.client() as client,
        ):
            stamps[way] = image_stamp(client.create_collection(way))
            assert client.encode(images=[SCALED]).image_stamp.preprocessing_hash == stamps[way]
            for collection, stamp in stamps.items():
                assert image_stamp(client.get_collection(collection)) == stamp
                item_id = f"written-{number}"
                [outcome] = client.upsert(
                    collection, [make_item(item_id, image=SCALED)], ocr="skip"
                )
                assert outcome.result == UpsertOutcome.RESULT_CREATED
                vector = vector_of(client, collection, item_id)
                assert vector == pytest.approx(vectors.setdefault(collection, vector), abs=1e-6)
                # Asked with the very picture, every item is at the very same place.
                found = client.search(collection, image=SCALED, weights={"image": 1.0})
                assert {hit.item.id for hit in found.hits} >= {item_id}
                for hit in found.hits:
                    assert hit.vector_scores[0].similarity == pytest.approx(1.0, abs=1e-6)
            server.stop()
    assert stamps["exact"] != stamps["scaled"]
    moved = 1 - vectors["exact"] @ vectors["scaled"]
    assert 1e-9 < moved < 1e-3


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of the module's own server, which is as it comes: new collections are scaled."""
    folder = tmp_path_factory.mktemp("scaled") / "data"
    with RunningServer(folder) as server, server.client() as client:
        yield client


def test_what_is_told_and_kept_of_it_is_that_of_the_whole(client: Client) -> None:
    collection = client.create_collection("told").id
    client.upsert(collection, [make_item("one", image=SCALED)], ocr="skip")
    info = kept(client, collection, "one").image_info
    assert (info.width, info.height, info.orientation) == (1403, 1102, 6)
    thumbnail = client.get_item_image(collection, "one")
    with Image.open(io.BytesIO(thumbnail.data)) as small:
        assert small.size == (512, 402)


def test_words_are_found_where_they_stand_and_move_no_vector(client: Client) -> None:
    """A page of 12 MP: the model gets a quarter of its sides, Tesseract a half."""
    sheet, placed = page(["MARMALADE", "HARBOUR"], width=1024, height=768, size=60)
    large = sheet.resize((4096, 3072), Image.Resampling.BICUBIC)
    data = encoded(large, "JPEG", quality=92)
    collection = client.create_collection("words").id
    outcomes = client.upsert(collection, [make_item("read", image=data)], ocr="always")
    outcomes += client.upsert(collection, [make_item("unread", image=data)], ocr="skip")
    assert [outcome.result for outcome in outcomes] == [UpsertOutcome.RESULT_CREATED] * 2
    read, unread = (vector_of(client, collection, name) for name in ("read", "unread"))
    assert read == pytest.approx(unread, abs=1e-7)
    words = client.get_item(collection, "read", return_fields=["ocr.words"]).ocr.words
    assert [word.text for word in words] == ["MARMALADE", "HARBOUR"]
    for word, drawn in zip(words, placed, strict=True):
        left, top, right, bottom = (4 * side for side in drawn.box)
        assert abs(word.box.left - left) < 40
        assert abs(word.box.top - top) < 40
        assert abs(word.box.left + word.box.width - right) < 40
        assert abs(word.box.top + word.box.height - bottom) < 40
