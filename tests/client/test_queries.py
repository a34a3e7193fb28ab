"""Inputs, legs and items from Python values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triptych import (
    ArgumentError,
    Client,
    Item,
    OcrOptions,
    composed,
    leg,
    make_item,
    part,
    payload,
    query_input,
)
from triptych.items import ocr_options
from triptych.queries import search_inputs
from triptych.v1.search_service_pb2 import QueryInput, VectorQuery


def test_each_kind_of_input() -> None:
    assert query_input(text="a cup").text == "a cup"
    assert query_input(image=b"png").image.data == b"png"
    assert list(query_input(vector=np.array([0.5, 0.25])).vector.dense.values) == [0.5, 0.25]
    assert query_input(item_id="cat-1").item_id == "cat-1"
    # Set and empty is not the same as unset: the server says what is wrong with it.
    assert query_input(text="").WhichOneof("input") == "text"


def test_exactly_one_input() -> None:
    with pytest.raises(ArgumentError, match="set one of") as none:
        query_input()
    assert none.value.reason == "QUERY_EMPTY"
    with pytest.raises(ArgumentError, match="got text and item_id"):
        query_input(text="a", item_id="b")


def test_parts_put_together() -> None:
    parts = [
        part(image=b"png", weight=2),
        part(text="in red"),
        part(vector=[0.5, 0.25], weight=-1),
        part(item_id="cat-1"),
        part(stored_vector=("cat-1", "image")),
    ]
    kinds = [one.WhichOneof("input") for one in parts]
    assert kinds == ["image", "text", "vector", "item_id", "stored_vector"]
    assert parts[0].image.data == b"png"
    assert parts[2].vector.dense.values == [0.5, 0.25]
    assert [one.HasField("weight") for one in parts] == [True, False, True, False, False]
    made = composed(*parts)
    assert list(made.parts) == parts
    assert query_input(composed=made) == query_input(composed=parts)
    assert query_input(composed=parts[1]).composed == composed(parts[1])
    assert leg("image", composed=parts).input.composed == made
    # None of them is for the server to refuse, as an empty text is.
    assert query_input(composed=[]).WhichOneof("input") == "composed"


def test_faults_of_parts() -> None:
    with pytest.raises(ArgumentError, match="set one of text, image, vector, item_id, stored_vec"):
        part(weight=2)
    with pytest.raises(ArgumentError, match="part: set only one input"):
        part(text="a", item_id="b")
    with pytest.raises(ArgumentError, match=r"part\.weight"):
        part(text="a", weight="much")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"input\.composed\.parts\[1\]: is no part"):
        query_input(composed=[part(text="a"), "b"])  # type: ignore[list-item]


def test_a_leg_keeps_unset_apart_from_zero() -> None:
    assert not leg("image").HasField("weight")
    assert leg("image", weight=0).HasField("weight")
    assert not leg("image").HasField("input")
    assert leg("image", text="a").input == QueryInput(text="a")
    with pytest.raises(ArgumentError, match=r"vectors\[image\]\.input: set only one"):
        leg("image", text="a", item_id="b")


def test_weights_are_short_for_legs() -> None:
    found, legs = search_inputs(
        text="a",
        image=None,
        vector=None,
        item_id=None,
        vectors=(),
        weights={"image": 2, "terms": 0},
    )
    assert found == QueryInput(text="a")
    assert legs == [
        VectorQuery(vector_name="image", weight=2),
        VectorQuery(vector_name="terms", weight=0),
    ]


def inputs(
    text: str | None = None,
    legs: tuple[VectorQuery, ...] = (),
    weights: dict[str, float] | None = None,
) -> tuple[QueryInput | None, list[VectorQuery]]:
    return search_inputs(
        text=text, image=None, vector=None, item_id=None, vectors=legs, weights=weights
    )


def test_a_search_needs_something_to_look_for() -> None:
    own = leg("image", text="a")
    assert inputs(legs=(own,)) == (None, [own])
    for legs in ((), (leg("image"),), (own, leg("caption"))):
        with pytest.raises(ArgumentError) as caught:
            inputs(legs=legs)
        assert caught.value.reason == "QUERY_EMPTY"
    with pytest.raises(ArgumentError, match="either vectors or weights"):
        inputs(text="a", legs=(own,), weights={"image": 1})


def test_an_item_from_plain_values(tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(b"png")
    item = make_item(
        "cat",
        image=picture,
        caption="a cat",
        ocr_text="CAT",
        payload={"price": 12, "tags": ["a", "b"]},
        vectors={"audio": [0.5, 0.25], "marks": {3: 1.0}},
    )
    assert item.image.data == b"png"
    assert (item.id, item.caption, item.ocr_text) == ("cat", "a cat", "CAT")
    assert payload(item) == {"price": 12, "tags": ["a", "b"]}
    assert item.vectors["audio"].dense.values == [0.5, 0.25]
    assert item.vectors["marks"].sparse.indices == [3]


def test_what_is_not_given_is_not_set() -> None:
    assert make_item("cat") == Item(id="cat")


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"item_id": "\ud800"}, "id"),
        ({"item_id": "a", "caption": "\ud800"}, "caption"),
        ({"item_id": "a", "ocr_text": "x\udfff"}, "ocr_text"),
        ({"item_id": "a", "caption": None}, "caption"),
        ({"item_id": 7}, "id"),
        ({"item_id": "a", "vectors": {"audio": [float("nan")]}}, "vectors[audio].dense.values[0]"),
        ({"item_id": "a", "payload": {"n": 2**53}}, "payload.n"),
    ],
)
def test_a_fault_of_an_item_names_its_field(arguments: dict[str, object], path: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        make_item(**arguments)  # type: ignore[arg-type]
    assert caught.value.violations[0].field == path


def test_ocr_modes_by_name_and_by_number() -> None:
    assert ocr_options("when-empty", "", None).mode == OcrOptions.MODE_WHEN_EMPTY
    assert ocr_options(OcrOptions.MODE_SKIP, "deu", 500) == OcrOptions(
        mode=OcrOptions.MODE_SKIP, language="deu", time_limit_ms=500
    )
    assert ocr_options(None, "", None) == OcrOptions()
    with pytest.raises(ArgumentError, match="allowed skip, when-empty, always"):
        ocr_options("never", "", None)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"weights": {"image": "x"}}, "vectors[image].weight"),
        ({"limit": 1.5}, "limit"),
        ({"limit": 2**40}, "limit"),
        ({"k": "2"}, "k"),
    ],
)
def test_numbers_that_are_none_are_named(given: dict[str, Any], field: str) -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(ArgumentError) as caught:
        client.search("pictures", text="a cup", **given)
    assert caught.value.violations[0].field == field


@pytest.mark.parametrize(
    "target",
    ["", "127.0.0.1:99999", "127.0.0.1:0", "http://127.0.0.1:50051", "HTTPS://search.example.org"],
)
def test_a_target_where_nothing_can_listen(target: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Client(target)
    assert caught.value.violations[0].field == "target"


@pytest.mark.parametrize(
    ("call", "given", "field"),
    [
        ("search", {"text": "a cup", "vectors": ["image"]}, "vectors[0]"),
        ("search", {"text": "a cup", "fusion": "weighted_sum"}, "fusion"),
        ("recommend", {"positives": ["mug"]}, "positives[0]"),
        ("recommend", {"positives": query_input(text="a cup")}, "positives"),
        ("recommend", {"negatives": [query_input(text="a cup"), 5]}, "negatives[1]"),
        ("recommend", {"vectors": [leg("image")]}, "vectors[0]"),
        ("discover", {"target": "mug"}, "target"),
        ("discover", {"target": query_input(text="a"), "pairs": [("a", "b")]}, "pairs[0].positive"),
        ("context_search", {"pairs": [(query_input(text="a"), "b")]}, "pairs[0].negative"),
    ],
)
def test_what_is_no_message_is_named(call: str, given: dict[str, Any], field: str) -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(ArgumentError) as caught:
        getattr(client, call)("pictures", **given)
    assert [one.field for one in caught.value.violations] == [field]
    assert "made with" in str(caught.value)


def test_a_batch_takes_searches() -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(ArgumentError, match=r"searches\[0\]: "):
        client.batch_search(["a cup"])  # type: ignore[list-item]
