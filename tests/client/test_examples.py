"""The examples in the docstrings run, against a real server, and print what they say."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import triptych
from tests.support.server import RunningServer
from triptych import Client, NotFound, make_item

MODULES = [
    "triptych",
    *(
        f"triptych.{module.name}"
        for module in pkgutil.iter_modules(triptych.__path__)
        if module.name not in ("v1", "cli")
    ),
]


def examples() -> list[doctest.DocTest]:
    """The docstrings with examples, each of them once."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name), name)]
    return [test for test in found if test.examples]


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """A client of a server whose collection `pictures` holds one cat."""
    with server.client() as made:
        for name in ("pictures", "kitchen"):
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
        "filters.Field",
        "queries.leg",
        "items.make_item",
        "errors.TriptychError",
    ):
        assert f"triptych.{needed}" in names


@pytest.mark.parametrize("example", examples(), ids=lambda test: test.name)
def test_an_example_does_what_it_says(
    example: doctest.DocTest,
    server: RunningServer,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Image.new("RGB", (64, 64), (200, 20, 20)).save(tmp_path / "cat.jpg")
    monkeypatch.chdir(tmp_path)
    for one in example.examples:
        one.source = one.source.replace("127.0.0.1:50051", server.address)
    # A user's program has none of the module's own names, but what it imports.
    example.globs = {"client": client, **{n: getattr(triptych, n) for n in triptych.__all__}}
    for name in ("to_struct", "from_struct", "to_vector"):
        owner = importlib.import_module(
            "triptych.vectors" if name == "to_vector" else "triptych.values"
        )
        example.globs[name] = getattr(owner, name)
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)
