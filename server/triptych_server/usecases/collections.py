"""Makes, shows and removes collections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from triptych_server.domain.collections import (
    Collection,
    Distance,
    ImageRetention,
    PayloadField,
    Source,
    SpaceKind,
    UnindexedFilterPolicy,
    VectorSpace,
    Windows,
)
from triptych_server.domain.errors import (
    InvalidInput,
    NotFound,
    Reason,
    Unavailable,
    Violation,
    WrongState,
    violation,
)
from triptych_server.domain.filters import EVERYTHING
from triptych_server.domain.optimization import Optimization, Optimizer
from triptych_server.domain.pictures import album_of
from triptych_server.domain.ports import EncoderInfo, PictureStore, VectorStore
from triptych_server.domain.storage import STORE_DEFAULTS, StorageSettings
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.locks import KeyLocks

log = logging.getLogger(__name__)

DEFAULT_LANGUAGE = "en"
# Neighbouring windows share about a fifth, so that a phrase cut by one stands whole in the next.
OVERLAP_SHARE = 5
DEFAULT_MAX_WINDOWS = 32


@dataclass(frozen=True, slots=True)
class WindowsRequest:
    """Windows as asked for; None stands for the default that fits the encoder."""

    tokens: int | None = None
    overlap: int | None = None
    max_windows: int | None = None


@dataclass(frozen=True, slots=True)
class SpaceRequest:
    """A vector space as asked for: checked for form, its encoder not yet looked up."""

    name: str
    kind: SpaceKind
    sources: tuple[Source, ...]
    distance: Distance
    encoder_id: str = ""
    dimension: int | None = None
    windows: WindowsRequest = WindowsRequest()


@dataclass(frozen=True, slots=True)
class CreateCollection:
    """A collection as asked for."""

    id: str
    vector_spaces: tuple[SpaceRequest, ...]
    payload_fields: tuple[PayloadField, ...]
    default_encoder_id: str
    language: str
    storage: StorageSettings = STORE_DEFAULTS
    unindexed_filter_policy: UnindexedFilterPolicy = UnindexedFilterPolicy.WARN
    image_retention: ImageRetention = ImageRetention.THUMBNAIL


DEFAULT_SPACES = (
    SpaceRequest("image", SpaceKind.DENSE, (Source.IMAGE,), Distance.COSINE),
    SpaceRequest("caption", SpaceKind.MULTI, (Source.CAPTION,), Distance.COSINE),
    SpaceRequest("ocr", SpaceKind.MULTI, (Source.OCR_TEXT,), Distance.COSINE),
    SpaceRequest("terms", SpaceKind.SPARSE, (Source.CAPTION, Source.OCR_TEXT), Distance.DOT),
)


@dataclass(frozen=True, slots=True)
class CountedCollection:
    """A collection, how many items it holds, and the last that was done for its index."""

    collection: Collection
    item_count: int
    optimization: Optimization | None = None


class Collections:
    """The use cases of CollectionService."""

    def __init__(
        self,
        store: VectorStore,
        pictures: PictureStore,
        encoders: EncoderSet,
        writers: KeyLocks,
        now: Callable[[], datetime],
        optimizer: Optimizer,
    ) -> None:
        self._store = store
        self._optimizer = optimizer
        self._pictures = pictures
        self._encoders = encoders
        self._writers = writers
        self._now = now
        self._dropping: set[asyncio.Task[None]] = set()

    async def create(self, request: CreateCollection) -> CountedCollection:
        """Make an empty collection, every default filled in.

        Raises InvalidInput, WrongState (ENCODER_UNKNOWN, STORAGE_UNSUPPORTED), AlreadyExists.
        """
        language = request.language or DEFAULT_LANGUAGE
        problems: list[Violation] = []
        supported = self._encoders.terms.languages
        if language not in supported:
            allowed = ", ".join(supported)
            what = "is not supported"
            reason = Reason.LANGUAGE_UNSUPPORTED
            problems.append(violation("language", reason, what, got=language, allowed=allowed))
        try:
            default = self._encoders.get(request.default_encoder_id, field="default_encoder_id")
            spaces = self._resolve_all(request, default.info.id, problems)
        except WrongState:
            # What is wrong in itself comes before what this server lacks.
            if problems:
                raise InvalidInput(problems) from None
            raise
        if problems:
            raise InvalidInput(problems)
        collection = Collection(
            id=request.id,
            vector_spaces=spaces,
            payload_fields=request.payload_fields,
            default_encoder_id=default.info.id,
            language=language,
            create_time=self._now(),
            storage=request.storage,
            unindexed_filter_policy=request.unindexed_filter_policy,
            image_retention=request.image_retention,
        )
        await self._store.create_collection(collection)
        return CountedCollection(collection, 0)

    async def get(self, collection_id: str) -> CountedCollection:
        """Raises NotFound."""
        collection = await self._store.get_collection(collection_id)
        return await self._counted(collection)

    async def page(
        self, *, limit: int, after: str | None
    ) -> tuple[list[CountedCollection], str | None]:
        """A page by id, and the id that the next page comes after (None at the end)."""
        found = [c for c in await self._store.list_collections() if after is None or c.id > after]
        page = []
        for collection in found[:limit]:
            # One that is dropped meanwhile is no entry, and no error of the list.
            with suppress(NotFound):
                page.append(await self._counted(collection))
        return page, found[limit - 1].id if len(found) > limit else None

    async def optimize(self, collection_id: str) -> Optimization:
        """Start to build its index, or find that running.

        Raises NotFound, WrongState (OPTIMIZE_UNSUPPORTED), Exhausted (OPTIMIZE_NEEDS_DISK).
        """
        return await self._optimizer.optimize(collection_id)

    async def _counted(self, collection: Collection) -> CountedCollection:
        count = await self._store.count(collection.id, EVERYTHING)
        return CountedCollection(collection, count, self._optimizer.optimization(collection.id))

    async def delete(self, collection_id: str) -> None:
        """Remove it and everything in it, its pictures too. Raises NotFound, Unavailable."""
        collection = await self._store.get_collection(collection_id)
        if collection.image_retention is ImageRetention.NONE:
            await self._store.drop_collection(collection_id)
            return
        dropping = asyncio.create_task(self._drop_with_pictures(collection))
        self._dropping.add(dropping)
        dropping.add_done_callback(self._dropping.discard)
        # A caller who goes away does not leave half of it.
        await asyncio.shield(dropping)

    async def _drop_with_pictures(self, collection: Collection) -> None:
        album = album_of(collection)
        async with self._writers.hold([album]):
            # Noted first, so that a crash between the two leaves no picture behind for ever.
            await self._pictures.condemn(album)
            await self._store.drop_collection(collection.id)
            try:
                await self._pictures.drop(album)
            except Unavailable:
                log.warning("the pictures of %s are left to the next sweep", collection.id)

    def _resolve_all(
        self, request: CreateCollection, default_encoder_id: str, problems: list[Violation]
    ) -> tuple[VectorSpace, ...]:
        """The spaces, every default filled in; what is wrong with them is put to ``problems``.

        Raises WrongState (ENCODER_UNKNOWN) for the first unknown encoder, when all are looked at.
        """
        # One that is not supported is a problem already, and makes no collection.
        language = request.language or DEFAULT_LANGUAGE
        language = language if language in self._encoders.terms.languages else DEFAULT_LANGUAGE
        spaces, unknown = [], []
        for place, wanted in enumerate(request.vector_spaces or DEFAULT_SPACES):
            try:
                resolved = self._resolve(wanted, place, default_encoder_id, language, problems)
            except WrongState as error:
                unknown.append(error)
            else:
                spaces.append(resolved)
        if unknown:
            raise unknown[0]
        return tuple(spaces)

    def _resolve(
        self,
        wanted: SpaceRequest,
        place: int,
        default_encoder_id: str,
        language: str,
        problems: list[Violation],
    ) -> VectorSpace:
        path = f"vector_spaces[{place}]"
        made = VectorSpace(wanted.name, wanted.kind, wanted.sources, wanted.distance)
        if Source.SUPPLIED in wanted.sources:
            return VectorSpace(
                wanted.name, wanted.kind, wanted.sources, wanted.distance, wanted.dimension
            )
        if wanted.kind is SpaceKind.SPARSE:
            stamp = self._encoders.stamp_for(made, language)
            return VectorSpace(
                wanted.name, wanted.kind, wanted.sources, wanted.distance, stamp=stamp
            )
        encoder_id = wanted.encoder_id or default_encoder_id
        info = self._encoders.get(encoder_id, field=f"{path}.encoder_id").info
        if wanted.dimension is not None and wanted.dimension != info.dimension:
            problems.append(
                violation(
                    f"{path}.dimension",
                    Reason.VECTOR_SPACE_INVALID,
                    f"the encoder {info.id} has another dimension",
                    got=wanted.dimension,
                    allowed=info.dimension,
                )
            )
        windows = None
        if wanted.kind is SpaceKind.MULTI:
            windows = _windows(wanted.windows, info, f"{path}.windows", problems)
        return VectorSpace(
            name=wanted.name,
            kind=wanted.kind,
            sources=wanted.sources,
            distance=wanted.distance,
            dimension=info.dimension,
            encoder_id=info.id,
            windows=windows,
            stamp=info.image_stamp if Source.IMAGE in wanted.sources else info.text_stamp,
        )


def _windows(
    wanted: WindowsRequest, info: EncoderInfo, path: str, problems: list[Violation]
) -> Windows:
    readable = info.context_length - info.special_tokens
    tokens = readable if wanted.tokens is None else wanted.tokens
    if tokens > readable:
        problems.append(
            violation(
                f"{path}.tokens",
                Reason.VECTOR_SPACE_INVALID,
                f"the encoder {info.id} reads fewer tokens",
                got=tokens,
                allowed=f"1 to {readable}",
            )
        )
    overlap = tokens // OVERLAP_SHARE if wanted.overlap is None else wanted.overlap
    if overlap >= tokens:
        problems.append(
            violation(
                f"{path}.overlap",
                Reason.VECTOR_SPACE_INVALID,
                "must be below tokens",
                got=overlap,
                allowed=f"0 to {tokens - 1}",
            )
        )
    max_windows = DEFAULT_MAX_WINDOWS if wanted.max_windows is None else wanted.max_windows
    return Windows(tokens, overlap, max_windows)
