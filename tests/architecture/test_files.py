"""What no file of the repository may be or hold."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 400
PINNED_LINE = re.compile(
    r"[a-z0-9.-]+==[\w.]+( ; [\w .'<>=!()]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?"
)

# Where packages come from is the machine's own business: no file of ours may say it.
_SOURCE_OF_PACKAGES = re.compile(r"--(extra-)?index-url|--find-links|index_url\s*=|https?://")
_LOCK_FILES = {"uv.lock", "poetry.lock", "package-lock.json", "Cargo.lock"}
# Go's own holds names of modules and their hashes, and no place.
_GO_SUM_LINE = re.compile(r"[\w./-]+ v[\w.+-]+(/go\.mod)? h1:[A-Za-z0-9+/]{43}=")


def files() -> list[Path]:
    """The files that git has or would take."""
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    return [ROOT / name for name in listed.split("\0") if (ROOT / name).is_file()]


def test_no_package_registry_is_named() -> None:
    """A repeatable install takes its packages from wherever the machine is told to look."""
    installing = [
        *(ROOT / "requirements").iterdir(),
        *(ROOT / name for name in ("pyproject.toml", "Makefile", "tools/bootstrap.sh", ".ci/run")),
        *ROOT.glob("tools/*/requirements*.txt"),
        *(ROOT / "examples" / name for name in ("go/go.mod", "typescript/package.json")),
        ROOT / "examples" / "typescript" / ".npmrc",
    ]
    assert len(installing) > 10
    found = [file for file in installing if _SOURCE_OF_PACKAGES.search(file.read_text())]
    assert not found
    assert not [file for file in files() if file.name in _LOCK_FILES]


def test_go_sum_names_no_place() -> None:
    sums = [file for file in files() if file.name == "go.sum"]
    assert sums
    for file in sums:
        for line in file.read_text(encoding="utf-8").splitlines():
            assert _GO_SUM_LINE.fullmatch(line), f"{file.name}: {line}"


@pytest.mark.parametrize("line", ["--index-url there", "name @ https://there/name.whl"])
def test_a_registry_would_be_found(line: str) -> None:
    assert _SOURCE_OF_PACKAGES.search(line)


def test_no_module_outgrows_its_subject() -> None:
    modules = [
        file
        for file in files()
        if file.suffix == ".py" and "tests" not in file.parts and file.parent.name != "v1"
    ]
    assert len(modules) > 50
    long = {file: count for file in modules if (count := lines_of(file)) > MOST_LINES}
    assert not long


def lines_of(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def test_the_pinned_files_name_no_place() -> None:
    pinned = sorted((ROOT / "requirements").glob("*.txt"))
    assert len(pinned) == 7
    for file in pinned:
        for line in file.read_text(encoding="utf-8").splitlines():
            assert PINNED_LINE.fullmatch(line), f"{file.name}: {line}"
