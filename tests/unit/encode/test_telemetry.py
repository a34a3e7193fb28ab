"""onnxruntime reports to nobody unless somebody asks for it."""

import os

import pytest

from triptych_server.encode.telemetry import SWITCH, switch_off_telemetry


def test_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "")
    monkeypatch.delenv(SWITCH)
    switch_off_telemetry()
    assert os.environ[SWITCH] == "1"


def test_an_operators_choice_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")
    switch_off_telemetry()
    assert os.environ[SWITCH] == "0"
