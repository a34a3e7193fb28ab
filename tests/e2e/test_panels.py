"""Items of every shape: stored, found, returned, replaced."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image as PillowImage

from tests.support.panels import draw_words, with_orientation
from triptych import Client, Ocr, UpsertOutcome, VectorScore, error_of, make_item, payload

PANELS = ("image", "caption", "ocr_text")
SUBSETS = [subset for size in (1, 2, 3) for subset in itertools.combinations(PANELS, size)]
VECTORS = {"image": {"image"}, "caption": {"caption", "terms"}, "ocr_text": {"ocr", "terms"}}


def test_each_subset_of_the_panels(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    picture = draw_words(["HELLO"])
    parts: dict[str, Any] = {
        "image": picture,
        "caption": "a blue sailing boat",
        "ocr_text": "harbour tours",
    }
    names = {subset: "-".join(subset) for subset in SUBSETS}
    outcomes = client.upsert(
        collection,
        [make_item(names[s], **{panel: parts[panel] for panel in s}) for s in SUBSETS],
        ocr="skip",
    )
    assert [o.result for o in outcomes] == [UpsertOutcome.RESULT_CREATED] * 7
    assert client.count_items(collection).count == 7

    found = client.search(collection, text="a blue sailing boat in the harbour", limit=20)
    hits = {hit.item.id: hit for hit in found.hits}
    assert set(hits) == set(names.values())
    legs = [leg.vector_name for leg in found.legs]
    assert legs == ["image", "caption", "ocr", "terms"]
    for subset, name in names.items():
        item = client.get_item(collection, name, return_fields=["caption", "ocr_text", "vectors"])
        expected = set().union(*(VECTORS[panel] for panel in subset))
        assert set(item.vectors) == expected
        assert item.caption == (parts["caption"] if "caption" in subset else "")
        assert item.ocr_text == (parts["ocr_text"] if "ocr_text" in subset else "")
        for leg, score in zip(legs, hits[name].vector_scores, strict=True):
            if leg in expected:
                assert score.state == VectorScore.STATE_SCORED
                assert score.HasField("similarity")
            else:
                assert score.state == VectorScore.STATE_NO_SUCH_VECTOR
                assert not score.HasField("similarity")
                assert score.contribution == 0
        assert sum(s.contribution for s in hits[name].vector_scores) == pytest.approx(
            hits[name].score, abs=1e-6
        )


def test_an_upsert_replaces_the_whole_item(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    both = make_item("a", image=draw_words(["ONE"]), caption="one", payload={"n": 1, "old": True})
    assert client.upsert(collection, [both], ocr="skip")[0].result == UpsertOutcome.RESULT_CREATED
    before = client.get_item(collection, "a", return_fields=["vectors", "create_time"])
    assert set(before.vectors) == {"image", "caption", "terms"}

    bare = make_item("a", caption="two", payload={"n": 2})
    assert client.upsert(collection, [bare])[0].result == UpsertOutcome.RESULT_REPLACED
    after = client.get_item(
        collection, "a", return_fields=["vectors", "create_time", "payload", "image_info"]
    )
    assert set(after.vectors) == {"caption", "terms"}
    assert payload(after) == {"n": 2}
    assert not after.HasField("image_info")
    assert after.create_time == before.create_time
    scores = client.search(collection, text="two", weights={"image": 1, "caption": 1}).hits[0]
    assert scores.vector_scores[0].state == VectorScore.STATE_NO_SUCH_VECTOR


def test_the_same_item_again_is_unchanged(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    item = make_item("a", image=draw_words(["SAME"]), caption="one", payload={"b": 1, "a": 2})
    first, again = (client.upsert(collection, [item])[0] for _ in range(2))
    assert first.result == UpsertOutcome.RESULT_CREATED
    assert again.result == UpsertOutcome.RESULT_UNCHANGED
    assert again.ocr_state == first.ocr_state == Ocr.STATE_READ
    other = make_item("a", image=draw_words(["SAME"]), caption="one!", payload={"b": 1, "a": 2})
    assert client.upsert(collection, [other])[0].result == UpsertOutcome.RESULT_REPLACED


def test_turned_copies_of_one_picture(client: Client, new_id: Callable[[], str]) -> None:
    """EXIF orientations 1 to 8 of one picture embed alike and read the same."""
    collection = client.create_collection(new_id()).id
    upright = draw_words(["SUMMER SALE", "OPEN DAILY"])
    items = [make_item(str(n), image=with_orientation(upright, n)) for n in range(1, 9)]
    outcomes = client.upsert(collection, items)
    assert [o.image_info.orientation for o in outcomes] == list(range(1, 9))
    assert len({(o.image_info.width, o.image_info.height) for o in outcomes}) == 1
    found = client.search(collection, item_id="1", weights={"image": 1}, limit=20)
    assert len(found.hits) == 7
    assert all(hit.vector_scores[0].similarity > 0.999 for hit in found.hits)
    texts = {
        client.get_item(collection, str(n), return_fields=["ocr_text"]).ocr_text
        for n in range(1, 9)
    }
    assert len(texts) == 1
    assert "SUMMER" in texts.pop()


def test_a_broken_picture_among_good_ones(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    good = draw_words(["GOOD"])
    items = [
        make_item("good-1", image=good),
        make_item("cut", image=good[: len(good) // 2]),
        make_item("text", image=b"this is no picture"),
        make_item("good-2", image=good, caption="fine"),
    ]
    outcomes = client.upsert(collection, items, ocr="skip")
    failed = [o for o in outcomes if o.result == UpsertOutcome.RESULT_FAILED]
    assert [o.id for o in failed] == ["cut", "text"]
    errors = [error_of(o) for o in failed]
    assert [e.reason for e in errors if e] == ["IMAGE_TRUNCATED", "IMAGE_FORMAT_UNSUPPORTED"]
    assert [e.violations[0].field for e in errors if e] == [
        "items[1].image.data",
        "items[2].image.data",
    ]
    assert client.count_items(collection).count == 2


def test_a_failed_upsert_keeps_what_stood_there(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    client.upsert(collection, [make_item("a", caption="kept")])
    outcome = client.upsert(collection, [make_item("a", image=b"no picture")])[0]
    assert outcome.result == UpsertOutcome.RESULT_FAILED
    assert client.get_item(collection, "a").caption == "kept"


def test_words_in_a_picture_are_found(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    pictures = {"hello": ["HELLO WORLD"], "serial": ["SERIAL", "QX-48213"], "plain": []}
    items = [make_item(name, image=draw_words(words)) for name, words in pictures.items()]
    outcomes = client.upsert(collection, items)
    assert [o.ocr_state for o in outcomes] == [
        Ocr.STATE_READ,
        Ocr.STATE_READ,
        Ocr.STATE_NO_TEXT,
    ]
    found = client.search(collection, text="qx-48213", weights={"ocr": 1, "terms": 1})
    assert found.hits[0].item.id == "serial"
    states = {hit.item.id: hit.vector_scores[1].state for hit in found.hits}
    assert states["serial"] == VectorScore.STATE_SCORED
    assert states["hello"] == VectorScore.STATE_NO_SHARED_TERM
    item = client.get_item(collection, "serial", return_fields=["ocr.words"])
    boxes = {word.text: word.box for word in item.ocr.words}
    assert "SERIAL" in boxes
    assert all(word.confidence > 0.3 for word in item.ocr.words)


def test_ocr_modes(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    item = make_item("a", image=draw_words(["PRINTED"]), ocr_text="supplied")
    read_fields = ["ocr_text", "ocr"]

    def text(mode: str) -> tuple[str, int]:
        client.upsert(collection, [item], ocr=mode)
        got = client.get_item(collection, "a", return_fields=read_fields)
        return got.ocr_text, got.ocr.state

    assert text("when-empty") == ("supplied", Ocr.STATE_SUPPLIED)
    assert text("always") == ("PRINTED", Ocr.STATE_READ)
    assert text("skip") == ("supplied", Ocr.STATE_SUPPLIED)
    bare = make_item("b", image=draw_words(["PRINTED"]))
    assert client.upsert(collection, [bare], ocr="skip")[0].ocr_state == Ocr.STATE_SKIPPED
    assert client.upsert(collection, [bare])[0].ocr_state == Ocr.STATE_READ


def test_an_ocr_that_takes_too_long_loses_nothing_else(
    client: Client, new_id: Callable[[], str]
) -> None:
    collection = client.create_collection(new_id()).id
    item = make_item("a", image=draw_words(["SLOW"] * 8), caption="a slow one")
    outcome = client.upsert(collection, [item], ocr_time_limit_ms=1)[0]
    assert outcome.result == UpsertOutcome.RESULT_CREATED
    assert outcome.ocr_state == Ocr.STATE_TIMED_OUT
    assert [w.code for w in outcome.warnings]
    kept = client.get_item(collection, "a", return_fields=["vectors"])
    assert set(kept.vectors) == {"image", "caption", "terms"}
    # The next upsert tries again, although nothing about the item has changed.
    assert client.upsert(collection, [item])[0].ocr_state == Ocr.STATE_READ


def test_a_long_caption_is_found_by_its_end(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    filler = "the weather was rather dull that day and nothing much happened. " * 12
    items = [
        make_item("long", caption=filler + "at last a penguin came by"),
        make_item("other", caption=filler + "at last a train came by"),
    ]
    outcomes = client.upsert(collection, items)
    used = {made.vector_name: made.tokens for made in outcomes[0].vector_tokens}
    assert set(used) == {"caption"}
    assert used["caption"].windows > 1
    assert not used["caption"].truncated
    found = client.search(collection, text="a penguin came by", weights={"caption": 1})
    assert found.hits[0].item.id == "long"


def test_two_channels_of_transparency(client: Client, new_id: Callable[[], str]) -> None:
    """A see-through picture embeds as it looks on white, and the outcome says so."""
    collection = client.create_collection(new_id()).id
    hidden = PillowImage.new("RGBA", (64, 64), (255, 0, 0, 0))
    white = PillowImage.new("RGB", (64, 64), (255, 255, 255))
    files = []
    for picture in (hidden, white):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        files.append(buffer.getvalue())
    items = [make_item("hidden", image=files[0]), make_item("white", image=files[1])]
    outcomes = client.upsert(collection, items, ocr="skip")
    assert len(outcomes[0].warnings) == 1
    found = client.search(collection, item_id="white", weights={"image": 1})
    assert found.hits[0].vector_scores[0].similarity == pytest.approx(1.0, abs=1e-5)
