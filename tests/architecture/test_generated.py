"""The generated code is what the contract gives, on the oldest libraries and on the newest."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.proto import generate

ROOT = Path(__file__).resolve().parents[2]

# Prints the module names: all of the client but its command line, whose libraries are an extra.
_IMPORT_ALL = """
import importlib, pkgutil, triptych
def skip(name): raise ImportError(name)
for found in pkgutil.walk_packages(triptych.__path__, "triptych.", onerror=skip):
    if not found.name.startswith(("triptych.cli", "triptych.__main__")):
        importlib.import_module(found.name)
        print(found.name)
"""


@pytest.mark.timeout(300)  # the first run makes the generator's environment
def test_generating_again_gives_the_same(tmp_path: Path) -> None:
    generate.generate(tmp_path)
    assert not generate.differences(tmp_path / generate.PACKAGE, generate.GENERATED)


def test_a_difference_is_found(tmp_path: Path) -> None:
    kept = shutil.copytree(generate.GENERATED, tmp_path / "v1")
    (kept / "search_service_pb2.py").unlink()
    (kept / "left_over_pb2.py").touch()
    with (kept / "item_pb2.pyi").open("a") as file:
        file.write("\n")
    assert generate.differences(generate.GENERATED, kept) == [
        "search_service_pb2.py: missing",
        "left_over_pb2.py: given by no .proto file",
        "item_pb2.pyi: differs",
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_the_client_imports_without_a_warning(which: str) -> None:
    subprocess.run([ROOT / "tools" / "bootstrap.sh", "proto"], check=True)
    oldest = ROOT / ".venv-proto" / "bin" / "python"
    python = oldest if which == "oldest" else Path(sys.executable)
    names = subprocess.check_output(
        [python, "-W", "error", "-c", _IMPORT_ALL],
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "client")},
    ).split()
    assert {"triptych.v1.search_service_pb2_grpc", "triptych.v1.item_pb2"} <= set(names)
