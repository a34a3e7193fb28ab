"""Faults that were found once and mended: each keeps the case that showed it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.panels import draw_words
from tests.support.server import RunningServer
from tests.support.waiting import wait_for
from triptych import (
    Client,
    DeadlineExceeded,
    Field,
    NotFound,
    Ocr,
    TriptychError,
    UpsertOutcome,
    Vector,
    VectorScore,
    VectorSpace,
    make_item,
)
from triptych.v1.vector_pb2 import DenseVector, SparseVector

SUPPLIED = [VectorSpace.SOURCE_SUPPLIED]


def dense(*values: float) -> Vector:
    return Vector(dense=DenseVector(values=values))


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1.0, 1e15])
def test_vectors_of_any_length_are_kept_with_unit_length(
    client: Client, new_id: Callable[[], str], scale: float
) -> None:
    space = VectorSpace(name="v", sources=SUPPLIED, dimension=2)
    collection = client.create_collection(new_id(), vector_spaces=[space]).id
    client.upsert(collection, [make_item("a", vectors={"v": dense(scale, 0)})])
    kept = client.get_item(collection, "a", return_fields=["vectors"]).vectors["v"]
    assert list(kept.dense.values) == pytest.approx([1, 0])
    for query in (dense(1, 0), dense(scale, 0)):
        hit = client.search(collection, vector=query).hits[0]
        assert hit.vector_scores[0].similarity == pytest.approx(1, abs=1e-5)


def test_supplied_sparse_vectors_bring_their_own_weights(
    client: Client, new_id: Callable[[], str]
) -> None:
    space = VectorSpace(name="v", sources=SUPPLIED, kind=VectorSpace.KIND_SPARSE)
    collection = client.create_collection(new_id(), vector_spaces=[space]).id
    vector = Vector(sparse=SparseVector(indices=[1], values=[2]))
    client.upsert(collection, [make_item("a", vectors={"v": vector})])
    query = Vector(sparse=SparseVector(indices=[1], values=[3]))
    assert client.search(collection, vector=query).hits[0].vector_scores[0].similarity == 6


@pytest.mark.parametrize("name", ["a$b", "a/b", "a:b", "a@b", "'q'", '"with space"', "größe"])
def test_any_field_name_can_have_an_index(
    client: Client, new_id: Callable[[], str], name: str
) -> None:
    collection = client.create_collection(new_id(), payload_fields={name: "float"}).id
    client.upsert(collection, [make_item("a", caption="a", payload={name.strip('"'): 5})])
    assert client.count_items(collection, where=Field(name) == 5).count == 1


def test_a_collection_made_anew_takes_nothing_of_the_old_one(tmp_path: Path) -> None:
    """An upsert that began before the collection was dropped and made again is refused."""
    with RunningServer(tmp_path / "data", ocr_workers="1") as server, server.client() as client:
        client.create_collection("again", language="en")
        pictures = [make_item(str(n), image=draw_words([f"WORD {n}"])) for n in range(32)]
        errors: list[TriptychError] = []

        def upsert() -> None:
            with server.client() as own:
                try:
                    own.upsert("again", pictures)
                except TriptychError as error:
                    errors.append(error)

        writer = threading.Thread(target=upsert)
        writer.start()
        wait_for(lambda: client.count_items("again").count > 0)
        client.delete_collection("again")
        client.create_collection("again", language="de")
        writer.join(30)
        assert [type(error) for error in errors] == [NotFound]
        assert client.count_items("again").count == 0
        assert server.stop() == 0


def test_a_reading_that_failed_is_tried_again_also_beside_a_supplied_text(
    client: Client, new_id: Callable[[], str]
) -> None:
    collection = client.create_collection(new_id()).id
    item = make_item("a", image=draw_words(["PRINTED"] * 6), ocr_text="supplied")
    late = client.upsert(collection, [item], ocr="always", ocr_time_limit_ms=1)[0]
    assert late.ocr_state == Ocr.STATE_TIMED_OUT
    kept = client.get_item(collection, "a")
    assert (kept.ocr_text, kept.ocr.state) == ("supplied", Ocr.STATE_TIMED_OUT)
    again = client.upsert(collection, [item], ocr="always")[0]
    assert (again.result, again.ocr_state) == (UpsertOutcome.RESULT_REPLACED, Ocr.STATE_READ)
    assert "PRINTED" in client.get_item(collection, "a").ocr_text


def test_a_server_without_the_language_says_so_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = make_item("a", image=draw_words(["PRINTED"]))
    with RunningServer(tmp_path / "data") as server:
        with server.client() as client:
            client.create_collection("c", language="da")
            assert client.upsert("c", [item])[0].ocr_state == Ocr.STATE_READ
        assert server.stop() == 0
    # Tesseract with the languages of an empty folder.
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    with RunningServer(tmp_path / "data") as server, server.client() as client:
        # What was read once stays; what is new is not read, and the outcome says so twice.
        for name, results in (
            ("a", [UpsertOutcome.RESULT_UNCHANGED] * 2),
            ("b", [UpsertOutcome.RESULT_CREATED, UpsertOutcome.RESULT_UNCHANGED]),
        ):
            for result in results:
                outcome = client.upsert("c", [make_item(name, image=item.image.data)])[0]
                assert outcome.result == result
                assert "no Tesseract" in outcome.warnings[0].message
        assert client.get_item("c", "a").ocr_text == "PRINTED"
        assert client.get_item("c", "b").ocr.state == Ocr.STATE_FAILED
        with pytest.raises(TriptychError) as caught:
            client.upsert("c", [item], ocr="always")
        assert caught.value.reason == "OCR_UNAVAILABLE"
        assert server.stop() == 0


def test_page_feeds_and_line_ends_part_words(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    item = make_item("a", caption="red\fmug\rgreen\r\nbottle\x00!")
    outcome = client.upsert(collection, [item])[0]
    assert client.get_item(collection, "a").caption == "red mug\ngreen\nbottle!"
    assert "taken out: 1" in outcome.warnings[0].message
    hit = client.search(collection, text="mug", weights={"terms": 1}).hits[0]
    assert hit.vector_scores[0].state == VectorScore.STATE_SCORED


def test_deleted_items_do_not_take_the_place_of_others(
    client: Client, new_id: Callable[[], str]
) -> None:
    collection = client.create_collection(new_id()).id
    stay = [make_item(f"stay-{n}", caption="a lantern") for n in range(30)]
    go = [make_item(f"go-{n}", caption="a lantern") for n in range(30)]
    client.upsert(collection, [*stay, *go])
    stopping = threading.Event()

    def churn() -> None:
        while not stopping.is_set():
            client.delete_items(collection, ids=[item.id for item in go])
            client.upsert(collection, go)

    with ThreadPoolExecutor(1) as pool:
        churning = pool.submit(churn)
        try:
            found = [client.search(collection, text="lantern", limit=20).hits for _ in range(60)]
        finally:
            stopping.set()
        churning.result(20)
    assert {len(hits) for hits in found} == {20}


def test_lists_do_not_fail_over_a_collection_that_goes(
    client: Client, new_id: Callable[[], str]
) -> None:
    names = [new_id() for _ in range(6)]
    stopping = threading.Event()

    def churn() -> None:
        while not stopping.is_set():
            for name in names:
                client.create_collection(name)
                client.delete_collection(name)

    with ThreadPoolExecutor(1) as pool:
        churning = pool.submit(churn)
        try:
            for _ in range(40):
                list(client.list_collections())
        finally:
            stopping.set()
        churning.result(30)


def test_words_do_not_wait_for_pictures(tmp_path: Path) -> None:
    """A batch of pictures to be read does not hold up a caption of somebody else."""
    with RunningServer(tmp_path / "data", ocr_workers="1") as server, server.client() as client:
        client.create_collection("c")
        pictures = [make_item(str(n), image=draw_words([f"WORD {n}"] * 8)) for n in range(32)]
        with ThreadPoolExecutor(1) as pool, server.client(timeout=120) as other:
            bulk = pool.submit(other.upsert, "c", pictures)
            wait_for(lambda: client.count_items("c").count > 0)
            client.upsert("c", [make_item("caption", caption="only words")])
            assert not bulk.done()
            assert len(bulk.result(100)) == 32
        assert server.stop() == 0


def test_a_deadline_keeps_what_was_finished(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", ocr_workers="1") as server, server.client() as client:
        client.create_collection("c")
        pictures = [make_item(str(n), image=draw_words([f"WORD {n}"] * 3)) for n in range(64)]
        rounds = 0
        done = False
        while not done and rounds < 30:
            rounds += 1
            try:
                outcomes = client.upsert("c", pictures, batch_size=64, timeout=8)
                done = len(outcomes) == 64
            except DeadlineExceeded:
                continue
        assert done, "it never came to an end"
        assert client.count_items("c").count == 64
        assert server.stop() == 0


def test_an_item_that_no_search_finds_says_so(client: Client, new_id: Callable[[], str]) -> None:
    space = VectorSpace(
        name="terms", sources=[VectorSpace.SOURCE_CAPTION], kind=VectorSpace.KIND_SPARSE
    )
    collection = client.create_collection(new_id(), vector_spaces=[space]).id
    outcome = client.upsert(collection, [make_item("a", caption="the")])[0]
    assert outcome.result == UpsertOutcome.RESULT_CREATED
    assert "no search finds it" in outcome.warnings[0].message
    assert client.count_items(collection).count == 1


def test_timings_hold_all_of_it(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    client.upsert(collection, [make_item("a", caption="a cup")])
    timings = client.search(collection, text="a cup").timings
    stages = [stage.stage for stage in timings.stages]
    assert stages == ["parse", "encode", "legs", "fuse", "fetch", "render"]
    assert timings.total_us >= sum(stage.duration_us for stage in timings.stages)


def test_an_answer_that_was_not_given_is_not_logged_as_ok(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", ocr_workers="1") as server, server.client() as client:
        client.create_collection("c")
        pictures = [make_item(str(n), image=draw_words([f"WORD {n}"] * 8)) for n in range(16)]
        with pytest.raises(DeadlineExceeded):
            client.upsert("c", pictures, timeout=0.5)
        assert server.stop() == 0
        written = [line for line in server.log.splitlines() if "/UpsertItems" in line]
        assert written
        assert all("CANCELLED" in line for line in written), written


def test_too_many_large_requests_are_refused(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"max_bytes_in_flight": "200000", "ocr_workers": "1"}
    with RunningServer(tmp_path / "data", **settings) as server, server.client() as client:
        client.create_collection("c")
        picture = draw_words(["WORD"] * 8)
        items = [make_item(str(n), image=picture + bytes(150_000)) for n in range(6)]
        with ThreadPoolExecutor(6) as pool:

            def write(item: Any) -> str:
                with Client(server.address, retries=0) as own:
                    try:
                        return str(own.upsert("c", [item])[0].result)
                    except TriptychError as error:
                        return error.reason

            results = list(pool.map(write, items))
        assert "QUEUE_FULL" in results
        assert str(UpsertOutcome.RESULT_CREATED) in results
        client.upsert("c", [make_item("after", caption="room again")])
        assert server.stop() == 0
