"""onnxruntime reports to nobody unless somebody asks for it."""

import os
import subprocess
import sys

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


def test_it_is_off_before_onnxruntime_is_there() -> None:
    """Whatever of ours imports it: the package that all of them are in comes first."""
    program = (
        "import os, sys; import triptych_server.encode.session; "
        f"print(os.environ[{SWITCH!r}], 'onnxruntime' in sys.modules)"
    )
    environment = {k: v for k, v in os.environ.items() if k != SWITCH}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "False"]
