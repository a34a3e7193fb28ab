"""The whole album on one real server, read by the real OCR, asked once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import RunningServer
from tools.demo_pictures.scenes import load_scenes
from tools.quality.collection import draw
from tools.quality.measure import Measured, measure
from triptych import Client


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures and the store are."""
    return tmp_path_factory.mktemp("quality")


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[RunningServer]:
    """A server with tiny-clip on the embedded store."""
    with RunningServer(folder / "data") as running:
        yield running
        assert running.stop() == 0, running.log


@pytest.fixture(scope="session")
def client(server: RunningServer) -> Iterator[Client]:
    """A client with time enough for a batch of pictures to be read."""
    with server.client(timeout=120) as made:
        yield made


@pytest.fixture(scope="session")
def measured(server: RunningServer, client: Client, folder: Path) -> Measured:
    """Every question asked; on the way each ranking is compared with the oracle's."""
    scenes = load_scenes()
    album = draw(scenes, folder / "pictures")
    return measure(server.address, client, scenes, album, lambda step: None)
