"""Makes the calls of `AsyncClient` from those of `Client`, or says whether they are in step.

`python -m tools.client.aio` writes `client/triptych/_aio/*_calls.py`; `--check` writes nothing and
exits with 1 where a file differs.

A method of the client checks its arguments, builds a request and hands it to `self._channel`. The
asynchronous one is the same text with these changes, and what they can't express is refused:

- `self._channel.x(...)` and `self.x(...)` are awaited, in an `async def`, where `x` is; so are the
  calls in the examples of docstrings. `pages` and the methods that return it are not.
- What returns an `Iterator` returns an `AsyncIterator`; a `for` loop over it is an `async for`.
- An argument that is an `Iterable` may be an `AsyncIterable` as well.
- A few sentences of docstrings, in `SENTENCES`.
"""

import argparse
import ast
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "client" / "triptych"
MADE = CLIENT / "_aio"

# Read, not imported: the package can't be imported while a module that is to be made is missing.
[BATCHES_UNDER_WAY] = re.findall(
    r"^BATCHES_UNDER_WAY = (\d+)$", (MADE / "channel.py").read_text(encoding="utf-8"), re.MULTILINE
)

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "They go one after the other, and an iterator is read no further ahead.": (
            f"Up to {BATCHES_UNDER_WAY} are under way at a time, and an iterator is read no\n"
            "        further ahead; one that blocks holds up the event loop."
        ),
        "and one more for each": f"and {BATCHES_UNDER_WAY} more for each",
    }
)

# Channel's ways to make a call that give an iterator, not an answer.
_ITERATORS = frozenset({"pages", "stream"})
_EXAMPLE = re.compile(r"^( *)>>> .*\n(?:\1\.\.\. ?.*\n)*", re.MULTILINE)
_ANY_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class CannotBeMade(Exception):
    """A method uses what the rules above don't cover; the text says where."""


def sources() -> list[Path]:
    """The modules with the client's calls."""
    return sorted(CLIENT.glob("_*_calls.py"))


def made() -> dict[Path, str]:
    """The text of every module of asynchronous calls.

    Raises:
        CannotBeMade: a method that has no asynchronous form by these rules.
    """
    trees = {source: ast.parse(source.read_text(encoding="utf-8")) for source in sources()}
    names = _Names(trees.values())
    unused = set(SENTENCES)
    texts = {}
    for source in trees:
        text = source.read_text(encoding="utf-8")
        unused -= {sentence for sentence in SENTENCES if sentence in text}
        target = MADE / source.name.removeprefix("_")
        texts[target] = _formatted(_asynchronous(text, names, source.name), target)
    if unused:
        raise CannotBeMade(f"no docstring says any more: {', '.join(sorted(unused))}")
    return texts


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or compares; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.client.aio")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check: bool = parser.parse_args(arguments).check
    differing = []
    for file, text in made().items():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            differing.append(file.relative_to(ROOT))
            if not check:
                file.write_text(text, encoding="utf-8")
    print("\n".join(map(str, differing)) or "client/triptych/_aio: in step with the client")
    return 1 if check and differing else 0


class _Names:
    """Which methods of the client are awaited, and which give an iterator."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        methods = [m for tree in trees for m in _methods(tree)]
        self.iterators = {m.name for m in methods if _is_iterator(m.returns)}
        self.awaited: set[str] = set()
        before = -1
        while len(self.awaited) > before:
            before = len(self.awaited)
            self.awaited |= {
                m.name
                for m in methods
                if m.name not in self.iterators
                and any(self.is_awaited(c) for c in ast.walk(m) if isinstance(c, ast.Call))
            }

    def is_awaited(self, call: ast.Call, owner: str = "self") -> bool:
        return self._is_of(call, owner, lambda x: x not in _ITERATORS, self.awaited)

    def is_iterated(self, call: ast.Call, owner: str = "self") -> bool:
        return self._is_of(call, owner, lambda x: x in _ITERATORS, self.iterators)

    def _is_of(
        self, call: ast.Call, owner: str, of_channel: Callable[[str], bool], names: set[str]
    ) -> bool:
        if not isinstance(call.func, ast.Attribute):
            return False
        whose = ast.unparse(call.func.value)
        if whose == f"{owner}._channel":
            return of_channel(call.func.attr)
        return whose == owner and call.func.attr in names


def _asynchronous(text: str, names: _Names, name: str) -> str:
    tree = ast.parse(text)
    edits = _Edits(text)
    for method in _methods(tree):
        if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(method)):
            raise CannotBeMade(f"{name}: {method.name}: yields; return an iterator of the channel")
        if method.name in names.awaited:
            edits.insert(method, "async ")
        if _is_iterator(method.returns):
            edits.insert(method.returns, "Async")
        for argument in (*method.args.args, *method.args.kwonlyargs):
            if argument.annotation is not None and _is_a(argument.annotation, "Iterable"):
                kind = ast.unparse(argument.annotation)
                edits.insert(argument.annotation, f"Async{kind} | ")
        _edit_calls(edits, method, names, "self", f"{name}: {method.name}")
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "collections.abc":
            edits.insert(node.names[0], "AsyncIterable, AsyncIterator, ")
    result = edits.result()
    result = re.sub(r"^class (\w+)\(Calls\):", r"class Async\1(AsyncCalls):", result, flags=re.M)
    result = result.replace(
        "from triptych._calls import Calls", "from triptych._aio.calls import AsyncCalls"
    )
    for old, new in SENTENCES.items():
        result = result.replace(old, new)
    result = _EXAMPLE.sub(lambda found: _example(found, names, name), result)
    return f"# Made from triptych/{name} by `python -m tools.client.aio`: change that.\n{result}"


def _example(found: re.Match[str], names: _Names, where: str) -> str:
    """One example of a docstring, with its calls awaited."""
    indent = found[1]
    lines = found[0].splitlines()
    code = "\n".join(line[len(indent) + 4 :] for line in lines)
    edits = _Edits(code)
    _edit_calls(edits, ast.parse(code), names, "client", f"{where}: an example")
    first, *more = edits.result().splitlines()
    return "".join(
        [f"{indent}>>> {first}\n", *(f"{indent}... {line}".rstrip() + "\n" for line in more)]
    )


def _edit_calls(edits: "_Edits", root: ast.AST, names: _Names, owner: str, where: str) -> None:
    """Awaits the calls of `owner` below `root`, and makes loops over its iterators asynchronous."""
    parents = {child: node for node in ast.walk(root) for child in ast.iter_child_nodes(node)}
    for call in ast.walk(root):
        if not isinstance(call, ast.Call):
            continue
        parent = parents[call]
        if names.is_awaited(call, owner):
            if _function_around(call, parents) not in (root, None):
                raise CannotBeMade(f"{where}: a call inside an inner function can't be awaited")
            if isinstance(parent, ast.Attribute | ast.Subscript):
                edits.insert(call, "(await ")
                edits.append(call, ")")
            else:
                edits.insert(call, "await ")
        elif names.is_iterated(call, owner):
            if isinstance(parent, ast.For):
                edits.insert(parent, "async ")
            elif not isinstance(parent, ast.Return):
                raise CannotBeMade(f"{where}: an iterator is returned, or looped over with for")


def _function_around(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> ast.AST | None:
    while node in parents:
        node = parents[node]
        if isinstance(node, _ANY_FUNCTION):
            return node
    return None


def _methods(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from (part for part in node.body if isinstance(part, ast.FunctionDef))


def _is_iterator(annotation: ast.expr | None) -> bool:
    return annotation is not None and _is_a(annotation, "Iterator")


def _is_a(annotation: ast.expr, generic: str) -> bool:
    return isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == generic


class _Edits:
    """Insertions into a text, at the places of its syntax tree."""

    def __init__(self, text: str) -> None:
        self._lines = [line.encode() for line in text.splitlines(keepends=True)]
        self._made: list[tuple[int, int, str]] = []

    def insert(self, node: ast.AST | None, text: str) -> None:
        """Before a node."""
        assert isinstance(node, ast.stmt | ast.expr | ast.alias)
        self._made.append((node.lineno - 1, node.col_offset, text))

    def append(self, node: ast.expr, text: str) -> None:
        """After a node."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        self._made.append((node.end_lineno - 1, node.end_col_offset, text))

    def result(self) -> str:
        """The text with them."""
        lines = list(self._lines)
        for line, column, text in sorted(self._made, reverse=True):
            lines[line] = lines[line][:column] + text.encode() + lines[line][column:]
        return b"".join(lines).decode()


def _formatted(text: str, file: Path) -> str:
    """As ruff has it: imports sorted, those that are not used left out."""
    ruff = f"{sysconfig.get_path('scripts')}/ruff"
    name = f"--stdin-filename={file}"
    for command in (
        ["check", "--quiet", "--fix", "--select=I001,F401", name, "-"],
        ["format", "--quiet", name, "-"],
    ):
        text = subprocess.run(
            [ruff, *command], input=text, text=True, capture_output=True, check=True, cwd=ROOT
        ).stdout
    return text


if __name__ == "__main__":
    sys.exit(main())
