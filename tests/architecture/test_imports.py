"""The house has rooms, and imports run one way between them: held by reading every module."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER = "triptych_server"
CLIENT = "triptych"

# rpc → wire → usecases → domain ← encode, store; only app and __main__ see everything.
ROOMS: dict[str, frozenset[str]] = {
    "rpc": frozenset({"rpc", "wire", "usecases", "domain"}),
    "wire": frozenset({"wire", "usecases", "domain"}),
    "usecases": frozenset({"usecases", "domain"}),
    "domain": frozenset({"domain"}),
    "encode": frozenset({"encode", "domain", "children"}),
    "store": frozenset({"store", "domain", "children"}),
    "children": frozenset(),
    "settings": frozenset({"domain"}),
    "read_settings": frozenset({"domain", "settings"}),
    "variables": frozenset({"domain", "read_settings", "settings"}),
    "health": frozenset({"read_settings", "rpc", "settings"}),
    "convert_command": frozenset({"encode", "read_settings"}),
    "optimize": frozenset({"domain", "read_settings", "store"}),
}
BUILDERS = frozenset({"app", "__main__"})
# The rooms that a library stays in.
KEPT_IN = {
    "PIL": "encode",
    "onnx": "encode",
    "onnxruntime": "encode",
    "pytesseract": "encode",
    "tokenizers": "encode",
    "fastembed": "encode",
    "mmh3": "encode",
    "py_rust_stemmers": "encode",
    "fsspec": "store",
    "qdrant_client": "store",
    "qdrant_edge": "store",
    "lark": "wire",
}
SPEAK_PROTO = frozenset({"rpc", "wire", *BUILDERS})
CLIENT_LIBRARIES = frozenset({"google", "grpc", "grpc_status"})
CLI_LIBRARIES = CLIENT_LIBRARIES | {"typer", "click", "rich", "PIL"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import of a module: what it names, and whether it runs when the module is imported."""

    target: str
    eager: bool


def imports_of(tree: ast.Module) -> Iterator[Import]:
    """Every import in a module; `from a import b` gives `a.b`, which may be a name inside `a`."""

    def walk(node: ast.AST, eager: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(name.name, eager) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are off: the lint says so"
            yield from (Import(f"{node.module}.{name.name}", eager) for name in node.names)
        for child in ast.iter_child_nodes(node):
            later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, eager and not later and not _for_types_only(node))

    return walk(tree, eager=True)


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def modules(source_root: str, package: str) -> dict[str, ast.Module]:
    """Every hand-written module below a package, by its dotted name."""
    base = ROOT / source_root
    found = {}
    for file in sorted((base / package).rglob("*.py")):
        parts = file.relative_to(base).with_suffix("").parts
        if parts[:2] == (CLIENT, "v1"):
            continue
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(file.read_text(encoding="utf-8"), str(file))
    return found


def room_of(module: str) -> str:
    """`triptych_server.encode.text` → `encode`; the package itself → an empty string."""
    return [*module.split("."), ""][1]


def faults_of_server(module: str, tree: ast.Module) -> list[str]:
    """What a server module imports and may not."""
    room = room_of(module)
    faults = []
    for target in {item.target for item in imports_of(tree)}:
        top = target.split(".")[0]
        if top == SERVER:
            allowed = room in BUILDERS or room_of(target) in ROOMS.get(room, frozenset())
        elif top == CLIENT:
            allowed = room in SPEAK_PROTO and target.startswith(f"{CLIENT}.v1.")
        elif top in KEPT_IN:
            allowed = room == KEPT_IN[top]
        elif room == "domain":
            allowed = top in sys.stdlib_module_names or top == "numpy"
        else:
            allowed = True
        if not allowed:
            faults.append(f"{module} imports {target}")
    return sorted(faults)


def faults_of_client(module: str, tree: ast.Module) -> list[str]:
    """What a client module imports and may not: anything that the base install lacks."""
    libraries = CLI_LIBRARIES if room_of(module) in {"cli", "__main__"} else CLIENT_LIBRARIES
    targets = {item.target for item in imports_of(tree)}
    return sorted(
        f"{module} imports {target}"
        for target in targets
        if (top := target.split(".")[0]) not in sys.stdlib_module_names
        and top not in libraries
        and top != CLIENT
    )


def cycle_in(trees: dict[str, ast.Module]) -> list[str]:
    """A ring of modules that import each other while they load; empty where there is none."""
    graph: dict[str, set[str]] = {}
    for module, tree in trees.items():
        targets = {item.target for item in imports_of(tree) if item.eager}
        # `a.b` is the module a.b where there is one, else a name inside the module a.
        graph[module] = {
            name if name in trees else name.rpartition(".")[0] for name in targets
        } & trees.keys() - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring: list[str] = error.args[1]
        return ring
    return []


def test_the_server_imports_one_way() -> None:
    trees = modules("server", SERVER)
    faults = [fault for name, tree in trees.items() for fault in faults_of_server(name, tree)]
    assert not faults


def test_every_room_was_looked_into() -> None:
    seen = {room_of(name) for name in modules("server", SERVER)}
    assert seen == {"", *ROOMS, *BUILDERS}
    assert len(modules("server", SERVER)) >= 40


def test_the_client_needs_nothing_but_its_base_dependencies() -> None:
    trees = modules("client", CLIENT)
    faults = [fault for name, tree in trees.items() for fault in faults_of_client(name, tree)]
    assert not faults
    assert len(trees) >= 8


@pytest.mark.parametrize(("source_root", "package"), [("server", SERVER), ("client", CLIENT)])
def test_no_module_imports_in_a_circle(source_root: str, package: str) -> None:
    assert not cycle_in(modules(source_root, package))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("triptych_server.domain.fusion", "import onnxruntime"),
        ("triptych_server.domain.fusion", "import pydantic"),
        ("triptych_server.domain.fusion", "from triptych_server.store import mapping"),
        ("triptych_server.encode.image", "def f():\n    from triptych_server.store import edge"),
        ("triptych_server.encode.image", "import triptych_server.usecases.search"),
        ("triptych_server.usecases.search", "from triptych.v1 import item_pb2"),
        ("triptych_server.usecases.search", "from PIL import Image"),
        ("triptych_server.usecases.search", "from triptych_server.wire import search"),
        ("triptych_server.wire.search", "from triptych_server.rpc import errors"),
        ("triptych_server.wire.search", "from triptych import errors"),
        ("triptych_server.rpc.search", "from triptych_server.store import edge"),
        ("triptych_server.rpc.search", "from triptych_server import app"),
        ("triptych_server.rpc.search", "import qdrant_client.http"),
        ("triptych_server.settings", "from triptych_server.encode import sessions"),
        ("triptych_server.app", "import qdrant_edge"),
    ],
)
def test_a_wrong_import_of_the_server_is_found(module: str, source: str) -> None:
    assert faults_of_server(module, ast.parse(source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("triptych.filters", "import numpy"),
        ("triptych.client", "from triptych_server.domain import errors"),
        ("triptych.client", "def f():\n    import rich"),
        ("triptych.cli.show", "import onnxruntime"),
    ],
)
def test_a_wrong_import_of_the_client_is_found(module: str, source: str) -> None:
    assert faults_of_client(module, ast.parse(source))


def test_a_circle_is_found_and_a_late_import_is_none() -> None:
    circle = {"p.a": "from p.b import x", "p.b": "from p import c", "p.c": "import p.a"}
    late = {**circle, "p.c": "def f():\n    import p.a"}
    assert set(cycle_in({name: ast.parse(text) for name, text in circle.items()})) == {*circle}
    assert not cycle_in({name: ast.parse(text) for name, text in late.items()})
