"""How often the parts of composed inputs are encoded, and shares of an item written meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.support.decoding import open_intake
from tests.support.panels import draw_words
from tests.support.random_model import make_random_model
from tests.support.reference_store import ReferenceStore
from tests.support.stores import CAPTION, IMAGE, collection
from triptych_server.domain.composition import compose
from triptych_server.domain.items import Item, Record
from triptych_server.domain.queries import (
    ComposedInput,
    ComposedPart,
    ImageInput,
    PlainInput,
    QueryInput,
    TextInput,
)
from triptych_server.domain.vectors import FloatArray
from triptych_server.encode.clip import ClipEncoder, load_encoder
from triptych_server.encode.terms import Bm25Terms
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.legs import LegPlan
from triptych_server.usecases.part_shares import part_shares
from triptych_server.usecases.query_cache import QueryCache
from triptych_server.usecases.query_vectors import EncodedLeg, QueryVectors

CAT, DOG = TextInput("a cat"), TextInput("a dog")
RED, BLUE = (ImageInput(draw_words([word])) for word in ("RED", "BLUE"))


@pytest.fixture
async def encoder(tmp_path: Path) -> AsyncIterator[ClipEncoder]:
    folder = make_random_model(tmp_path / "model")
    made = load_encoder(
        "random",
        folder,
        device="cpu",
        threads=1,
        max_image_batch=8,
        max_text_batch=8,
        max_queue=64,
    )
    yield made
    await made.close()


def composed(*parts: PlainInput) -> ComposedInput:
    return ComposedInput(tuple(ComposedPart(one, 1.0 + n) for n, one in enumerate(parts)))


def plan(given: QueryInput, *, caption: bool = False) -> LegPlan:
    space = replace(CAPTION if caption else IMAGE, encoder_id="random")
    return LegPlan(space, given, 1.0, 10, "input")


async def test_what_is_the_same_is_encoded_once_for_the_request(encoder: ClipEncoder) -> None:
    store, terms, intake = ReferenceStore(), Bm25Terms(), await open_intake()
    made = QueryVectors(
        store,
        EncoderSet([encoder], terms),
        intake,
        asyncio.Semaphore(2),
        QueryCache(0, 1.0, time.monotonic),
    )
    plans = (
        plan(composed(RED, CAT, DOG, CAT)),
        plan(composed(DOG, RED, CAT), caption=True),
        plan(CAT),
        plan(RED),
        plan(composed(BLUE)),
    )
    texts, pictures = encoder.text_counters.items, encoder.image_counters.items
    found = await made.encode(collection("things"), plans)
    assert encoder.text_counters.items - texts == 2
    assert encoder.image_counters.items - pictures == 2
    assert len(found.legs) == len(plans)
    assert [len(leg.parts) for leg in found.legs] == [4, 3, 0, 0, 1]
    await intake.close()
    await store.close()


LEG = EncodedLeg(
    plan(composed(CAT, DOG)),
    np.array([1, 0], np.float32),
    composition=compose([np.array([1, 0], np.float32)] * 2, [2, -1]),
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def item(vector: FloatArray | None) -> Item:
    record = Record("cat-1", "", None, None, {}, {}, None, None, NOW, NOW)
    return Item("0" * 36, record, {}, {} if vector is None else {"image": vector})


def test_shares_are_those_of_the_vector_that_was_compared() -> None:
    stored = np.array([0.6, 0.8], np.float32)
    assert part_shares(LEG, item(stored), 0.6) == pytest.approx((1.2, -0.6))
    written_since = np.array([0.8, 0.6], np.float32)
    assert part_shares(LEG, item(written_since), 0.6) == ()
    assert part_shares(LEG, item(None), 0.6) == ()
    assert part_shares(LEG, item(stored), None) == ()
