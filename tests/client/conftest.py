"""Fixtures of the client's tests."""

from collections.abc import Iterator

import pytest

from tests.client.service import Service, serving
from tests.support.server import RunningServer


@pytest.fixture
def service() -> Iterator[Service]:
    """A server whose answers the test sets."""
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A real server with tiny-clip on a folder of its own."""
    with RunningServer(tmp_path_factory.mktemp("client") / "data") as running:
        yield running
        assert running.stop() == 0, running.log
