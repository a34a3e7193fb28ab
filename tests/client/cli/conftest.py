"""Fixtures of the command's tests."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.cli.real import write_cups
from tests.support.server import RunningServer


@pytest.fixture(autouse=True)
def no_server_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIPTYCH_SERVER", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "pictures"
    found.mkdir()
    for index in range(5):
        (found / f"{index}.png").write_bytes(b"png")
    return found


@pytest.fixture
def cups(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A collection of the test's own with a few items; it is gone afterwards."""
    name = re.sub("[^a-z0-9]", "-", request.node.name.lower())[:63].strip("-")
    write_cups(server, name)
    yield name
    with server.client() as client:
        if name in [one.id for one in client.list_collections()]:
            client.delete_collection(name)
