"""Checks that the contract breaks no client of the version that landed before.

`python -m tools.proto.breaking` runs `buf breaking` on `proto/` as it lies here against the newest
commit, among those that this branch shares with main, in which `proto/` was different. On main
itself that is the contract as it was before its latest change; on a branch, main's. A commit whose
message has the trailer `Breaks-Contract: why` is compared with nothing before it.

Exits with 0 where there is nothing to compare against yet, and says so.
"""

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAIN = ("origin/main", "main")
TRAILER = "Breaks-Contract"


def baseline(root: Path) -> str | None:
    """The commit to compare with, or None where no earlier contract is known."""
    head = _commit(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if head is None:
        return None
    shared = next(filter(None, (_commit(root, "merge-base", head, main) for main in MAIN)), head)
    why = f"%(trailers:key={TRAILER},valueonly,separator=%x20)"
    for line in _git(root, "log", f"--format=%H {why}", shared, "--", "proto").splitlines():
        commit, _, broken = line.partition(" ")
        if not _git(root, "ls-tree", commit, "proto"):
            return None
        if _git(root, "diff", "--name-only", commit, "--", "proto"):
            return commit
        if broken:
            return None
    return None


def breaks(root: Path, commit: str) -> str:
    """What buf finds broken since `commit`, one line each; empty where nothing is."""
    parts = _git(root, "ls-tree", "--name-only", commit, "buf.yaml", "proto", "third_party")
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before.tar"
        _git(root, "archive", f"--output={before}", commit, *parts.split())
        buf = Path(sysconfig.get_path("scripts")) / "buf"
        result = subprocess.run(
            [buf, "breaking", "--against", before],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode == 0:
        return ""
    return (result.stdout + result.stderr).strip()


def main() -> int:
    """Compares, prints, and returns the exit status."""
    if not (ROOT / ".git").exists():
        print("buf breaking: not a git checkout, so nothing to compare against")
        return 0
    _git(ROOT, "rev-parse", "--git-dir")  # raises here if git refuses this checkout altogether
    commit = baseline(ROOT)
    if commit is None:
        print("buf breaking: no earlier version of proto/ to compare against")
        return 0
    name = _git(ROOT, "log", "-1", "--format=%h (%s)", commit).strip()
    found = breaks(ROOT, commit)
    if found:
        print(f"{found}\nbuf breaking: proto/ breaks the contract of {name}", file=sys.stderr)
        return 1
    print(f"buf breaking: nothing broken since {name}")
    return 0


def _git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout


def _commit(root: Path, *arguments: str) -> str | None:
    """The commit that git names; None where it knows none of that name."""
    command = ["git", *arguments]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None


if __name__ == "__main__":
    sys.exit(main())
