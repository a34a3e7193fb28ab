"""Composed inputs against brute force in numpy, and with the bundled model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.support import composed_oracle as oracle
from tests.support.any_message import any_message
from tests.support.panels import draw_words
from tests.support.server import RunningServer
from triptych import (
    Client,
    Composed,
    ComposedPart,
    FailedPrecondition,
    InvalidArgument,
    Leg,
    NotFound,
    SearchResponse,
    VectorScore,
    VectorSpace,
    composed,
    leg,
    make_item,
    part,
    recompute,
)
from triptych.v1.common_pb2 import Warning as Notice

DIMENSION, COUNT = 6, 40
SUPPLIED = [VectorSpace.SOURCE_SUPPLIED]
SPACES = ("flat", "many", "dots", "lots")
BY_COSINE = ("flat", "many")
LONG = " ".join(f"a red cup on table {n} beside a blue boat" for n in range(30))


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with server.client() as made:
        yield made


# Random vectors


@dataclass(frozen=True)
class Stored:
    """An item as the oracle knows it: the rows of each of its vectors; a dense one has one."""

    id: str
    rows: dict[str, list[list[float]]]


def _vector(rng: np.random.Generator) -> list[float]:
    # Lengths differ: what compares by dot product is to notice.
    values = rng.normal(size=DIMENSION) * rng.uniform(0.3, 3)
    return [float(v) for v in values.astype(np.float32)]


@pytest.fixture(scope="module")
def items(client: Client) -> list[Stored]:
    """Random items; each vector is there in three of four, and multivectors have 1 to 3 rows."""
    multi, dot = VectorSpace.KIND_MULTI, VectorSpace.DISTANCE_DOT
    client.create_collection(
        "composed-oracle",
        vector_spaces=[
            VectorSpace(name="flat", sources=SUPPLIED, dimension=DIMENSION),
            VectorSpace(name="many", sources=SUPPLIED, dimension=DIMENSION, kind=multi),
            VectorSpace(name="dots", sources=SUPPLIED, dimension=DIMENSION, distance=dot),
            VectorSpace(
                name="lots", sources=SUPPLIED, dimension=DIMENSION, kind=multi, distance=dot
            ),
        ],
    )
    rng = np.random.default_rng(23)
    made = []
    for number in range(COUNT):
        has = [name for name in SPACES if rng.random() < 0.75] or ["flat"]
        rows = {
            name: [
                _vector(rng) for _ in range(rng.integers(1, 4) if name in ("many", "lots") else 1)
            ]
            for name in has
        }
        made.append(Stored(f"item-{number}", rows))
    client.upsert(
        "composed-oracle",
        [
            make_item(
                item.id,
                vectors={
                    name: rows if name in ("many", "lots") else rows[0]
                    for name, rows in item.rows.items()
                },
            )
            for item in made
        ],
    )
    return made


@dataclass(frozen=True)
class Drawn:
    """A drawn composed input for one space: the parts, what they are, and whose they are."""

    space: str
    parts: tuple[ComposedPart, ...]
    vectors: list[list[float]]
    weights: list[float]
    own: frozenset[str]


@st.composite
def drawn(draw: st.DrawFn, items: list[Stored]) -> Drawn:
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    space = draw(st.sampled_from(SPACES))
    parts, vectors, weights, own = [], [], [], set()
    for _ in range(draw(st.integers(1, 5))):
        weight = draw(st.sampled_from([None, -1.0, 0.5, 3.0, -0.25, 700.0]))
        kind = draw(st.sampled_from(["vector", "item_id", "stored_vector"]))
        name = space if kind == "item_id" else draw(st.sampled_from(SPACES))
        single = [item for item in items if len(item.rows.get(name, [])) == 1]
        item = single[int(rng.integers(len(single)))]
        if kind == "vector":
            vectors.append(_vector(rng))
            parts.append(part(vector=vectors[-1], weight=weight))
        else:
            vectors.append(item.rows[name][0])
            own.add(item.id)
            if kind == "item_id":
                parts.append(part(item_id=item.id, weight=weight))
            else:
                parts.append(part(stored_vector=(item.id, name), weight=weight))
        weights.append(1.0 if weight is None else weight)
    return Drawn(space, tuple(parts), vectors, weights, frozenset(own))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_composed_search_agrees_with_brute_force(
    client: Client, items: list[Stored], data: st.DataObject
) -> None:
    query = data.draw(drawn(items))
    asked = oracle.put_together(query.vectors, query.weights)
    # What is left of parts that nearly cancel each other out is the rounding of their digits.
    assume(asked.kept > 0.05)
    by_cosine = query.space in BY_COSINE
    expected = sorted(
        (
            (*oracle.compare(asked, item.rows[query.space], by_cosine=by_cosine), item.id)
            for item in items
            if query.space in item.rows and item.id not in query.own
        ),
        reverse=True,
    )
    assume(all(a[0] - b[0] > 1e-5 for a, b in itertools.pairwise(expected)))
    answer = client.search(
        "composed-oracle", weights={query.space: 1}, composed=query.parts, limit=COUNT
    )
    assert [hit.item.id for hit in answer.hits] == [id_ for _, _, id_ in expected]
    assert [one.weight for one in answer.legs[0].parts] == query.weights
    for hit, (similarity, shares, _) in zip(answer.hits, expected, strict=True):
        (score,) = hit.vector_scores
        assert score.similarity == pytest.approx(similarity, abs=2e-5)
        assert list(score.part_shares) == pytest.approx(shares, abs=2e-4)
        assert sum(score.part_shares) == pytest.approx(score.similarity, abs=2e-5)
        assert not hit.item.vectors
    recompute(answer)


def test_several_legs_have_parts_of_their_own(client: Client, items: list[Stored]) -> None:
    """Each leg's shares are those of its own input; a plain leg has none."""
    rng = np.random.default_rng(3)
    ahead, away = _vector(rng), _vector(rng)
    both = composed(part(vector=ahead), part(vector=away, weight=-0.5))
    answer = client.search(
        "composed-oracle",
        vectors=[
            leg("many", composed=both),
            leg("flat", vector=ahead),
            leg("dots", composed=[part(vector=away)], score_threshold=0.5),
        ],
        return_fields=["vectors.flat"],
        limit=COUNT,
    )
    assert [made.input_kind for made in answer.legs] == [
        Leg.INPUT_KIND_COMPOSED,
        Leg.INPUT_KIND_VECTOR,
        Leg.INPUT_KIND_COMPOSED,
    ]
    assert [len(made.parts) for made in answer.legs] == [2, 0, 1]
    known = {item.id: item for item in items}
    states = set()
    for hit in answer.hits:
        for made, score in zip(answer.legs, hit.vector_scores, strict=True):
            states.add(score.state)
            has = made.vector_name in known[hit.item.id].rows
            assert len(score.part_shares) == (len(made.parts) if has else 0)
        assert set(hit.item.vectors) <= {"flat"}
    assert VectorScore.STATE_BELOW_THRESHOLD in states
    recompute(answer)


# Pictures and words


@pytest.fixture(scope="module")
def panels(client: Client) -> str:
    """Pictures and words in the default spaces."""
    collection = client.create_collection("composed-panels").id
    client.upsert(
        collection,
        [
            make_item("mug", image=draw_words(["MUG"]), caption="a red cup", ocr_text="mug"),
            make_item("boat", image=draw_words(["BOAT"]), caption="a sailing boat"),
            make_item("cup", caption="a blue cup"),
            make_item("tale", image=draw_words(["TALE"]), caption=LONG),
        ],
        ocr="skip",
    )
    return collection


def found(answer: SearchResponse) -> list[tuple[str, float]]:
    """The hits with their similarities on the first leg."""
    return [(hit.item.id, hit.vector_scores[0].similarity) for hit in answer.hits]


def alike(one: SearchResponse, other: SearchResponse) -> None:
    assert [id_ for id_, _ in found(one)] == [id_ for id_, _ in found(other)]
    assert [s for _, s in found(one)] == pytest.approx([s for _, s in found(other)], abs=1e-6)


def test_words_and_a_picture_are_asked_as_their_sum(client: Client, panels: str) -> None:
    picture = draw_words(["SHIP"])
    encoded = client.encode(texts=["a boat", "a cup"], images=[picture]).embeddings
    vectors = [list(made.vector.values) for made in encoded]
    total = oracle.put_together([vectors[2], vectors[0], vectors[1]], [2, 1, -1]).question
    parts = [part(image=picture, weight=2), part(text="a boat"), part(text="a cup", weight=-1)]
    for name in ("image", "caption"):
        answer = client.search(panels, weights={name: 1}, composed=parts)
        assert answer.hits
        alike(answer, client.search(panels, weights={name: 1}, vector=total))
        recompute(answer)


def test_every_space_but_the_sparse_takes_part(client: Client, panels: str) -> None:
    answer = client.search(panels, composed=[part(text="a cup"), part(text="a boat", weight=-2)])
    assert [made.vector_name for made in answer.legs] == ["image", "caption", "ocr"]
    for made in answer.legs:
        assert made.input_kind == Leg.INPUT_KIND_COMPOSED
        assert [(one.input_kind, one.weight) for one in made.parts] == [
            (Leg.INPUT_KIND_TEXT, 1),
            (Leg.INPUT_KIND_TEXT, -2),
        ]
        assert all(0 < one.tokens.tokens_used == one.tokens.token_count for one in made.parts)
    assert {hit.item.id for hit in answer.hits} == {"mug", "boat", "cup", "tale"}


@pytest.mark.parametrize("weight", [None, 0.001, 1000])
def test_a_single_part_is_the_input_itself(
    client: Client, panels: str, weight: float | None
) -> None:
    alone = client.search(panels, composed=[part(text="a cup", weight=weight)])
    alike(
        alone,
        client.search(panels, text="a cup", vectors=[leg("image"), leg("caption"), leg("ocr")]),
    )
    for hit in alone.hits:
        for score in hit.vector_scores:
            if score.HasField("similarity"):
                assert list(score.part_shares) == pytest.approx([score.similarity], abs=1e-6)


def test_a_negative_part_leads_away(client: Client, panels: str) -> None:
    toward = client.search(panels, weights={"image": 1}, composed=[part(text="a boat")])
    away = client.search(panels, weights={"image": 1}, composed=[part(text="a boat", weight=-3)])
    assert [id_ for id_, _ in found(away)] == [id_ for id_, _ in reversed(found(toward))]
    assert [s for _, s in found(away)] == pytest.approx([-s for _, s in reversed(found(toward))])


def test_items_given_as_parts_are_no_hits(client: Client, panels: str) -> None:
    """An item stands for its own vector of each leg's name, a stored vector for itself."""
    parts = [part(item_id="mug"), part(stored_vector=("cup", "caption"), weight=-0.5)]
    answer = client.search(panels, weights={"image": 1, "caption": 1}, composed=parts)
    assert {hit.item.id for hit in answer.hits} == {"boat", "tale"}
    own, other = (
        client.get_item(panels, id_, return_fields=["vectors"]).vectors for id_ in ("mug", "cup")
    )
    (said,) = other["caption"].multi.vectors
    (caption,) = own["caption"].multi.vectors
    for place, shown in enumerate((own["image"].dense, caption)):
        question = oracle.put_together([shown.values, said.values], [1, -0.5]).question
        name = answer.legs[place].vector_name
        expected = client.search(panels, weights={name: 1}, vector=question)
        wanted = {id_: s for id_, s in found(expected) if id_ not in ("mug", "cup")}
        got = {hit.item.id: hit.vector_scores[place].similarity for hit in answer.hits}
        assert got == pytest.approx(wanted, abs=1e-6)


def test_a_leg_whose_vector_an_item_lacks_is_skipped(client: Client, panels: str) -> None:
    answer = client.search(panels, composed=[part(text="red"), part(item_id="cup")])
    assert [made.vector_name for made in answer.legs] == ["caption"]
    assert [(w.code, w.field) for w in answer.warnings] == [
        (Notice.CODE_LEG_SKIPPED, "input.composed.parts[1]")
    ] * 2
    lacks = "the item 'cup' has no vector 'image', so this leg was not asked; every leg of a weight"
    with pytest.raises(FailedPrecondition, match=lacks):
        client.search(panels, weights={"image": 1}, composed=[part(item_id="cup")])


@pytest.mark.parametrize("given", [part(item_id="tale"), part(stored_vector=("tale", "caption"))])
def test_a_part_is_one_vector(client: Client, panels: str, given: ComposedPart) -> None:
    kind = given.WhichOneof("input")
    parts = [part(text="a cup"), given]
    with pytest.raises(FailedPrecondition, match="'caption' of the item 'tale' has") as caught:
        client.search(panels, weights={"caption": 1}, composed=parts)
    assert caught.value.reason == "QUERY_UNANSWERABLE"
    assert caught.value.message.startswith(f"input.composed.parts[1].{kind}: ")
    assert caught.value.message.endswith("vectors, and a part takes one")
    if kind == "item_id":
        answer = client.search(panels, composed=parts)
        assert [made.vector_name for made in answer.legs] == ["image"]
        fields = {warning.field for warning in answer.warnings}
        assert fields == {"input.composed.parts[1].item_id", "input.composed.parts[1]"}


def test_a_text_longer_than_the_model_reads_says_so(client: Client, panels: str) -> None:
    answer = client.search(
        panels, weights={"image": 1}, composed=[part(text="a cup"), part(text=LONG, weight=-0.5)]
    )
    short, long = answer.legs[0].parts
    assert short.tokens.tokens_used == short.tokens.token_count
    assert long.tokens.tokens_used < long.tokens.token_count
    (warning,) = answer.warnings
    assert warning.code == Notice.CODE_TEXT_TRUNCATED
    assert warning.field == "input.composed.parts[1].text"


@pytest.mark.parametrize(
    ("given", "named", "said"),
    [
        (composed(part(text="a"), part(stored_vector=("mug", "terms"))), "", "'terms' comes from"),
        (
            composed(part(text="a"), part(vector=[1, 2])),
            "",
            "parts[1].vector: wrong dimension for 'image' (got 2, allowed 256)",
        ),
        (composed(part(text="a")), "terms", "'terms' is sparse, and takes no composed input"),
    ],
)
def test_the_part_that_stands_apart_is_named(
    client: Client, panels: str, given: Composed, named: str, said: str
) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        client.search(panels, weights={named: 1} if named else None, composed=given)
    assert caught.value.message.startswith("input.composed")
    assert said in caught.value.message


# Anything


@st.composite
def any_composed(draw: st.DrawFn) -> Composed:
    """Parts that may all be good, and parts of any content among them."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    weights = st.one_of(st.none(), st.sampled_from([1e-300, 5e-324, -1000.0]), st.floats())
    made = Composed()
    for _ in range(draw(st.integers(1, 4))):
        weight = draw(weights)
        good = [
            part(text="a cup", weight=weight),
            part(item_id="mug", weight=weight),
            part(stored_vector=("boat", "image"), weight=weight),
            part(vector=rng.normal(size=256) * 10.0 ** rng.integers(-30, 12), weight=weight),
        ]
        wild: Any = any_message(ComposedPart.DESCRIPTOR, ["mug", "image"], [draw_words(["MUG"])])
        made.parts.append(draw(st.one_of(st.sampled_from(good), st.sampled_from(good), wild)))
    return made


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given=any_composed(), name=st.sampled_from(["image", "caption", "terms", ""]))
def test_any_composed_input_is_refused_or_adds_up(
    client: Client, panels: str, given: Composed, name: str
) -> None:
    try:
        answer = client.search(panels, weights={name: 1} if name else None, composed=given)
    except (FailedPrecondition, InvalidArgument, NotFound):
        return
    recompute(answer)
    assert all(len(made.parts) == len(given.parts) for made in answer.legs)
    for hit in answer.hits:
        for score in hit.vector_scores:
            assert len(score.part_shares) == score.HasField("similarity") * len(given.parts)
