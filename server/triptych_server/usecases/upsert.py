"""Writes items: each whole, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from triptych_server.domain import layout
from triptych_server.domain.collections import Collection, Source, Stamp
from triptych_server.domain.errors import (
    InvalidInput,
    Reason,
    TriptychError,
    Violation,
    WrongState,
    clip,
    violation,
)
from triptych_server.domain.items import (
    ItemInput,
    OcrMode,
    OcrOptions,
    OcrState,
    Record,
    UpsertOutcome,
    UpsertResult,
)
from triptych_server.domain.paths import parse_path
from triptych_server.domain.payload import check_payload, field_types
from triptych_server.domain.pictures import PictureKey, picture_keys
from triptych_server.domain.ports import Ocr, Point, VectorStore
from triptych_server.usecases.check_vectors import misfit
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.locks import KeyLocks, writer_keys
from triptych_server.usecases.panels import PanelMaker, Panels, Reading, cannot_read
from triptych_server.usecases.picture_keeper import PictureKeeper
from triptych_server.usecases.sameness import after_reading, content_hashes, is_unchanged
from triptych_server.usecases.stopwatch import Stopwatch
from triptych_server.usecases.together import together

# A write costs the engine about as much for one point as for these.
WRITE_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class UpsertItems:
    """A batch to write. An entry that broke a rule of form is its error, at its own place."""

    collection_id: str
    items: tuple[ItemInput | tuple[str, TriptychError], ...]
    ocr: OcrOptions


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """An item ready to be written, with the outcome that it gets once it is.

    Its picture is kept already; ``stale`` names what was kept of the one before.
    """

    point: Point
    outcome: UpsertOutcome
    stale: tuple[PictureKey, ...]


class Upsert:
    """The use case of ItemService.UpsertItems.

    Of one request ``items_at_once`` are under way, so that several requests take turns.
    """

    def __init__(
        self,
        store: VectorStore,
        encoders: EncoderSet,
        panels: PanelMaker,
        keeper: PictureKeeper,
        ocr: Ocr,
        writers: KeyLocks,
        *,
        items_at_once: int,
        ocr_time_limit_ms: int,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._encoders = encoders
        self._panels = panels
        self._keeper = keeper
        self._ocr = ocr
        self._writers = writers
        self._items_at_once = items_at_once
        self._ocr_time_limit_ms = ocr_time_limit_ms
        self._now = now

    async def __call__(self, request: UpsertItems, watch: Stopwatch) -> tuple[UpsertOutcome, ...]:
        """Write the batch: one outcome for each item, in the order of the request.

        Items are written as they get ready, so that a deadline costs only what is not: sent again,
        the rest of the batch is UNCHANGED and the work goes on where it stopped.

        Raises NotFound, WrongState (MODEL_MISMATCH, OCR_UNAVAILABLE), InvalidInput (OCR language),
        Exhausted (STORE_FULL), Unavailable; whatever is wrong with one item is that item's outcome.
        """
        collection = await self._store.get_collection(request.collection_id)
        self._encoders.check(collection, collection.vector_spaces)
        reading = self._reading(collection, request.ocr)
        ids = [layout.point_id(i.id) for i in request.items if isinstance(i, ItemInput)]
        async with self._writers.hold(writer_keys(collection.id, ids)):
            with watch.stage("read"):
                known = await self._known(collection, ids)
            batch = _Batch(self._store, self._keeper, collection)
            turns = asyncio.Semaphore(self._items_at_once)

            async def one(
                place: int, entry: ItemInput | tuple[str, TriptychError]
            ) -> UpsertOutcome:
                async with turns:
                    made = await self._prepare(collection, place, entry, known, reading)
                    if isinstance(made, UpsertOutcome):
                        return made
                    await batch.add(made)
                    return made.outcome

            try:
                with watch.stage("encode"):
                    outcomes = await together(one(n, e) for n, e in enumerate(request.items))
                with watch.stage("store"):
                    await batch.write()
            except BaseException:
                # Nobody else would know of pictures put for a collection that has just gone.
                await self._keeper.forget(collection)
                raise
        return tuple(outcomes)

    def _reading(self, collection: Collection, options: OcrOptions) -> Reading | None:
        """How this batch's pictures are read; None where they are not."""
        wanted = any(Source.OCR_TEXT in space.sources for space in collection.vector_spaces)
        always = options.mode is OcrMode.ALWAYS
        if options.mode is OcrMode.SKIP or not (wanted or always):
            return None
        installed = self._ocr.languages
        language = options.language or self._ocr.language_for(collection.language)
        if always and not (installed and language):
            raise WrongState(
                Reason.OCR_UNAVAILABLE,
                "ocr.mode: this server can't read pictures: it has no Tesseract, or has it in "
                "neither the collection's language nor its own default",
                subject="ocr",
            )
        for code in (options.language or "").split("+"):
            if code and installed and code not in installed:
                raise InvalidInput(
                    [
                        violation(
                            "ocr.language",
                            Reason.OCR_LANGUAGE_UNAVAILABLE,
                            "is not installed",
                            got=code,
                            allowed=", ".join(installed),
                        )
                    ]
                )
        limit = options.time_limit_ms or self._ocr_time_limit_ms
        return Reading(language if installed else None, limit, always)

    async def _known(self, collection: Collection, ids: Sequence[str]) -> dict[str, Record]:
        found = await self._store.retrieve(collection.id, ids)
        return {point.id: layout.from_payload(point.payload)[0] for point in found}

    async def _prepare(
        self,
        collection: Collection,
        place: int,
        entry: ItemInput | tuple[str, TriptychError],
        known: dict[str, Record],
        reading: Reading | None,
    ) -> _Prepared | UpsertOutcome:
        if not isinstance(entry, ItemInput):
            return UpsertOutcome(place, entry[0], UpsertResult.FAILED, entry[1])
        path = f"items[{place}]"
        point = layout.point_id(entry.id)
        old = known.get(point)
        item_reading = _for_item(entry, reading)
        try:
            _check(collection, entry, path)
            hashes = await _hashes(entry, item_reading)
        except TriptychError as error:
            return UpsertOutcome(place, entry.id, UpsertResult.FAILED, error)
        if (
            old is not None
            and is_unchanged(collection, old, hashes, item_reading)
            and (old.image is None or await self._keeper.holds_all(collection, point, old.image))
        ):
            return _unchanged(place, entry, old, item_reading, path)
        try:
            panels = await self._panels.make(collection, entry, item_reading, path)
        except TriptychError as error:
            return UpsertOutcome(place, entry.id, UpsertResult.FAILED, error)
        await self._keeper.put(collection, point, panels.files)
        return self._made(collection, place, entry, old, hashes, panels)

    def _made(
        self,
        collection: Collection,
        place: int,
        entry: ItemInput,
        old: Record | None,
        hashes: dict[str, str],
        panels: Panels,
    ) -> _Prepared:
        now = self._now()
        spaces = {s.name: s for s in collection.vector_spaces}
        stamps: dict[str, Stamp | None] = {name: spaces[name].stamp for name in panels.vectors}
        record = Record(
            item_id=entry.id,
            tenant="",
            caption=entry.caption,
            ocr_text=panels.ocr_text,
            hashes=after_reading(hashes, panels.ocr),
            stamps=stamps,
            image=panels.image,
            ocr=panels.ocr,
            create_time=old.create_time if old else now,
            update_time=now,
        )
        payload = layout.to_payload(record, entry.payload)
        outcome = UpsertOutcome(
            index=place,
            id=entry.id,
            result=UpsertResult.REPLACED if old else UpsertResult.CREATED,
            notices=tuple(panels.notices),
            image=panels.image,
            tokens=tuple(panels.tokens.items()),
            ocr_state=panels.ocr.state if panels.ocr else OcrState.SKIPPED,
        )
        point = Point(layout.point_id(entry.id), panels.vectors, payload)
        kept = picture_keys(collection, point.id, panels.image)
        before = picture_keys(collection, point.id, old.image if old else None)
        stale = tuple(key for key in before if key not in kept)
        return _Prepared(point, outcome, stale)


def _for_item(item: ItemInput, reading: Reading | None) -> Reading | None:
    """Whether this item's picture is read: there is one, and its words are wanted."""
    if reading is None or item.image is None:
        return None
    if item.ocr_text is not None and not reading.replaces_supplied:
        return None
    return reading


async def _hashes(item: ItemInput, reading: Reading | None) -> dict[str, str]:
    """``content_hashes``; a picture's, which may take milliseconds, beside the event loop."""
    if item.image is None:
        return content_hashes(item, reading)
    return await asyncio.to_thread(content_hashes, item, reading)


def _check(collection: Collection, item: ItemInput, path: str) -> None:
    types = field_types(collection.payload_fields, parse_path)
    problems: list[Violation] = check_payload(item.payload, types, f"{path}.payload")
    for name, vector in item.vectors.items():
        space = collection.space(name)
        if space is None or not space.is_supplied:
            continue
        problem = misfit(space, vector, f"{path}.vectors[{name}]")
        if problem is not None:
            problems.append(problem)
    if problems:
        raise InvalidInput(problems)
    supplied = [s.name for s in collection.vector_spaces if s.is_supplied]
    for name in item.vectors:
        if name not in supplied:
            raise WrongState(
                Reason.VECTOR_NAME_UNKNOWN,
                f"{path}.vectors[{clip(name)}]: the collection has no supplied vector space of "
                f"that name (allowed {', '.join(supplied) or 'none'})",
                subject=f"collections/{collection.id}",
            )
    if not _panel_sources(item) & {s for space in collection.vector_spaces for s in space.sources}:
        raise WrongState(
            Reason.PANEL_UNSUPPORTED,
            f"{path}: the collection has no vector space for any of this item's panels",
            subject=f"collections/{collection.id}",
        )


def _panel_sources(item: ItemInput) -> set[Source]:
    sources = set()
    if item.image is not None:
        # The words in a picture are a panel of their own.
        sources |= {Source.IMAGE, Source.OCR_TEXT}
    if item.caption is not None:
        sources.add(Source.CAPTION)
    if item.ocr_text is not None:
        sources.add(Source.OCR_TEXT)
    if item.vectors:
        sources.add(Source.SUPPLIED)
    return sources


def _unchanged(
    place: int, item: ItemInput, old: Record, reading: Reading | None, path: str
) -> UpsertOutcome:
    notices = list(item.notices)
    if reading is not None and reading.language is None:
        notices.append(cannot_read(path))
    return UpsertOutcome(
        place,
        item.id,
        UpsertResult.UNCHANGED,
        notices=tuple(notices),
        image=old.image,
        ocr_state=old.ocr.state if old.ocr else OcrState.SKIPPED,
    )


class _Batch:
    """Items on their way to the store, some at a time."""

    def __init__(self, store: VectorStore, keeper: PictureKeeper, collection: Collection) -> None:
        self._store = store
        self._keeper = keeper
        self._collection = collection
        self._ready: list[_Prepared] = []

    async def add(self, item: _Prepared) -> None:
        """Takes one; writes when enough have come together."""
        self._ready.append(item)
        if len(self._ready) >= WRITE_TOGETHER:
            await self.write()

    async def write(self) -> None:
        """Writes what has come since the last time, then removes the pictures it replaced."""
        items, self._ready = self._ready, []
        if not items:
            return
        collection = self._collection
        points = [item.point for item in items]
        await self._store.upsert(collection.id, points, created=collection.create_time)
        await self._keeper.remove([key for item in items for key in item.stale])
