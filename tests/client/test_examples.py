"""The examples in the docstrings run, against a real server, and print what they say."""

import ast
import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import triptych
from tests.support.server import RunningServer
from triptych import AsyncClient, Client, NotFound, _aio, make_item

MODULES = [
    "triptych",
    *(
        f"triptych.{module.name}"
        for module in pkgutil.iter_modules(triptych.__path__)
        if module.name not in ("v1", "cli", "_aio")
    ),
    *(f"triptych._aio.{module.name}" for module in pkgutil.iter_modules(_aio.__path__)),
]


def examples() -> list[doctest.DocTest]:
    """The docstrings with examples, each of them once."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name), name)]
    return [test for test in found if test.examples]


def is_asynchronous(test: doctest.DocTest) -> bool:
    """Whether an example awaits anything."""
    return any("await " in example.source for example in test.examples)


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """A client of a server whose collection `pictures` holds one cat."""
    with server.client() as made:
        for name in ("pictures", "kitchen", "garden"):
            try:
                made.delete_collection(name)
            except NotFound:
                continue
        made.create_collection("pictures")
        made.upsert("pictures", [make_item("cat-1", caption="a cat", payload={"price": 12})])
        yield made


def test_there_are_examples_where_they_are_needed() -> None:
    names = {test.name for test in examples()}
    for needed in (
        "client.Client",
        "aio.AsyncClient",
        "_aio.item_calls.AsyncItemCalls.get_item_image",
        "filters.Field",
        "queries.leg",
        "items.make_item",
        "errors.TriptychError",
    ):
        assert f"triptych.{needed}" in names


def prepare(example: doctest.DocTest, client: object, address: str, folder: Path) -> None:
    """Puts a picture where the example looks for it, the names of `triptych`, and the server."""
    Image.new("RGB", (64, 64), (200, 20, 20)).save(folder / "cat.jpg")
    for one in example.examples:
        one.source = one.source.replace("127.0.0.1:50051", address)
    # A user's program has none of the module's own names, but what it imports.
    example.globs = {"client": client, **{n: getattr(triptych, n) for n in triptych.__all__}}
    for name in ("to_struct", "from_struct", "to_vector"):
        owner = importlib.import_module(
            "triptych.vectors" if name == "to_vector" else "triptych.values"
        )
        example.globs[name] = getattr(owner, name)


@pytest.mark.parametrize(
    "example",
    [test for test in examples() if not is_asynchronous(test)],
    ids=lambda test: test.name,
)
def test_an_example_does_what_it_says(
    example: doctest.DocTest,
    server: RunningServer,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(example, client, server.address, tmp_path)
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    "example", [test for test in examples() if is_asynchronous(test)], ids=lambda test: test.name
)
async def test_an_asynchronous_example_does_what_it_says(
    example: doctest.DocTest,
    server: RunningServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As typed into `python -m asyncio`: doctest itself knows no await."""
    monkeypatch.chdir(tmp_path)
    async with AsyncClient(server.address) as client:
        prepare(example, client, server.address, tmp_path)
        for one in example.examples:
            code = compile(one.source, "example", "single", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            with contextlib.redirect_stdout(io.StringIO()) as shown:
                value = eval(code, example.globs)  # noqa: S307 - ours
                if inspect.isawaitable(value):
                    await value
            assert doctest.OutputChecker().check_output(one.want, shown.getvalue(), 0)


def test_the_programs_in_the_manual(server: RunningServer) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python3\n(.*?)```", manual, re.DOTALL)
    programs = [block for block in blocks if "127.0.0.1:50051" in block]
    assert len(programs) == 2
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        for program in programs:
            exec(program.replace("127.0.0.1:50051", server.address), {})  # noqa: S102 - ours
    assert shown.getvalue().splitlines() == [
        "['n7', 'n23']",
        "input.text TEXT_BLANK",
        "limit LIMIT_INVALID",
        "ITEM_NOT_FOUND {'item': 'n50'}",
    ]
