"""Collections, points and stores for tests."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.support.live import api_key, live_prefix
from tests.support.reference_store import ReferenceStore
from triptych_server.domain.collections import (
    Collection,
    Distance,
    FieldType,
    PayloadField,
    Source,
    SpaceKind,
    Stamp,
    VectorSpace,
    Windows,
)
from triptych_server.domain.errors import Reason, WrongState
from triptych_server.domain.filters import Filter
from triptych_server.domain.items import Json
from triptych_server.domain.ports import LegQuery, Point, VectorStore
from triptych_server.domain.vectors import SparseVector, Vector
from triptych_server.store.edge_store import EdgeStore
from triptych_server.store.edge_tuning import TUNING, Tuning
from triptych_server.store.qdrant_store import EXACT_IDF_SERVER, QdrantStore

STORES = ("edge", "reference", "qdrant")
LIVE = frozenset({"qdrant"})  # those that need a server at TRIPTYCH_QDRANT_URL
DIMENSION = 8

IMAGE = VectorSpace("image", SpaceKind.DENSE, (Source.IMAGE,), Distance.COSINE, DIMENSION)
CAPTION = VectorSpace("caption", SpaceKind.MULTI, (Source.CAPTION,), Distance.COSINE, DIMENSION)
OCR = VectorSpace(
    "ocr",
    SpaceKind.MULTI,
    (Source.OCR_TEXT,),
    Distance.COSINE,
    DIMENSION,
    encoder_id="tiny-clip",
    windows=Windows(tokens=20, overlap=4, max_windows=8),
    stamp=Stamp("tiny-clip", "1", "0f"),
)
TERMS = VectorSpace("terms", SpaceKind.SPARSE, (Source.CAPTION, Source.OCR_TEXT), Distance.DOT)
AUDIO = VectorSpace("audio", SpaceKind.DENSE, (Source.SUPPLIED,), Distance.DOT, 4)
FRAMES = VectorSpace("frames", SpaceKind.MULTI, (Source.SUPPLIED,), Distance.DOT, 4)

SPACES = (IMAGE, CAPTION, OCR, TERMS, AUDIO, FRAMES)
FIELDS = (
    PayloadField("kind", FieldType.KEYWORD),
    PayloadField("pages", FieldType.INTEGER),
    PayloadField("price", FieldType.FLOAT),
    PayloadField("sold", FieldType.BOOL),
    PayloadField("place.city", FieldType.KEYWORD),
    PayloadField('"shelf.mark"', FieldType.KEYWORD),
)


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[VectorStore]:
    """An open store of one of ``STORES``; the embedded one on ``folder``."""
    if kind == "edge":
        async with running(folder) as edge:
            yield edge
        return
    if kind == "qdrant":
        async with live() as qdrant:
            yield qdrant
        return
    reference = ReferenceStore()
    yield reference
    await reference.close()


@asynccontextmanager
async def live() -> AsyncIterator[QdrantStore]:
    """A store on the live server, with nothing in it."""
    with live_prefix() as (_, address):
        store = await QdrantStore.open(
            host=address.host,
            port=address.port,
            tls=address.tls,
            api_key=api_key(),
            prefix=address.prefix,
        )
        try:
            yield store
        finally:
            await store.close()


async def counts_deleted_terms(store: VectorStore) -> bool:
    """Whether the IDF keeps what was deleted for a while, as a Qdrant server before 1.19 does."""
    info = await store.info()
    numbers = re.match(r"(\d+)\.(\d+)", info.engine_version)
    assert numbers is not None
    return info.kind == "qdrant" and (int(numbers[1]), int(numbers[2])) < EXACT_IDF_SERVER


async def refuses_undeclared_words(store: VectorStore) -> bool:
    """Whether words can be asked of fields with a text index only, as on a Qdrant server."""
    return (await store.info()).kind == "qdrant"


async def check_refused(store: VectorStore, collection_id: str, filter: Filter) -> None:
    """Whatever is asked with the filter is refused, and says so; nothing is deleted."""
    leg = LegQuery("audio", np.ones(4, np.float32), 9, filter)
    everything = await store.count(collection_id, Filter())
    for call in (
        store.count(collection_id, filter),
        store.scroll(collection_id, filter, limit=9, start_id=None),
        store.query(collection_id, [leg]),
        store.query(collection_id, [replace(leg, within=(pid(1),))]),
        store.delete_matching(collection_id, filter),
    ):
        with pytest.raises(WrongState) as refused:
            await call
        assert refused.value.reason is Reason.FILTER_FIELD_UNINDEXED
        assert "has no text index" in refused.value.message
    assert await store.count(collection_id, Filter()) == everything


@asynccontextmanager
async def running(
    folder: Path,
    *,
    flush_interval_s: float = 2.0,
    flush_after_points: int = 4096,
    min_free_bytes: int = 2**20,
    lock_wait_s: float = 2.0,
    restart_wait_s: float = 2.0,
    tuning: Tuning = TUNING,
) -> AsyncIterator[EdgeStore]:
    """An embedded store on ``folder``, open."""
    store = EdgeStore(
        folder,
        flush_interval_s=flush_interval_s,
        flush_after_points=flush_after_points,
        min_free_bytes=min_free_bytes,
        lock_wait_s=lock_wait_s,
        restart_wait_s=restart_wait_s,
        tuning=tuning,
    )
    await store.start()
    try:
        yield store
    finally:
        await store.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait, half a minute at most, for what nothing tells of."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def engine_of(store: EdgeStore) -> int:
    """The process id of the store's running engine."""
    assert store.engine_pid is not None
    return store.engine_pid


def collection(
    collection_id: str = "things",
    spaces: Sequence[VectorSpace] = SPACES,
    fields: Sequence[PayloadField] = FIELDS,
) -> Collection:
    """A collection with spaces of every kind and an index of every type."""
    return Collection(
        id=collection_id,
        vector_spaces=tuple(spaces),
        payload_fields=tuple(fields),
        default_encoder_id="tiny-clip",
        language="en",
        create_time=datetime(2025, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC),
    )


def small(collection_id: str = "things") -> Collection:
    """A collection with the spaces that ``whole_point`` fills and one index: quickly made."""
    return collection(collection_id, (IMAGE, CAPTION, OCR, TERMS), FIELDS[:1])


def pid(number: int) -> str:
    """A point id; ids stand in the order of their numbers."""
    return str(uuid.UUID(int=number))


def point(
    number: int,
    vectors: Mapping[str, Vector] | None = None,
    payload: Mapping[str, Json] | None = None,
) -> Point:
    """A point of that number."""
    return Point(pid(number), vectors or {}, payload or {})


def dense(*numbers: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A vector of ``DIMENSION`` numbers, zeros behind those given."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[: len(numbers)] = numbers
    return vector


def sparse(terms: Mapping[int, float]) -> SparseVector:
    """A sparse vector of those terms."""
    order = sorted(terms)
    return SparseVector(np.array(order, np.uint32), np.array([terms[i] for i in order], np.float32))


def whole_point(number: int, payload: Mapping[str, Json] | None = None) -> Point:
    """A point with a vector in each of the four text and image spaces, made from its number."""
    rng = np.random.default_rng(number)
    windows = 1 + number % 3
    return Point(
        pid(number),
        {
            "image": rng.standard_normal(DIMENSION).astype(np.float32),
            "caption": rng.standard_normal((1, DIMENSION)).astype(np.float32),
            "ocr": rng.standard_normal((windows, DIMENSION)).astype(np.float32),
            "terms": sparse({number % 7: 1.0, 100 + number: 0.5}),
        },
        {"number": number, **(payload or {})},
    )


def same_vectors(got: Mapping[str, Vector], sent: Mapping[str, Vector]) -> bool:
    """Whether the vectors read are those written, in unit length where the space is COSINE."""
    if got.keys() != sent.keys():
        return False
    cosine = {space.name for space in SPACES if space.distance is Distance.COSINE}
    return all(_same(got[name], sent[name], unit=name in cosine) for name in sent)


def _same(got: Vector, sent: Vector, *, unit: bool) -> bool:
    if isinstance(got, SparseVector) or isinstance(sent, SparseVector):
        return (
            isinstance(got, SparseVector)
            and isinstance(sent, SparseVector)
            and np.array_equal(got.indices, sent.indices)
            and np.array_equal(got.values, sent.values)
        )
    wanted = sent / np.linalg.norm(sent, axis=-1, keepdims=True) if unit else sent
    return got.shape == sent.shape and bool(np.allclose(got, wanted, atol=1e-6))
