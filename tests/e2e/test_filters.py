"""Filters from the client down to the engine, on indexed and unindexed fields alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.server import RunningServer
from triptych import Client, Field, Where, make_item

PAYLOADS: dict[str, dict[str, Any]] = {
    "five": {"n": 5, "tags": ["a", "b"], "on": True},
    "five-point-zero": {"n": 5.0, "tags": [], "on": False},
    "five-and-a-half": {"n": 5.5, "tags": "a", "on": "true"},
    "list": {"n": [1, 5], "tags": None, "size": {"inner width": {"cm": 7}}},
    "none": {"n": None, "a.b": 1, "a": {"b": 2}},
    "bare": {},
}
CASES: dict[str, tuple[Where, set[str]]] = {
    "equals a number": (Field("n") == 5, {"five", "five-point-zero", "list"}),
    "equals a fraction": (Field("n") == 5.5, {"five-and-a-half"}),
    "range": ((Field("n") > 5) & (Field("n") <= 5.5), {"five-and-a-half"}),
    "between": (Field("n").between(5, 6), {"five", "five-point-zero", "five-and-a-half", "list"}),
    "equals a string": (Field("tags") == "a", {"five", "five-and-a-half"}),
    "any of": (Field("tags").any_of(["b", "c"]), {"five"}),
    "any of numbers and strings": (Field("n").any_of([1, "x"]), {"list"}),
    "equals true": (Field("on") == True, {"five"}),  # noqa: E712 - builds a filter
    "exists": (Field("n").exists(), {"five", "five-point-zero", "five-and-a-half", "list"}),
    "does not exist": (~Field("tags").exists(), {"five-point-zero", "list", "none", "bare"}),
    "not": (~(Field("n") == 5), {"five-and-a-half", "none", "bare"}),
    "or": ((Field("n") == 5.5) | (Field("on") == True), {"five", "five-and-a-half"}),  # noqa: E712
    "a nested field": (Field('size."inner width".cm') == 7, {"list"}),
    "a key with a dot": (Field('"a.b"') == 1, {"none"}),
    "a field under a field": (Field("a.b") == 2, {"none"}),
    "a field nobody has": (Field("nothing") == 1, set()),
}


@pytest.fixture(scope="module")
def filled(server: RunningServer) -> Iterator[tuple[Client, list[str]]]:
    """The same items in a collection with indexes and in one without."""
    with server.client() as client:
        for name, fields in (
            ("filters-indexed", {"n": "float", "tags": "keyword"}),
            ("filters-bare", {}),
        ):
            client.create_collection(name, payload_fields=fields)
            items = [
                make_item(key, caption=f"the item {key}", payload=payload)
                for key, payload in PAYLOADS.items()
            ]
            outcomes = client.upsert(name, items)
            assert not [o for o in outcomes if o.error.code]
        yield client, ["filters-indexed", "filters-bare"]


@pytest.mark.parametrize("case", CASES)
def test_a_filter(filled: tuple[Client, list[str]], case: str) -> None:
    client, collections = filled
    where, expected = CASES[case]
    for collection in collections:
        listed = {item.id for item in client.list_items(collection, where=where)}
        found = {hit.item.id for hit in client.search(collection, text="item", where=where).hits}
        assert listed == expected, collection
        assert found == expected, collection
        assert client.count_items(collection, where=where).count == len(expected)


def test_pages(filled: tuple[Client, list[str]]) -> None:
    client, collections = filled
    by_two = [item.id for item in client.list_items(collections[0], page_size=2)]
    at_once = [item.id for item in client.list_items(collections[0])]
    assert by_two == at_once
    assert set(at_once) == set(PAYLOADS)


def test_deleting(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    client.upsert(
        collection, [make_item(str(n), caption="one of ten", payload={"n": n}) for n in range(10)]
    )
    assert client.delete_items(collection, ids=["1", "2", "never"]).deleted_count == 2
    assert client.delete_items(collection, where=Field("n") >= 8).deleted_count == 2
    assert {hit.item.id for hit in client.search(collection, text="ten").hits} == set("034567")
    assert client.delete_items(collection, all=True).deleted_count == 6
    assert client.get_collection(collection).item_count == 0


def test_collections_come_and_go(client: Client, new_id: Callable[[], str]) -> None:
    names = sorted(client.create_collection(new_id(), language="de").id for _ in range(3))
    listed = [c.id for c in client.list_collections(page_size=2)]
    assert listed == sorted(listed)
    assert set(names) <= set(listed)
    client.delete_collection(names[0])
    assert names[0] not in [c.id for c in client.list_collections()]
    again = client.create_collection(names[0])
    assert again.language == "en"
    assert again.item_count == 0
