"""Lists every public name of the client, with its signature; a test holds the list to the code.

`python -m tools.client.surface` writes `tests/client/public_surface.txt`. Names are those in the
`__all__` of `triptych` and of its modules; signatures stand as in the source, so that the list is
the same on every Python.
"""

import ast
import importlib
import inspect
import pkgutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import triptych

LISTED = Path(__file__).resolve().parents[2] / "tests" / "client" / "public_surface.txt"
# The command line is used from a shell; the contract has its own check for breaking changes.
_NOT_LISTED = frozenset({"cli", "v1"})


def surface() -> str:
    """The list, a block for each module."""
    blocks = []
    for module in _modules():
        lines = [module.__name__]
        for name in sorted(module.__all__):
            lines += [f"  {line}" for line in _described(module, name)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _modules() -> Iterator[ModuleType]:
    yield triptych
    for found in pkgutil.iter_modules(triptych.__path__):
        if not found.name.startswith("_") and found.name not in _NOT_LISTED:
            yield importlib.import_module(f"triptych.{found.name}")


def _described(module: ModuleType, name: str) -> list[str]:
    value = getattr(module, name)
    home = getattr(value, "__module__", module.__name__)
    if home != module.__name__ and isinstance(home, str) and home.startswith("triptych."):
        return [f"{name}: {home}.{value.__name__}"]
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        return [f"class {name}({bases})", *(f"  {line}" for line in sorted(_members(value)))]
    if inspect.isfunction(value):
        return [_signature(name, _definition(value))]
    if isinstance(value, str | int | float):
        return [f"{name} = {value!r}"]
    return [f"{name}: a type"]


def _members(kind: type) -> set[str]:
    """The public members of a class, with those of its bases that are not public themselves."""
    found: dict[str, str] = {}
    for owner in reversed(kind.__mro__):
        if owner is kind or owner.__module__.startswith("triptych._"):
            for node in _class_body(owner):
                name = _name_of(node)
                if name and (not name.startswith("_") or name.startswith("__")):
                    found[name] = _member(name, node)
    return set(found.values())


def _name_of(node: ast.stmt) -> str:
    """What a statement of a class body defines; empty for anything else."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""


def _member(name: str, node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _signature(name, node)
        case ast.AnnAssign(annotation=annotation, value=value):
            return f"{name}: {ast.unparse(annotation)}{'' if value is None else ' = ...'}"
    return ast.unparse(node)


def _class_body(owner: type) -> list[ast.stmt]:
    [node] = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(node, ast.ClassDef)
    return node.body


def _definition(function: object) -> ast.FunctionDef | ast.AsyncFunctionDef:
    assert inspect.isfunction(function)
    [node] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return node


def _signature(name: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    kind = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    marks = "".join(f"@{ast.unparse(decorator)} " for decorator in node.decorator_list)
    returns = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    return f"{marks}{kind}{name}({ast.unparse(node.args)}){returns}"


def main() -> int:
    """Writes the list."""
    LISTED.write_text(surface(), encoding="utf-8")
    print(f"{LISTED.name}: {len(surface().splitlines())} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
