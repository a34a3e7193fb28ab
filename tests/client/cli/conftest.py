"""Fixtures of the command's tests."""

from pathlib import Path

import pytest


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
