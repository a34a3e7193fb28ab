"""The corridor on a live Qdrant server: pictures of a folder go in, and what is asked is answered
as it is on the embedded engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import api_key, live_prefix
from tests.support.server import RunningServer
from tools.demo.store import PAYLOAD_FIELDS
from tools.demo_pictures.album import draw_album, file_name
from tools.demo_pictures.scenes import load_scenes
from triptych import (
    Client,
    Field,
    Fusion,
    SearchResponse,
    max_score,
    min_score,
    reciprocal_rank,
    recompute,
    weighted_sum,
)
from triptych.cli.app import run as run_command

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

COLLECTION = "corridor"
SCENES = tuple(load_scenes()[::14])
# Cosines do not add up with BM25, which only these two normalisations put on one scale.
FUSIONS: dict[str, Fusion] = {
    "reciprocal_rank": reciprocal_rank(),
    "reciprocal_rank k=60": reciprocal_rank(k=60),
    **{
        f"{method.__name__} {normalization}": method(normalization=normalization)
        for method in (weighted_sum, max_score, min_score)
        for normalization in ("min_max", "distribution")
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn pictures of every kind, with captions and payload."""
    return draw_album(SCENES, tmp_path_factory.mktemp("corridor") / "pictures", seed=1).folder


def ingested(server: RunningServer, folder: Path) -> None:
    """The folder goes in by the command."""
    arguments = ["--server", server.address, "ingest", str(folder), "--collection", COLLECTION]
    arguments += ["--captions", str(folder / "captions.csv")]
    arguments += [part for field in PAYLOAD_FIELDS for part in ("--payload-field", field)]
    assert run_command(arguments) == 0


@pytest.fixture(scope="module")
def embedded(server: RunningServer, folder: Path) -> Iterator[Client]:
    ingested(server, folder)
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def on_qdrant(folder: Path) -> Iterator[Client]:
    """A service on the live server, stopped and started again between writing and asking."""
    with live_prefix() as (url, _):
        settings = {"store": url, "qdrant_api_key": api_key() or ""}
        with RunningServer(folder.parent / "data", **settings) as server:
            ingested(server, folder)
            assert server.stop() == 0
        with RunningServer(folder.parent / "data", **settings) as server, server.client() as client:
            assert client.status().store.kind == "qdrant"
            yield client
            assert server.stop() == 0
            assert "Traceback" not in server.log


def _agree(one: SearchResponse, other: SearchResponse) -> None:
    recompute(one)
    recompute(other)
    assert one.hits
    assert [leg.vector_name for leg in one.legs] == [leg.vector_name for leg in other.legs]
    found = {hit.item.id: hit for hit in one.hits}
    # What is equal to float32 has no order that the two engines have to agree on.
    assert [hit.score for hit in one.hits] == pytest.approx(
        [hit.score for hit in other.hits], abs=1e-5
    )
    for hit in other.hits:
        known = found.get(hit.item.id)
        if known is None:
            assert hit.score == pytest.approx(one.hits[-1].score, abs=1e-5)
            continue
        assert hit.score == pytest.approx(known.score, abs=1e-5)
        for mine, its in zip(known.vector_scores, hit.vector_scores, strict=True):
            assert mine.state == its.state
            assert its.similarity == pytest.approx(mine.similarity, abs=1e-5)


@pytest.mark.parametrize("fusion", FUSIONS.values(), ids=FUSIONS)
def test_every_fusion_answers_as_the_embedded_engine_does(
    embedded: Client, on_qdrant: Client, folder: Path, fusion: Fusion
) -> None:
    scene = SCENES[0]
    for text in ("a cup of coffee", "concert poster", scene.caption):
        for where in (None, Field("year") >= 2024, ~(Field("category") == "poster")):
            _agree(
                *(
                    client.search(COLLECTION, text=text, where=where, fusion=fusion)
                    for client in (embedded, on_qdrant)
                )
            )
    picture = folder / file_name(scene)
    _agree(*(c.search(COLLECTION, image=picture, fusion=fusion) for c in (embedded, on_qdrant)))
    found = on_qdrant.search(COLLECTION, image=picture, weights={"image": 1}, fusion=fusion)
    assert found.hits[0].item.id == picture.name


def test_the_kept_pictures_are_the_same(embedded: Client, on_qdrant: Client) -> None:
    for scene in SCENES:
        kept = [c.get_item_image(COLLECTION, file_name(scene)) for c in (embedded, on_qdrant)]
        assert kept[0] == kept[1]
        assert kept[0].data
