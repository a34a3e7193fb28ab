"""What `import triptych` gives, and what it loads."""

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import triptych
from tools.client import surface
from triptych import Client, search_request

LOADED = """
import json, sys
import triptych
triptych.Client("127.0.0.1:1").close()
print(json.dumps(sorted(sys.modules)))
"""


def test_all_is_what_is_exported() -> None:
    exported = {
        name
        for name, value in vars(triptych).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    helpers = {"Mapping", "MappingProxyType", "TYPE_CHECKING", "import_module"}
    later = set(triptych._LATER)
    assert (exported - helpers) | later == set(triptych.__all__) == set(dir(triptych))
    for name in later:
        assert getattr(triptych, name).__module__ == triptych._LATER[name]
    with pytest.raises(AttributeError, match="module 'triptych' has no attribute 'Clent'"):
        triptych.Clent  # noqa: B018 - what a typing error meets


def test_everything_exported_says_what_it_is() -> None:
    for name in triptych.__all__:
        value = getattr(triptych, name)
        if not value.__module__.startswith("triptych.v1"):  # their words are in the .pyi files
            assert value.__doc__, name


def test_a_client_loads_neither_error_details_nor_the_command() -> None:
    loaded = set(json.loads(subprocess.check_output([sys.executable, "-c", LOADED], text=True)))
    assert "triptych.client" in loaded
    late = {"google.rpc.error_details_pb2", "grpc_status", "grpc_status.rpc_status", "triptych.cli"}
    late |= {"triptych.aio", "triptych.recomputing", "uuid"}
    assert not loaded & late


def test_every_public_name_is_listed() -> None:
    """After a change on purpose: `python -m tools.client.surface`, and a line in the changelog."""
    assert surface.surface() == surface.LISTED.read_text(encoding="utf-8")


def test_the_list_has_every_kind_of_name() -> None:
    listed = surface.LISTED.read_text(encoding="utf-8")
    for line in (
        "\n  AsyncClient: triptych.aio.AsyncClient\n",
        "\n    list_items(self, collection_id: str, *, where: Where | Filter | str | None=None,",
        "\n    async search(self, collection_id: str, *, text: str | None=None,",
        "\n  leg(vector_name: str, *, weight: float | None=None,",
        "\n    code = grpc.StatusCode.NOT_FOUND\n",
        "\n  DEFAULT_TARGET = '127.0.0.1:50051'\n",
    ):
        assert line in listed


TYPED = """
from collections.abc import AsyncIterator

from triptych import AsyncClient, Client, Field, Item, NotFound, Tls, UpsertOutcome, make_item
from triptych.testing import FakeTransport, created


def work(client: Client) -> list[str]:
    outcomes: list[UpsertOutcome] = client.upsert("p", [make_item("a", caption="a cat")])
    try:
        item: Item = client.get_item("p", outcomes[0].id)
    except NotFound as error:
        return [error.reason]
    answer = client.search("p", text="a cat", where=Field("price") < 20)
    names: list[str] = [hit.item.id for hit in answer.hits]
    return [item.caption, *names, *(one.id for one in client.list_items("p"))]


async def also(client: AsyncClient, source: AsyncIterator[Item]) -> list[str]:
    outcomes: list[UpsertOutcome] = await client.upsert("p", source)
    image: bytes = (await client.get_item_image("p", outcomes[0].id)).data
    assert image
    return [one.id async for one in client.list_items("p")]


fake = FakeTransport()
fake.on("UpsertItems", created)
with Client("a:1", tls=Tls(ca=b"pem"), api_key="key", retries=0, transport=fake) as client:
    work(client)
"""
# Each with one error more, which has to be found.
MISTYPED = (
    "number: int = client.status()",
    "client.search('p', txt='a cat')",
    "Client(tls=Tls(ca='ca.pem'))",
    "fake.on('Search', 7)",
    "fake.on()",
    "client.list_items('p').__anext__()",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python for which the client is an installed package, and not a source that is checked."""
    folder = tmp_path_factory.mktemp("typed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    client = Path(triptych.__file__).parents[1]
    ours = next(path for path in sys.path if (Path(path) / "grpc").is_dir())
    (packages / "client.pth").write_text(f"{client}\n{ours}\n")
    return folder / "bin" / "python"


def test_a_typed_program_is_understood(installed: Path, tmp_path: Path) -> None:
    """mypy takes the types of an installed package only where it is marked with py.typed."""
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(TYPED)
    wrong.write_text(TYPED + "\n".join(MISTYPED) + "\n")
    first = TYPED.count("\n") + 1
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
    where = [f"--python-executable={installed}", f"--cache-dir={tmp_path / 'cache'}"]
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MYPYPATH")}
    for file, expected in ((right, set()), (wrong, set(range(first, first + len(MISTYPED))))):
        result = subprocess.run(
            [*command, *where, file],
            text=True,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env=environment,
        )
        found = {int(line) for line in re.findall(rf"{file.name}:(\d+): error", result.stdout)}
        assert found == expected, result.stdout + result.stderr
        assert (result.returncode == 0) == (not expected)


def test_a_search_of_a_batch_is_asked_as_one_alone() -> None:
    alone = dict(inspect.signature(Client.search).parameters)
    del alone["self"], alone["timeout"]
    assert dict(inspect.signature(search_request).parameters) == alone


@pytest.mark.parametrize("method", [Client.recommend, Client.discover, Client.context_search])
def test_every_search_takes_the_filters_of_search(method: Callable[..., object]) -> None:
    wanted = inspect.signature(Client.search).parameters["where"]
    assert inspect.signature(method).parameters["where"] == wanted
