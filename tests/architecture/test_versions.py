"""Numbers that stand in more than one place agree."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools.proto import generate

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Each pinned file and the extras that it installs.
PINNED = {
    "client": ["cli"],
    "cpu": ["server", "cpu", "cli"],
    "gpu": ["server", "gpu", "cli"],
    "dev": ["server", "cpu", "cli", "ocr", "dev"],
}


def requirements(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for: the base dependencies, and those of the extras."""
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def pins(name: str) -> dict[str, set[Version]]:
    """What a requirement file installs: some packages have a version per Python."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    found: dict[str, set[Version]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(package), set()).add(Version(version))
    return found


def floor(requirement: Requirement) -> Version:
    (least,) = [part.version for part in requirement.specifier if part.operator == ">="]
    return Version(least)


def test_the_clients_floors_are_what_the_generator_runs_on() -> None:
    """So the tests in the generator's environment are tests on the oldest libraries allowed."""
    oldest = pins("proto.txt")
    floors = {name: floor(requirement) for name, requirement in requirements().items()}
    assert floors == {name: min(oldest[name]) for name in floors}
    assert floors["grpcio"] == floors["grpcio-status"] == min(oldest["grpcio-tools"])


def test_the_generated_code_asks_for_no_more_than_the_floors() -> None:
    floors = {name: floor(requirement) for name, requirement in requirements().items()}
    stubs = sorted(generate.GENERATED.glob("*_pb2_grpc.py"))
    messages = sorted(generate.GENERATED.glob("*_pb2.py"))
    assert stubs
    assert messages
    for file in stubs:
        (found,) = re.findall(r"GRPC_GENERATED_VERSION = '([\d.]+)'", file.read_text())
        assert Version(found) == floors["grpcio"], file.name
    for file in messages:
        (found,) = re.findall(r"Protobuf Python Version: ([\d.]+)", file.read_text())
        assert Version(found) <= floors["protobuf"], file.name
        assert Version(found).release[:2] == floors["protobuf"].release[:2], file.name


@pytest.mark.parametrize("name", PINNED)
def test_a_pinned_file_gives_what_pyproject_asks_for(name: str) -> None:
    """`make requirements` was run after the last change to pyproject.toml."""
    pinned = pins(f"{name}.txt")
    assert {"hatchling", "editables"} <= pinned.keys(), "installed without build isolation"
    for package, requirement in requirements(*PINNED[name]).items():
        assert package in pinned
        assert all(requirement.specifier.contains(version) for version in pinned[package])


@pytest.mark.parametrize("name", PINNED)
def test_every_flavour_installs_what_the_tests_ran_on(name: str) -> None:
    tested = pins("dev.txt")
    assert {p: v for p, v in pins(f"{name}.txt").items() if p in tested and v != tested[p]} == {}


def test_no_flavour_has_both_runtimes() -> None:
    for name in PINNED:
        assert not {"onnxruntime", "onnxruntime-gpu"} <= pins(f"{name}.txt").keys()


def test_the_version_is_the_one_that_heads_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    head = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert head is not None
    assert head[1] == PROJECT["version"]
