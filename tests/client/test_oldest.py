"""The client's tests, once more, on the oldest libraries that it supports and nothing else."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-oldest" / "bin" / "python"

# What needs more than the client's own dependencies, and why. All others run.
LEFT_OUT = {
    "cli": "the command's libraries",
    "test_both_clients.py": "ruff",
    "test_examples.py": "a real server, Pillow",
    "test_images.py": "a real server, Pillow",
    "test_oldest.py": "this file",
    "test_real_server.py": "a real server, Pillow",
    "test_recompute.py": "the server's own fusion",
    "test_surface.py": "mypy",
}
# What pip says where it reaches no index, or one that has nothing.
NO_INDEX = re.compile(
    r"from versions: none|Failed to establish a new connection|NewConnectionError"
    r"|Temporary failure in name resolution|Network is unreachable|Connection refused"
)


@pytest.fixture(scope="module")
def oldest() -> Path:
    """The Python of that environment; the first run makes it, from pinned and hashed packages."""
    made = subprocess.run(
        [ROOT / "tools" / "bootstrap.sh", "oldest"],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if made.returncode != 0 and NO_INDEX.search(made.stdout):
        pytest.skip(f"no package index for .venv-oldest: {made.stdout.splitlines()[-1][:200]}")
    assert made.returncode == 0, made.stdout
    return PYTHON


def alone() -> dict[str, str]:
    """An environment in which nothing but the client is found."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "client")}


@pytest.mark.timeout(600)  # making the environment, and then more than 300 tests
def test_the_client_s_tests_pass_on_the_oldest_libraries(oldest: Path) -> None:
    folder = Path(__file__).parent
    for name in LEFT_OUT:
        assert (folder / name).exists(), name
    ignored = [f"--ignore={folder / name}" for name in LEFT_OUT]
    result = subprocess.run(
        [oldest, "-m", "pytest", folder, "-q", "-p", "no:cacheprovider", "--timeout=120", *ignored],
        text=True,
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=alone(),
    )
    assert result.returncode == 0, result.stdout[-6000:]
    counted = re.search(r"(\d+) passed in", result.stdout)
    assert counted, result.stdout[-2000:]
    assert int(counted[1]) > 300
    assert "skipped tests: 0" in result.stdout


@pytest.mark.timeout(600)
def test_they_are_the_floors(oldest: Path) -> None:
    """Those of pyproject.toml, each exactly; and neither the server nor its libraries are there."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    floors = dict(line.split(">=") for line in tomllib.loads(text)["project"]["dependencies"])
    program = (
        "import sys\n"
        "from importlib.metadata import version\n"
        "from importlib.util import find_spec\n"
        "print(*(version(name) for name in sys.argv[1:]))\n"
        "print(*map(find_spec, ('triptych_server', 'PIL', 'typer', 'qdrant_client')))\n"
    )
    said = subprocess.check_output([oldest, "-c", program, *floors], text=True, env=alone())
    assert said.splitlines() == [" ".join(floors.values()), "None None None None"]
