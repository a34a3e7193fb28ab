"""The images and the compose file: that they name what there is, and let in what they should."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from triptych_server.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")


def copied() -> Iterator[str]:
    """What the build copies out of the checkout, for every flavour."""
    for rest in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M):
        for source in rest.split()[:-1]:
            yield from (source.replace("${FLAVOUR}", flavour) for flavour in ("cpu", "gpu"))


def let_in(path: str) -> bool:
    """Whether .dockerignore lets a path into the build: its last line that fits decides."""
    parents = ["/".join(path.split("/")[: n + 1]) for n in range(path.count("/") + 1)]
    verdict = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        if not line.startswith("#") and any(
            fnmatch(part, pattern) or fnmatch(part.rpartition("/")[2], pattern) for part in parents
        ):
            verdict = line.startswith("!")
    return verdict


def test_what_the_image_is_made_of_is_there_and_let_in() -> None:
    sources = set(copied())
    assert {"client", "server", "requirements/cpu.txt", "requirements/gpu.txt"} <= sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert let_in(source), source
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {project["project"]["readme"], *project["project"]["license-files"]}
    assert wanted <= sources
    model = ROOT / "server" / "triptych_server" / "models" / "tiny_clip" / "model.json"
    assert let_in(str(model.relative_to(ROOT)))


@pytest.mark.parametrize(
    "path",
    [
        ".venv/bin/python",
        ".env",
        ".git/config",
        "certificates/server.key",
        "data/x",
        "demo/pictures/a.png",
        "tests/conftest.py",
        "requirements/dev.txt",
        "server/triptych_server/__pycache__/app.cpython-311.pyc",
    ],
)
def test_what_has_no_business_in_an_image_is_kept_out(path: str) -> None:
    assert not let_in(path)


def test_versions_are_one_decision() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version = project["project"]["version"]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    assert set(re.findall(r"\$\{TRIPTYCH_VERSION:-(.+)\}", COMPOSE)) == {version}
    [qdrant] = re.findall(r"image: qdrant/qdrant:v(\S+)", COMPOSE)
    manual = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    assert f"{qdrant} is what the tests ran on" in manual


def test_the_image_runs_as_the_user_that_the_example_names() -> None:
    [user] = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.M)
    assert f"useradd --uid {user} " in DOCKERFILE
    assert f"readable by the uid {user}." in EXAMPLE
    assert DOCKERFILE.index("USER ") < DOCKERFILE.index("ENTRYPOINT ")


def test_variables_are_settings() -> None:
    names = {name.upper() for name in Settings.model_fields}
    for text in (DOCKERFILE.partition("\nFROM ")[2], COMPOSE):
        given = set(re.findall(rf"^ *(?:ENV )?{PREFIX}(\w+)[:=]", text, re.M))
        assert given
        assert given <= names


def test_the_example_names_every_variable_of_the_compose_file() -> None:
    used = set(re.findall(r"\$\{(\w+)", COMPOSE)) - {"TRIPTYCH_VERSION"}
    assert set(re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.M)) == used


def compose(**variables: str) -> subprocess.CompletedProcess[str]:
    """``docker compose config`` of every profile; skips where there is no docker compose."""
    ours = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    command = ["docker", "compose", "--env-file", os.devnull, "--profile", "*", "config"]
    try:
        found = subprocess.run([*command[:2], "version"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("docker is not on the PATH: the compose file was not looked at")
    if found.returncode != 0:
        pytest.skip("docker has no compose: the compose file was not looked at")
    return subprocess.run(
        [*command, "--format", "json"],
        cwd=ROOT,
        env={**ours, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _is_ours(name: str) -> bool:
    return name.startswith((PREFIX, "COMPOSE_", "QDRANT_", "OCR_"))


def test_compose_wants_a_key_for_qdrant() -> None:
    done = compose()
    assert done.returncode != 0
    assert "copy .env.example to .env and write a key into it" in done.stderr


def test_what_compose_makes_of_the_file() -> None:
    done = compose(QDRANT_API_KEY="sesame", TRIPTYCH_ENCODERS="tiny-clip")
    assert done.returncode == 0, done.stderr
    made: Mapping[str, Any] = json.loads(done.stdout)
    services = made["services"]
    assert set(services) == {"triptych", "triptych-gpu", "qdrant"}

    # Nobody but the service gets to Qdrant, and it gets there with the key.
    qdrant = services["qdrant"]
    assert "ports" not in qdrant
    assert list(qdrant["networks"]) == ["store"]
    assert made["networks"]["store"]["internal"] is True
    assert qdrant["environment"]["QDRANT__SERVICE__API_KEY"] == "sesame"

    for name, flavour in (("triptych", None), ("triptych-gpu", "gpu")):
        service = services[name]
        assert service["environment"]["TRIPTYCH_QDRANT_API_KEY"] == "sesame"
        assert service["environment"]["TRIPTYCH_ENCODERS"] == "tiny-clip"
        assert service["depends_on"]["qdrant"]["condition"] == "service_healthy"
        assert service["read_only"] is True
        assert [port["host_ip"] for port in service["ports"]] == ["127.0.0.1"]
        assert service["build"]["args"].get("FLAVOUR") == flavour
        assert {volume["target"] for volume in service["volumes"]} == {
            *("/data/pictures", "/data/models", "/certificates")
        }
    [device] = services["triptych-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert services["triptych-gpu"]["profiles"] == ["gpu"]
    assert "profiles" not in services["triptych"]
