"""One server for the tests that do not hurt it; each test gets a collection of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.server import RunningServer
from triptych import Client

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with tiny-clip on a folder of its own; it has to end cleanly."""
    folder: Path = tmp_path_factory.mktemp("e2e") / "data"
    with RunningServer(folder) as running:
        yield running
        assert running.stop() == 0, running.log
        assert "Traceback" not in running.log


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """A client of the shared server."""
    with server.client() as made:
        yield made


@pytest.fixture
def new_id() -> Callable[[], str]:
    """Names for collections that no other test has."""
    return lambda: f"c{next(_numbers)}"
