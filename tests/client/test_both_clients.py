"""The two clients are one: the same methods, arguments, errors and words."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from tools.client import aio
from triptych import AsyncClient, Client

METHODS = sorted(
    name for name, value in inspect.getmembers(Client, callable) if not name.startswith("_")
)


def test_they_have_the_same_methods() -> None:
    asynchronous = {name for name, _ in inspect.getmembers(AsyncClient, callable)}
    assert sorted(name for name in asynchronous if not name.startswith("_")) == METHODS
    assert {"search", "upsert", "list_items", "get_item_image", "close"} <= set(METHODS)


def arguments(function: Callable[..., Any]) -> list[tuple[object, ...]]:
    """Names, kinds, defaults and types; `Iterable` may be `AsyncIterable` too."""
    found: list[tuple[object, ...]] = []
    for argument in inspect.signature(function).parameters.values():
        kind = re.sub(
            r"collections\.abc\.AsyncIterable\[(.*)\] \| (collections\.abc\.Iterable\[\1\])",
            r"\2",
            str(argument.annotation),
        )
        found.append((argument.name, argument.kind, argument.default, kind))
    return found


@pytest.mark.parametrize("name", [*METHODS, "__init__"])
def test_they_take_the_same_and_give_the_same(name: str) -> None:
    one, other = getattr(Client, name), getattr(AsyncClient, name)
    assert arguments(one) == arguments(other)
    given = str(inspect.signature(one).return_annotation)
    awaited = str(inspect.signature(other).return_annotation)
    if "Iterator" in given:
        assert awaited == given.replace("Iterator", "AsyncIterator")
        assert not inspect.iscoroutinefunction(other)
    else:
        assert awaited == given
        assert inspect.iscoroutinefunction(other) == (name != "__init__")


@pytest.mark.parametrize("name", [*METHODS, "__init__"])
def test_they_say_the_same_of_their_errors(name: str) -> None:
    one, other = inspect.getdoc(getattr(Client, name)), inspect.getdoc(getattr(AsyncClient, name))
    assert one
    assert other
    assert raises(one) == raises(other)
    assert one.splitlines()[0] == other.splitlines()[0]


def raises(text: str) -> str:
    """The part of a docstring that says what is raised."""
    found = re.search(r"^Raises.*?(?=^>>>|\Z)", text, re.MULTILINE | re.DOTALL)
    return "" if found is None else found[0]


def test_most_methods_name_their_errors() -> None:
    silent = {name for name in METHODS if not raises(inspect.getdoc(getattr(Client, name)) or "")}
    assert silent <= {"close", "list_collections", "save_item_image", "status"}


def test_the_asynchronous_calls_are_what_the_client_gives() -> None:
    """After a change of the client: `python -m tools.client.aio`."""
    differing = [
        file.name for file, text in aio.made().items() if file.read_text(encoding="utf-8") != text
    ]
    assert not differing
    made = {file.name for file in aio.made()}
    assert {file.name for file in aio.MADE.glob("*_calls.py")} == made
    assert len(made) >= 4


HEAD = "class ThingCalls(Calls):\n"


def made_of(body: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> str:
    """What the tool makes of a module with one class."""
    source = tmp_path / "_thing_calls.py"
    source.write_text(HEAD + body)
    monkeypatch.setattr(aio, "sources", lambda: [source])
    monkeypatch.setattr(aio, "SENTENCES", {})
    [text] = aio.made().values()
    return text


def test_what_a_new_method_becomes(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    text = made_of(
        '''
    def things(self, name: str) -> Iterator[Thing]:
        """Things.

        >>> for thing in client.things("a"):
        ...     client.one(thing).name
        'a'
        """
        return self._channel.pages(self._things.List, Request(name=name), None, entries)

    def one(self, name: str) -> Thing:
        """A thing: größer."""
        return self._channel.call(self._things.Get, Request(name=name), None).things[0]

    def all(self, names: Iterable[str]) -> list[Thing]:
        """All."""
        return [self.one(name) for name in names]

    def count(self) -> int:
        """Some."""
        number = 0
        for thing in self.things("a"):
            number += thing.number
        return number + len(self.one("größer").names)
''',
        monkeypatch,
        tmp_path,
    )
    assert "class AsyncThingCalls(AsyncCalls):" in text
    assert "    def things(self, name: str) -> AsyncIterator[Thing]:" in text
    assert '        >>> async for thing in client.things("a"):' in text
    assert "        ...     (await client.one(thing)).name\n        'a'\n" in text
    assert "    async def one(self, name: str) -> Thing:" in text
    assert "return (await self._channel.call(" in text
    assert "async def all(self, names: AsyncIterable[str] | Iterable[str]) -> list[Thing]:" in text
    assert "return [await self.one(name) for name in names]" in text
    assert 'async for thing in self.things("a"):' in text
    assert 'return number + len((await self.one("größer")).names)' in text


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("    def f(self): return [x for x in self._channel.pages(a)]\n", "looped over with for"),
        ("    def f(self): return map(lambda x: self._channel.call(x), a)\n", "inner function"),
        (
            "    def f(self):\n        for x in y:\n            yield self._channel.call(x)\n",
            "yields",
        ),
    ],
)
def test_what_has_no_asynchronous_form_is_refused(
    body: str, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with pytest.raises(aio.CannotBeMade, match=why):
        made_of(body, monkeypatch, tmp_path)
