"""What the use cases need of the world, in the service's own types.

Every method raises only errors of ``domain.errors``; anything else is a defect of the adapter.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from triptych_server.domain.collections import Collection, Stamp, Windows
from triptych_server.domain.decoding import Detail, ImageWay
from triptych_server.domain.filters import EVERYTHING, Filter
from triptych_server.domain.items import Json, OcrReading, Picture, TokenUse
from triptych_server.domain.pictures import KeptFile, PictureFile, PictureKey
from triptych_server.domain.questions import ByExamples
from triptych_server.domain.queues import BatcherCounters
from triptych_server.domain.vectors import FloatArray, SparseVector, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One point to be written whole: it replaces whatever stood under ``id`` (a UUID)."""

    id: str
    vectors: Mapping[str, Vector]
    payload: Mapping[str, Json]


@dataclass(frozen=True, slots=True, eq=False)
class StoredPoint:
    """One point as read. ``vectors`` is empty unless asked for."""

    id: str
    payload: Mapping[str, Json]
    vectors: Mapping[str, Vector]


Ask: TypeAlias = Vector | ByExamples[Vector]
"""What a leg is asked with: a vector, whose nearest are wanted, or examples."""


@dataclass(frozen=True, slots=True, eq=False)
class LegQuery:
    """One query over one named vector: the nearest to a vector, or the best by examples.

    A dense vector may be asked of a dense space or of a multivector space (max-sim). With
    ``within``, only those points are scored, exactly, and with ``exact`` all that pass ``filter``;
    otherwise the engine may use its index. With ``at_least``, points of a lower similarity are left
    out; whether those of just that one are, too, is the engine's choice.

    Examples score every point that has the vector, by the formulas of ``domain.exploration`` in
    float32; on a sparse leg an example without a shared term has the similarity 0. The strategy
    AVERAGE_VECTOR is none of the store's: it is asked for by its vector.
    """

    vector_name: str
    ask: Ask
    limit: int
    filter: Filter = EVERYTHING
    within: tuple[str, ...] | None = None
    exact: bool = False
    at_least: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A point id and its similarity to the query (higher is nearer), or its score by examples."""

    id: str
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class ExactQuery:
    """What the candidates of a ``UnionQuery`` are scored by, on one named vector."""

    vector_name: str
    ask: Ask


@dataclass(frozen=True, slots=True, eq=False)
class UnionQuery:
    """Several legs, and exact scores of the union of all that they find, and of ``also``.

    The legs have no ``within``. ``exact`` may hold what a leg asks itself, too: the same object is
    not asked twice where that leg alone has found the whole union.
    """

    legs: tuple[LegQuery, ...]
    exact: tuple[ExactQuery, ...]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class UnionScores:
    """The answer to a ``UnionQuery``.

    ``candidates`` are the ids that each leg found, by (similarity descending, id); ``scores`` are
    those of each of ``exact``, by id, without the points that it can't score.
    """

    candidates: tuple[tuple[str, ...], ...]
    scores: tuple[Mapping[str, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A page of points in the order of their ids; ``next_id`` begins the next page, if any."""

    points: tuple[StoredPoint, ...]
    next_id: str | None


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What GetStatus says of the store: ``kind`` is ``embedded`` or ``qdrant``.

    ``engine_version`` is empty while it is not known."""

    kind: str
    engine_version: str
    ready: bool


class VectorStore(Protocol):
    """Collections of points with named vectors.

    Vectors are validated by the caller (name, kind, dimension, finite), and so are the values of
    declared payload fields; COSINE spaces return vectors with unit length. What a filter lets
    through depends on the values alone (see filter.proto), never on whether their field has an
    index. A write that returns is kept through the death of this process.
    """

    async def create_collection(self, collection: Collection) -> None:
        """Make an empty collection.

        Raises AlreadyExists; WrongState (STORAGE_UNSUPPORTED) where the store cannot keep it as
        its ``storage`` asks.
        """
        ...

    async def get_collection(self, collection_id: str) -> Collection:
        """Raises NotFound."""
        ...

    async def list_collections(self) -> tuple[Collection, ...]:
        """All collections, by id."""
        ...

    async def drop_collection(self, collection_id: str) -> None:
        """Remove the collection and everything in it. Raises NotFound."""
        ...

    async def upsert(
        self, collection_id: str, points: Sequence[Point], *, created: datetime | None = None
    ) -> None:
        """Write points whole, all or none. Raises NotFound, Unavailable.

        With ``created``, the collection has to be the one made at that time: another of the same
        name, made since, is NotFound.
        """
        ...

    async def retrieve(
        self,
        collection_id: str,
        ids: Sequence[str],
        *,
        vectors: bool = False,
    ) -> tuple[StoredPoint, ...]:
        """The points that exist among ``ids``, in that order. Raises NotFound (collection)."""
        ...

    async def delete(self, collection_id: str, ids: Sequence[str]) -> int:
        """Remove points by id; the count of those that were there."""
        ...

    async def delete_matching(self, collection_id: str, filter: Filter) -> int:
        """Remove the points that pass ``filter``; their count."""
        ...

    async def count(self, collection_id: str, filter: Filter) -> int:
        """The exact count of points that pass ``filter``."""
        ...

    async def passes(
        self, collection_id: str, point_id: str, filters: Sequence[Filter]
    ) -> tuple[bool, ...]:
        """Whether the point passes each filter, in one request; none, where it is not there."""
        ...

    async def scroll(
        self,
        collection_id: str,
        filter: Filter,
        *,
        limit: int,
        start_id: str | None,
        vectors: bool = False,
    ) -> Page:
        """Points in the order of their ids, from ``start_id`` (inclusive) on."""
        ...

    async def query(
        self, collection_id: str, legs: Sequence[LegQuery], *, created: datetime | None = None
    ) -> tuple[tuple[Scored, ...], ...]:
        """All legs in one batch; each answer sorted by (similarity descending, id).

        ``created`` as in ``upsert``.

        A point that lacks the vector is missing from that leg's answer; so is, on a sparse leg
        that is asked with a vector, a point that shares no term with it.
        """
        ...

    async def query_unions(
        self, collection_id: str, unions: Sequence[UnionQuery], *, created: datetime | None = None
    ) -> tuple[UnionScores, ...]:
        """Several searches' candidates with all their scores; as few requests as the engine takes.

        Legs and scores are those of ``query``. ``created`` as in ``upsert``.
        """
        ...

    async def info(self) -> StoreInfo:
        """Never raises; ``ready`` is False while the engine cannot answer."""
        ...

    async def close(self) -> None:
        """Make everything durable and let go of it."""
        ...


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """An encoder as the status shows it.

    ``provider`` is the onnxruntime execution provider that the loaded session really runs on;
    ``image_size`` is (height, width) in pixels; the context length counts tokens with the model's
    begin and end tokens, of which there are ``special_tokens``; ``precision`` is fp32, fp16 or
    int8. Each vector space keeps the one of ``image_ways`` that came first when it was made.
    ``pictures_at_once`` run on all of its devices together.
    """

    id: str
    name: str
    revision: str
    dimension: int
    context_length: int
    special_tokens: int
    image_size: tuple[int, int]
    provider: str
    licence: str
    pictures_at_once: int
    image_ways: tuple[ImageWay, ...]
    text_stamp: Stamp
    precision: str

    @property
    def image_stamp(self) -> Stamp:
        """The stamp of pictures' vectors in new collections."""
        return self.image_ways[0].stamp

    def image_way(self, stamp: Stamp | None) -> ImageWay | None:
        """The way that ``stamp`` stands for; None where it is none of this encoder's."""
        return next((way for way in self.image_ways if way.stamp == stamp), None)


@dataclass(frozen=True, slots=True, eq=False)
class TextEmbedding:
    """One text as one vector of shape (dimension,), unit length, and how much of it was read."""

    vector: FloatArray
    tokens: TokenUse


@dataclass(frozen=True, slots=True, eq=False)
class WindowedEmbedding:
    """One text as a multivector of shape (windows, dimension), rows of unit length.

    ``windows_cut`` counts the windows past the space's ``max_windows``, which were not encoded.
    """

    vectors: FloatArray
    tokens: TokenUse
    windows_cut: int


class Encoder(Protocol):
    """A dual encoder: pictures and texts into one space.

    Calls are batched across requests. They raise Exhausted (QUEUE_FULL) when too much waits, or too
    much to be done by the caller's deadline, and DeadlineExceeded where that has passed.
    """

    @property
    def info(self) -> EncoderInfo:
        """What runs, and on what."""
        ...

    @property
    def image_counters(self) -> BatcherCounters:
        """What the queue of the vision model did since the start."""
        ...

    @property
    def text_counters(self) -> BatcherCounters:
        """What the queue of the text model did since the start."""
        ...

    async def encode_image(self, picture: Picture) -> FloatArray:
        """The picture's embedding, shape (dimension,), unit length, by the way of its detail."""
        ...

    async def crop_image(self, picture: Picture) -> NDArray[np.uint8]:
        """What the model sees of ``picture``, which may be let go of then."""
        ...

    async def encode_crop(self, crop: NDArray[np.uint8]) -> FloatArray:
        """The embedding of what ``crop_image`` gave: together they are ``encode_image``."""
        ...

    async def encode_text(self, text: str) -> TextEmbedding:
        """One vector for one text; tokens past the context length are cut and counted."""
        ...

    async def encode_windows(self, text: str, windows: Windows) -> WindowedEmbedding:
        """A long text as overlapping windows, in reading order."""
        ...


class ImageIntake(Protocol):
    """The one place where bytes become pixels."""

    async def decode(self, data: bytes, detail: Detail | None = None) -> Picture:
        """Sniff, check, decode and turn upright; with no more pixels than ``detail`` asks for.

        Raises InvalidInput whose violations have an empty ``field``: the caller knows the path;
        Unavailable (DECODER_UNAVAILABLE) where nothing can be decoded now.
        """
        ...

    async def thumbnail(self, picture: Picture) -> KeptFile:
        """A small copy, for people to look at: WebP, at most 512 pixels on its longer side."""
        ...


class PictureStore(Protocol):
    """Files of pictures, each named by its item and its content.

    A write that returns is kept through the death of this process. Methods raise Unavailable where
    the store does not answer.
    """

    async def put(self, key: PictureKey, data: bytes) -> None:
        """Keep ``data``, whose SHA-256 is the key's, whole or not at all.

        Raises Exhausted (STORE_FULL).
        """
        ...

    async def holds(self, key: PictureKey, byte_size: int) -> bool:
        """Whether the file is there and, as far as that is cheap to say, undamaged."""
        ...

    def read(self, key: PictureKey) -> AsyncGenerator[bytes]:
        """The file in chunks of at most 256 KiB.

        Raises DataLoss where it is missing, or in place of the last chunk where it is damaged.
        """
        ...

    async def remove(self, keys: Sequence[PictureKey]) -> None:
        """Remove those of the files that are there."""
        ...

    def pages(self, album: str) -> AsyncGenerator[tuple[PictureFile, ...]]:
        """Every file of an album, a page at a time."""
        ...

    async def condemn(self, album: str) -> None:
        """Note, and keep, that the album is about to be dropped."""
        ...

    async def spare(self, album: str) -> None:
        """Take that note back."""
        ...

    async def condemned(self) -> tuple[str, ...]:
        """The albums with such a note."""
        ...

    async def drop(self, album: str) -> None:
        """Remove the album with all its files, and the note about it."""
        ...

    @property
    def kind(self) -> str:
        """What GetStatus says: ``folder``, or the protocol of a remote store."""
        ...

    async def close(self) -> None:
        """Wait for what runs and let go."""
        ...


class Ocr(Protocol):
    """Reads the words in a picture."""

    @property
    def engine(self) -> str:
        """What reads: ``tesseract`` or ``tesserocr``."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """The installed languages (Tesseract's codes), sorted; empty where OCR is off."""
        ...

    def language_for(self, iso_code: str) -> str | None:
        """Tesseract's code for an ISO 639-1 language if it is installed, else the default one.

        None where neither is installed.
        """
        ...

    async def read(self, picture: Picture, *, language: str, time_limit_ms: int) -> OcrReading:
        """Words, boxes and text; a failure is a reading of state FAILED or TIMED_OUT."""
        ...


class Terms(Protocol):
    """Turns text into sparse BM25 term weights; documents and queries by one producer."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The ISO 639-1 languages it stems."""
        ...

    def stamp(self, language: str) -> Stamp:
        """The stamp of a sparse space in that language."""
        ...

    async def encode_document(self, text: str, language: str) -> SparseVector:
        """Term weights of a stored text; empty where only stop words are left."""
        ...

    async def encode_query(self, text: str, language: str) -> SparseVector:
        """Term weights of a query; empty where only stop words are left."""
        ...
