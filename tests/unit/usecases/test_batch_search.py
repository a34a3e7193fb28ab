"""A batch does once what its searches have in common, on a real encoder and the reference store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.support.decoding import open_intake
from tests.support.panels import draw_words
from tests.support.reference_store import ReferenceStore
from tests.support.stores import IMAGE, TERMS, collection
from triptych_server.domain.errors import (
    Exhausted,
    InvalidInput,
    NotFound,
    Reason,
    TriptychError,
    Unavailable,
    violation,
)
from triptych_server.domain.filters import EVERYTHING
from triptych_server.domain.fusion import ReciprocalRank
from triptych_server.domain.limits import Limits
from triptych_server.domain.ports import LegQuery, Scored
from triptych_server.domain.queries import (
    FieldSelection,
    ImageInput,
    QueryInput,
    SearchQuery,
    SearchResult,
    TextInput,
)
from triptych_server.encode.catalogue import resolve_model
from triptych_server.encode.clip import ClipEncoder, load_encoder
from triptych_server.encode.intake import ProcessIntake
from triptych_server.encode.terms import Bm25Terms
from triptych_server.usecases.corridor import Corridor
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.once import Once
from triptych_server.usecases.query_cache import QueryCache
from triptych_server.usecases.query_vectors import QueryVectors
from triptych_server.usecases.search import Search
from triptych_server.usecases.stopwatch import Stopwatch

pytestmark = pytest.mark.asyncio(loop_scope="module")

MUG, BOAT = draw_words(["MUG"]), draw_words(["BOAT"])


class Watched(ReferenceStore):
    """The reference, with a note of every batch that it is asked, and a limit of them."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[str, int]] = []
        self.largest = 10_000
        self.down = False

    async def query(
        self, collection_id: str, legs: Sequence[LegQuery], *, created: datetime | None = None
    ) -> tuple[tuple[Scored, ...], ...]:
        self.batches.append((collection_id, len(legs)))
        if self.down:
            raise Unavailable(Reason.STORE_UNAVAILABLE, "the store does not answer")
        if len(legs) > self.largest:  # as Qdrant's strict mode refuses by search_max_batchsize
            raise Exhausted(Reason.STORE_STRICT_MODE, "too many searches in one batch")
        return await super().query(collection_id, legs, created=created)


class House:
    """The use case, and what it runs on."""

    def __init__(self, encoder: ClipEncoder, terms: Bm25Terms, intake: ProcessIntake) -> None:
        self.encoder = encoder
        self.store = Watched()
        known = EncoderSet([encoder], terms)
        vectors = QueryVectors(
            self.store, known, intake, asyncio.Semaphore(2), QueryCache(0, 1.0, time.monotonic)
        )
        self.search = Search(Corridor(self.store, known, vectors, Limits()))

    @property
    def encoded(self) -> tuple[int, int]:
        return self.encoder.text_counters.items, self.encoder.image_counters.items


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def parts(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[ClipEncoder, Bm25Terms, ProcessIntake]]:
    folder: Path = tmp_path_factory.mktemp("models")
    encoder = load_encoder(
        "tiny-clip",
        resolve_model("tiny-clip", folder),
        device="cpu",
        threads=1,
        max_image_batch=8,
        max_text_batch=64,
        max_queue=256,
    )
    terms, intake = Bm25Terms(), await open_intake()
    yield encoder, terms, intake
    await intake.close()
    terms.close()
    await encoder.close()


@pytest_asyncio.fixture(loop_scope="module")
async def house(parts: tuple[ClipEncoder, Bm25Terms, ProcessIntake]) -> AsyncIterator[House]:
    """Two collections of the encoder's own vectors, with nothing in them."""
    made = House(*parts)
    info, terms = parts[0].info, parts[1]
    spaces = (
        replace(IMAGE, dimension=info.dimension, encoder_id="tiny-clip", stamp=info.image_stamp),
        replace(TERMS, stamp=terms.stamp("en")),
    )
    for name in ("one", "two"):
        await made.store.create_collection(collection(name, spaces, ()))
    yield made
    await made.store.close()


def asked(given: QueryInput, name: str = "one") -> SearchQuery:
    return SearchQuery(
        collection_id=name,
        input=given,
        vectors=(),
        fusion=ReciprocalRank(),
        filter=EVERYTHING,
        offset=0,
        limit=10,
        score_threshold=None,
        fields=FieldSelection(),
    )


async def test_equal_inputs_are_encoded_once_and_legs_go_together(house: House) -> None:
    inputs: list[QueryInput] = [TextInput("a cup"), TextInput("a boat"), TextInput("a cup")]
    inputs += [ImageInput(MUG), ImageInput(BOAT), ImageInput(MUG)]
    queries = [asked(given, name) for name in ("one", "two") for given in inputs]
    before = house.encoded
    results = await house.search.batch(queries * 2, Stopwatch())
    assert all(isinstance(result, SearchResult) for result in results)
    text_count, image_count = np.subtract(house.encoded, before)
    assert (text_count, image_count) == (2, 2)
    # For each collection the legs, and then the completion: texts ask two spaces, pictures one.
    assert sorted(house.store.batches) == sorted([("one", 18), ("two", 18)] * 2)


async def test_what_fails_fails_for_itself(house: House) -> None:
    refused = InvalidInput([violation("limit", Reason.LIMIT_INVALID, "is negative", got=-1)])
    results = await house.search.batch(
        [
            asked(ImageInput(b"none")),
            refused,
            asked(TextInput("a cup"), "three"),
            asked(TextInput("a cup")),
            asked(ImageInput(b"none")),
        ],
        Stopwatch(),
    )
    assert results[1] is refused
    kinds = [type(result) for result in results]
    assert kinds == [InvalidInput, InvalidInput, NotFound, SearchResult, InvalidInput]


async def test_a_batch_that_the_store_refuses_is_asked_in_parts(house: House) -> None:
    house.store.largest = 3
    results = await house.search.batch([asked(TextInput("a cup"))] * 3, Stopwatch())
    assert all(isinstance(result, SearchResult) for result in results)
    house.store.largest = 1
    results = await house.search.batch(
        [asked(TextInput("a cup")), asked(ImageInput(MUG))], Stopwatch()
    )
    assert isinstance(results[0], Exhausted)
    assert isinstance(results[1], SearchResult)


async def test_a_store_that_is_down_is_not_asked_again_and_again(house: House) -> None:
    house.store.down = True
    results = await house.search.batch([asked(TextInput("a cup"))] * 9, Stopwatch())
    assert all(isinstance(result, Unavailable) for result in results)
    assert len(house.store.batches) == 1


async def test_more_than_is_computed_is_refused_as_a_whole(house: House) -> None:
    far = replace(asked(TextInput("a cup")), offset=4000, limit=1000)
    assert not isinstance((await house.search.batch([far], Stopwatch()))[0], TriptychError)
    with pytest.raises(InvalidInput) as caught:
        await house.search.batch([far] * 60, Stopwatch())
    assert caught.value.violations[0].field == "searches"


async def test_once_is_everybody_s_and_ends_with_its_context() -> None:
    made: list[str] = []
    gate = asyncio.Event()

    async def slow() -> str:
        made.append("begun")
        await gate.wait()
        return "done"

    async with Once() as once:
        first, second = (asyncio.create_task(once("key", slow)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        gate.set()
        assert await second == "done"
        assert await once("key", slow) == "done"
        gate.clear()
        left = asyncio.create_task(once("other", slow))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await left
    assert made == ["begun"] * 2
    assert first.cancelled()
