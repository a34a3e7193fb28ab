"""Filters from the client down to the engine, on indexed and unindexed fields alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from tests.support.server import RunningServer
from triptych import (
    Client,
    FailedPrecondition,
    Field,
    Filter,
    Where,
    at_least,
    elements,
    has_vector,
    ids,
    make_item,
)
from triptych.v1.common_pb2 import Warning as Notice

BERLIN, POTSDAM = {"lat": 52.52, "lon": 13.405}, {"lat": 52.4, "lon": 13.06}
PAYLOADS: dict[str, dict[str, Any]] = {
    "five": {"n": 5, "tags": ["a", "b"], "on": True},
    "five-point-zero": {"n": 5.0, "tags": [], "on": False},
    "five-and-a-half": {"n": 5.5, "tags": "a", "on": "true"},
    "list": {"n": [1, 5], "tags": None, "size": {"inner width": {"cm": 7}}},
    "none": {"n": None, "a.b": 1, "a": {"b": 2}},
    "bare": {},
    "june": {
        "taken": date(2025, 6, 1),
        "title": "Summer SALE: bags & shoes!",
        "place": BERLIN,
        "serial": "550e8400-e29b-41d4-a716-446655440000",
        "lines": [{"sku": "mug", "count": 1}, {"sku": "pot", "count": 9}],
    },
    "july": {
        "taken": datetime(2025, 7, 1, 12, 30, tzinfo=UTC),
        "title": ["a sale of bags", "in summer"],
        "place": [POTSDAM, {"lat": -18, "lon": 178.5}],
        "lines": [{"sku": "mug", "count": 9, "parts": [{"n": 1}]}],
    },
    "pole": {
        "taken": ["1969-12-31T23:59:59.999999Z", None],
        "title": "résumé",
        "place": {"lat": 90, "lon": 0},
        "lines": {"sku": "mug", "count": 9},
    },
}
EVERY = set(PAYLOADS)
FILTERED = {"june", "july", "pole"}
FIELDS = {
    "n": "float",
    "tags": "keyword",
    "taken": "datetime",
    "title": "text",
    "place": "geo",
    "serial": "uuid",
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
    "does not exist": (
        ~Field("tags").exists(),
        {"five-point-zero", "list", "none", "bare", *FILTERED},
    ),
    "not": (~(Field("n") == 5), {"five-and-a-half", "none", "bare", *FILTERED}),
    "or": ((Field("n") == 5.5) | (Field("on") == True), {"five", "five-and-a-half"}),  # noqa: E712
    "a nested field": (Field('size."inner width".cm') == 7, {"list"}),
    "a key with a dot": (Field('"a.b"') == 1, {"none"}),
    "a field under a field": (Field("a.b") == 2, {"none"}),
    "a field nobody has": (Field("nothing") == 1, set()),
    "none of": (Field("tags").none_of(["b", "c"]), EVERY - {"five"}),
    "none of, numbers": (Field("n").none_of([5, "x"]), EVERY - {"five", "five-point-zero", "list"}),
    "null": (Field("n").is_null(), {"none"}),
    "null in a list": (Field("taken").is_null(), {"pole"}),
    "not null": (~Field("tags").is_null(), EVERY - {"list"}),
    "count": (Field("tags").count_between(2, 2), {"five"}),
    "count of none": (
        Field("tags").count_between(None, 0),
        EVERY - {"five", "five-and-a-half"},
    ),
    "from a day": (Field("taken") >= date(2025, 6, 1), {"june", "july"}),
    "on a day": (Field("taken") == date(2025, 7, 1), {"july"}),
    "after a day": (Field("taken") > date(2025, 6, 1), {"july"}),
    "until a moment": (Field("taken") <= datetime(2025, 6, 1, tzinfo=UTC), {"june", "pole"}),
    "before a moment": (Field("taken") < datetime(1970, 1, 1, tzinfo=UTC), {"pole"}),
    "between days": (Field("taken").between(date(2025, 6, 1), date(2025, 6, 30)), {"june"}),
    "words": (Field("title").matches("sale summer"), {"june", "july"}),
    "words with other things": (Field("title").matches("BAGS, shoes"), {"june"}),
    "accents": (Field("title").matches("Résumé"), {"pole"}),
    "no accents": (Field("title").matches("resume"), set()),
    "part of a word": (Field("title").matches("sal"), set()),
    "phrase": (Field("title").phrase("summer sale"), {"june"}),
    "phrase in a list": (Field("title").phrase("of Bags"), {"july"}),
    "near": (Field("place").near(52.5, 13.4, 5_000), {"june"}),
    "less near": (Field("place").near(52.5, 13.4, 50_000), {"june", "july"}),
    "near the pole": (Field("place").near(89.99, 120, 2_000), {"pole"}),
    "in a box": (
        Field("place").within_box(south=52, west=13, north=52.52, east=14),
        {"june", "july"},
    ),
    "in a box over the antimeridian": (
        Field("place").within_box(south=-20, west=170, north=0, east=-170),
        {"july"},
    ),
    "in the whole world": (
        Field("place").within_box(south=-90, west=-180, north=90, east=180),
        FILTERED,
    ),
    "a uuid": (Field("serial") == "550e8400-e29b-41d4-a716-446655440000", {"june"}),
    "ids": (ids(["june", "bare", "nobody"]), {"june", "bare"}),
    "not these ids": (~ids(["june", "bare"]), EVERY - {"june", "bare"}),
    "has a vector": (has_vector("caption"), EVERY),
    "has no vector": (~has_vector("image") & Field("n").exists(), {*list(PAYLOADS)[:4]}),
    "has a vector of none": (has_vector("image"), set()),
    "elements": (elements("lines", (Field("sku") == "mug") & (Field("count") > 5)), {"july"}),
    "elements of elements": (elements("lines", elements("parts", Field("n") == 1)), {"july"}),
    "no such elements": (
        ~elements("lines", Field("sku") == "pot") & Field("lines").exists(),
        {"july", "pole"},
    ),
    "groups": (
        ((Field("n") == 5) | (Field("n") == 5.5))
        & ((Field("tags") == "a") | (Field("tags") == "z")),
        {"five", "five-and-a-half"},
    ),
    "not both": (
        ~((Field("n") == 5) & (Field("on") == True)) & Field("n").exists(),  # noqa: E712
        {"five-point-zero", "five-and-a-half", "list"},
    ),
    "two of three": (
        at_least(2, Field("n") == 5, Field("tags") == "a", Field("on") == True),  # noqa: E712
        {"five"},
    ),
    "a number where there are times": (Field("taken") > 0, set()),
    "a time where there are numbers": (Field("n") > date(1970, 1, 1), set()),
}


@pytest.fixture(scope="module")
def filled(server: RunningServer) -> Iterator[tuple[Client, list[str]]]:
    """The same items in a collection with indexes and in one without."""
    with server.client() as client:
        for name, fields in (
            ("filters-indexed", FIELDS),
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
        searched = client.search(collection, text="item", where=where)
        found = {hit.item.id for hit in searched.hits}
        assert listed == expected, collection
        assert found == expected, collection
        assert client.count_items(collection, where=where).count == len(expected)
        written = searched.canonical_filter
        assert {item.id for item in client.list_items(collection, where=written)} == expected


FULL = Filter()
ParseDict(
    {
        "must": [
            {"field": {"name": "taken", "time_range": {"gte": "2025-06-01T00:00:00+00:00"}}},
            {"ids": {"values": ["june", "july", "pole"]}},
        ],
        "should": [
            {"field": {"name": "title", "phrase": "Summer Sale"}},
            {"field": {"name": "n", "value_count": {"lt": 1}}},
            {"has_vector": "image"},
        ],
        "min_should_count": 2,
        "must_not": [
            {
                "group": {
                    "must": [
                        {
                            "elements": {
                                "name": "lines",
                                "filter": {
                                    "must": [
                                        {"field": {"name": "count", "none_of": {"values": [9]}}},
                                        {"field": {"name": "sku", "is_null": True}},
                                    ]
                                },
                            }
                        }
                    ]
                }
            },
        ],
    },
    FULL,
)


def test_a_filter_as_json_has_it(filled: tuple[Client, list[str]]) -> None:
    client, collections = filled
    for collection in collections:
        assert [item.id for item in client.list_items(collection, where=FULL)] == ["june"]


def test_a_search_by_an_item_keeps_its_whole_filter(filled: tuple[Client, list[str]]) -> None:
    """The item itself is left out by one more condition of the same filter."""
    client, collections = filled
    two = at_least(2, Field("n") == 5, Field("tags") == "a", Field("tags").exists())
    for collection in collections:
        found = client.search(collection, item_id="bare", where=two)
        assert {hit.item.id for hit in found.hits} == {"five", "five-and-a-half"}
        found = client.search(collection, item_id="five", where=two)
        assert {hit.item.id for hit in found.hits} == {"five-and-a-half"}


def test_what_no_index_serves_is_warned_of(filled: tuple[Client, list[str]]) -> None:
    client, (indexed, bare) = filled
    where = (Field("n") == 5) & (Field("title").matches("sale") | Field("title").exists())
    for collection, paths in (
        (indexed, []),
        (bare, ["filter.must[0].field", "filter.should[0].field"]),
    ):
        for warnings in (
            client.search(collection, text="item", where=where).warnings,
            client.count_items(collection, where=where).warnings,
        ):
            assert [w.field for w in warnings] == paths
            assert {w.code for w in warnings} <= {Notice.CODE_FILTER_FIELD_UNINDEXED}
    counted = client.count_items(indexed, where=Field("tags") == 5)
    assert [w.message for w in counted.warnings] == [
        "the index of tags, which is declared KEYWORD, does not serve equals: right, but slow on "
        "many items"
    ]


@pytest.mark.parametrize("policy", ["allow", "warn", "refuse"])
def test_the_policy_for_what_no_index_serves(
    client: Client, new_id: Callable[[], str], policy: str
) -> None:
    made = client.create_collection(
        new_id(), payload_fields={"price": "float"}, unindexed_filter_policy=policy
    )
    name = made.id
    assert client.get_collection(name).unindexed_filter_policy == made.unindexed_filter_policy
    client.upsert(name, [make_item("a", caption="a cup", payload={"price": 5, "colour": "red"})])
    assert not client.count_items(name, where=Field("price") < 20).warnings
    slow = Field("colour") == "red"
    if policy != "refuse":
        counted = client.count_items(name, where=slow)
        assert (counted.count, len(counted.warnings)) == (1, int(policy == "warn"))
        return
    for call in (
        lambda: client.search(name, text="cup", where=slow),
        lambda: list(client.list_items(name, where=slow)),
        lambda: client.count_items(name, where=slow),
        lambda: client.delete_items(name, where=slow),
    ):
        with pytest.raises(FailedPrecondition) as caught:
            call()
        assert caught.value.reason == "FILTER_FIELD_UNINDEXED"
        assert "filter.must[0].field: colour has no index" in str(caught.value)
        assert "payload_fields" in str(caught.value)
    assert client.delete_items(name, all=True).deleted_count == 1


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


def test_deleting_by_what_is_deep(client: Client, new_id: Callable[[], str]) -> None:
    name = client.create_collection(new_id(), payload_fields={"taken": "datetime"}).id
    client.upsert(
        name,
        [
            make_item(
                str(month),
                caption="one of twelve",
                payload={"taken": date(2025, month, 1), "lines": [{"n": month}]},
            )
            for month in range(1, 13)
        ],
    )
    summer = Field("taken").between(date(2025, 6, 1), date(2025, 8, 31))
    odd = elements("lines", Field("n").any_of([1, 3, 5, 7, 9, 11]))
    assert client.delete_items(name, where=(summer & odd) | ~(summer | odd)).deleted_count == 5
    assert {item.id for item in client.list_items(name)} == {"1", "3", "5", "6", "8", "9", "11"}


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
