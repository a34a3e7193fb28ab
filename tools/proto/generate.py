"""Generates `client/triptych/v1` from `proto/`, or says whether it is what `proto/` gives.

`python -m tools.proto.generate` writes the folder anew: messages, their types, and for each
service file the gRPC stubs, sync and async, with theirs. What no `.proto` file gives any more is
removed. `--check` writes nothing and exits with 1 where the folder differs.

protoc is the one of `.venv-proto`, the oldest generator supported (generated code refuses a
runtime older than its generator). The plugin that writes the types runs in this environment.
"""

import argparse
import filecmp
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("triptych/v1")
PROTO = ROOT / "proto"
GENERATED = ROOT / "client" / PACKAGE

_HEAD = '"""The contract, generated from `proto/` by `make proto`: not edited by hand."""\n'


class GenerationError(Exception):
    """protoc refused the contract; its own words are the message."""


def generate(out: Path) -> list[Path]:
    """Writes the generated package under `out` and returns its files, relative to `out`.

    Raises:
        GenerationError: there is nothing to generate from, or protoc refused it.
    """
    messages = sorted((PROTO / PACKAGE).glob("*.proto"))
    if not messages:
        raise GenerationError(f"no .proto files in proto/{PACKAGE}")
    services = [file for file in messages if file.stem.endswith("_service")]
    subprocess.run([ROOT / "tools" / "bootstrap.sh", "proto"], check=True)
    _protoc(out, messages, python_out="mypy", plugin="protoc-gen-mypy")
    if services:
        _protoc(out, services, python_out="mypy_grpc", plugin="protoc-gen-mypy_grpc")
    (out / PACKAGE / "__init__.py").write_text(_HEAD, encoding="utf-8")
    return sorted(file.relative_to(out) for file in (out / PACKAGE).iterdir())


def differences(made: Path, kept: Path) -> list[str]:
    """Names the files in which two generated folders differ, one line each."""
    compared = filecmp.dircmp(made, kept, ignore=["__pycache__"])
    _, differing, unreadable = filecmp.cmpfiles(made, kept, compared.common, shallow=False)
    return [
        *(f"{name}: missing" for name in compared.left_only),
        *(f"{name}: given by no .proto file" for name in compared.right_only),
        *(f"{name}: differs" for name in [*differing, *unreadable]),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Generates or compares; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.proto.generate")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check: bool = parser.parse_args(arguments).check
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        try:
            files = generate(out)
        except GenerationError as error:
            print(error, file=sys.stderr)
            return 1
        where = GENERATED.relative_to(ROOT)
        if check:
            found = differences(out / PACKAGE, GENERATED)
            for line in found:
                print(f"{where}/{line}", file=sys.stderr)
            if found:
                print("the generated code is not what proto/ gives: make proto", file=sys.stderr)
                return 1
            print(f"{where}: {len(files)} files, as proto/ gives them")
            return 0
        shutil.rmtree(GENERATED, ignore_errors=True)
        shutil.copytree(out / PACKAGE, GENERATED)
        print(f"{where}: {len(files)} files written")
    return 0


def _protoc(out: Path, files: list[Path], *, python_out: str, plugin: str) -> None:
    """Runs protoc once: Python and its types, for messages or for services."""
    kind = "grpc_python_out" if python_out == "mypy_grpc" else "python_out"
    command: list[str | Path] = [
        ROOT / ".venv-proto" / "bin" / "python",
        "-m",
        "grpc_tools.protoc",
        f"--plugin={plugin}={sysconfig.get_path('scripts')}/{plugin}",
        f"--proto_path={PROTO}",
        f"--proto_path={ROOT / 'third_party'}",
        f"--{kind}={out}",
        f"--{python_out}_out=quiet:{out}",
        *files,
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise GenerationError(result.stderr.strip())


if __name__ == "__main__":
    sys.exit(main())
