"""The query cache as callers see it: every search says what came from it, and can go past it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.panels import draw_words
from triptych import Client, composed, make_item, pair, part, query_input, search_request
from triptych.v1.search_service_pb2 import Leg

IMAGE = draw_words(["MUG"], width=160, height=128)


@pytest.fixture
def things(client: Client, new_id: Callable[[], str]) -> str:
    """A collection of captions."""
    name = client.create_collection(new_id()).id
    client.upsert(name, [make_item(f"t{n}", caption=f"a thing {n}") for n in range(4)])
    return name


def asked(client: Client, name: str, kind: str, word: str, *, fresh: bool) -> list[Leg]:
    """The legs of a search of that kind, whose texts nobody else has asked with."""
    cup, boat = query_input(text=f"a cup {word}"), query_input(text=f"a boat {word}")
    given: dict[str, Any] = {"bypass_query_cache": fresh}
    answer: Any
    match kind:
        case "text":
            answer = client.search(name, text=f"a cup {word}", **given)
        case "image":
            answer = client.search(name, image=IMAGE + word.encode(), **given)
        case "composed":
            parts = composed(part(text=f"a cup {word}"), part(text=f"blue {word}", weight=-1))
            answer = client.search(name, composed=parts, **given)
        case "recommend":
            answer = client.recommend(name, positives=[cup], negatives=[boat], **given)
        case "discover":
            answer = client.discover(name, target=cup, pairs=[pair(cup, boat)], **given)
        case "context":
            answer = client.context_search(name, pairs=[pair(cup, boat)], **given)
        case _:
            one = search_request(name, text=f"a cup {word}", **given)
            [answer] = client.batch_search([one])
    assert answer.legs
    return list(answer.legs)


@pytest.mark.parametrize(
    "kind", ["text", "image", "composed", "recommend", "discover", "context", "batch"]
)
def test_every_search_says_what_came_from_the_cache(client: Client, things: str, kind: str) -> None:
    first = asked(client, things, kind, kind, fresh=False)
    again = asked(client, things, kind, kind, fresh=False)
    fresh = asked(client, things, kind, kind, fresh=True)
    assert [leg.from_cache for leg in first] == [False] * len(first)
    assert [leg.from_cache for leg in again] == [True] * len(first)
    assert [leg.from_cache for leg in fresh] == [False] * len(first)
    for leg in (*first, *again, *fresh):
        leg.ClearField("from_cache")
    assert first == again == fresh


def test_what_needs_no_encoding_comes_from_no_cache(client: Client, things: str) -> None:
    for _ in range(2):
        assert not any(leg.from_cache for leg in client.search(things, item_id="t1").legs)


def test_a_text_known_in_part_is_not_from_the_cache(client: Client, things: str) -> None:
    client.search(things, text="known part")
    parts = composed(part(text="known part"), part(text="unknown part"))
    assert not any(leg.from_cache for leg in client.search(things, composed=parts).legs)
