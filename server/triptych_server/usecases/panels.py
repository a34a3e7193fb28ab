"""Turns one item's panels into its named vectors: decode once, read, encode."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from triptych_server.domain.collections import Collection, Source, SpaceKind, VectorSpace
from triptych_server.domain.decoding import FOR_READING
from triptych_server.domain.errors import InvalidInput
from triptych_server.domain.items import (
    Box,
    ImageInfo,
    ImageVariant,
    ItemInput,
    Notice,
    OcrReading,
    OcrState,
    Picture,
    TokenUse,
    WarningCode,
)
from triptych_server.domain.pictures import KeptFile, original, variants_of
from triptych_server.domain.ports import ImageIntake, Ocr
from triptych_server.domain.vectors import Vector
from triptych_server.usecases.check_vectors import as_compared
from triptych_server.usecases.decoded import decoded
from triptych_server.usecases.encoders import EncoderSet
from triptych_server.usecases.together import together

Crop: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a picture is to be read. ``language`` None: it should be, and the server can't."""

    language: str | None
    time_limit_ms: int
    replaces_supplied: bool


@dataclass(slots=True, eq=False)
class Panels:
    """What came out of one item."""

    vectors: dict[str, Vector]
    ocr_text: str | None
    ocr: OcrReading | None
    image: ImageInfo | None = None
    files: list[KeptFile] = field(default_factory=list)
    tokens: dict[str, TokenUse] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)


class PanelMaker:
    """Decodes, reads and encodes.

    At most ``pictures_in_flight`` pictures are held decoded, and ``crops_in_flight`` wait for a
    model or are in it, of all upserts together: a picture that somebody asks with waits for those.
    """

    def __init__(
        self,
        encoders: EncoderSet,
        intake: ImageIntake,
        ocr: Ocr,
        *,
        pictures_in_flight: int,
        crops_in_flight: int,
    ) -> None:
        self._encoders = encoders
        self._intake = intake
        self._ocr = ocr
        # A decoded picture is much larger than its file: this bounds the memory of all batches.
        self._room = asyncio.Semaphore(pictures_in_flight)
        self._queue = asyncio.Semaphore(crops_in_flight)

    async def make(
        self, collection: Collection, item: ItemInput, reading: Reading | None, path: str
    ) -> Panels:
        """Every vector that ``collection`` makes from the item's panels, and the files it keeps.

        ``reading`` None leaves the picture unread. Raises InvalidInput, its violations under
        ``path``, for a picture that can't be taken in; Exhausted where the encoder's queue is full.
        """
        vectors = {
            name: as_compared(space, item.vectors[name])
            for space in collection.vector_spaces
            if (name := space.name) in item.vectors
        }
        panels = Panels(vectors, item.ocr_text, None, notices=list(item.notices))
        if item.ocr_text is not None:
            panels.ocr = OcrReading(OcrState.SUPPLIED, item.ocr_text)
        if item.image is not None:
            await self._look(collection, item.image, reading, panels, path)
        await self._read_texts(collection, item.caption, panels, path)
        if not panels.vectors:
            what = "no vector could be made from it, so no search finds it"
            panels.notices.append(Notice(WarningCode.NOT_SEARCHABLE, what, path))
        return panels

    async def _look(
        self,
        collection: Collection,
        data: bytes,
        reading: Reading | None,
        panels: Panels,
        path: str,
    ) -> None:
        spaces = [s for s in collection.vector_spaces if s.sources == (Source.IMAGE,)]
        crops: asyncio.Future[list[Crop]] = asyncio.get_running_loop().create_future()
        queued = asyncio.Event()

        async def see() -> None:
            async with self._room:
                pictures = await self._decoded(collection, spaces, data, path)
                picture = pictures[0]
                panels.image = picture.info
                panels.notices.extend(
                    Notice(n.code, n.message, f"{path}.image.data") for n in picture.notices
                )
                crops.set_result(await self._crops(collection, spaces, pictures))
                del pictures
                await together(
                    [
                        self._read(picture, data, reading, panels, path),
                        self._keep(collection, data, picture, panels),
                        queued.wait(),
                    ]
                )

        async def encode() -> None:
            # Out of the room: what the model sees of a picture is small, so that the next ones can
            # be decoded while it runs.
            seen = zip(spaces, await crops, strict=True)
            async with self._queue:
                queued.set()
                await together(self._encode(collection, s, crop, panels) for s, crop in seen)

        await together([see(), encode()])

    async def _decoded(
        self, collection: Collection, spaces: Sequence[VectorSpace], data: bytes, path: str
    ) -> list[Picture]:
        """A picture for each of ``spaces``; one where there are none."""
        details = [self._encoders.detail(collection, space) for space in spaces]
        try:
            return await decoded(self._intake, data, details or [None])
        except InvalidInput as error:
            raise error.under(f"{path}.image.data") from None

    async def _crops(
        self, collection: Collection, spaces: Sequence[VectorSpace], pictures: Sequence[Picture]
    ) -> list[Crop]:
        return await together(
            self._encoders.of(collection, space).crop_image(picture)
            for space, picture in zip(spaces, pictures, strict=False)
        )

    async def _keep(
        self, collection: Collection, data: bytes, picture: Picture, panels: Panels
    ) -> None:
        for variant in variants_of(collection.image_retention):
            if variant is ImageVariant.ORIGINAL:
                panels.files.append(original(data, picture.info))
            else:
                panels.files.append(await self._intake.thumbnail(picture))
        panels.image = replace(picture.info, kept=tuple(file.image for file in panels.files))

    async def _encode(
        self, collection: Collection, space: VectorSpace, crop: Crop, panels: Panels
    ) -> None:
        embedding = await self._encoders.of(collection, space).encode_crop(crop)
        multi = space.kind is SpaceKind.MULTI
        panels.vectors[space.name] = embedding.reshape(1, -1) if multi else embedding

    async def _read(
        self,
        picture: Picture,
        data: bytes,
        reading: Reading | None,
        panels: Panels,
        path: str,
    ) -> None:
        if reading is None:
            return
        if reading.language is None:
            panels.notices.append(cannot_read(path))
            panels.ocr = OcrReading(OcrState.FAILED, panels.ocr_text or "")
            return
        # Words need more pixels than a model. What that sees stays as it is, whoever reads along.
        detail = None if picture.detail is None else FOR_READING
        sheet = picture if picture.serves(detail) else await self._intake.decode(data, detail)
        found = await self._ocr.read(
            sheet, language=reading.language, time_limit_ms=reading.time_limit_ms
        )
        if found.state in (OcrState.FAILED, OcrState.TIMED_OUT):
            timed_out = found.state is OcrState.TIMED_OUT
            code = WarningCode.OCR_TIMED_OUT if timed_out else WarningCode.OCR_FAILED
            panels.notices.append(Notice(code, found.message, f"{path}.image"))
            panels.ocr = found
            return
        panels.ocr = in_pixels_of(sheet, found)
        panels.ocr_text = found.text or None

    async def _read_texts(
        self, collection: Collection, caption: str | None, panels: Panels, path: str
    ) -> None:
        texts = {Source.CAPTION: caption, Source.OCR_TEXT: panels.ocr_text}
        for space in collection.vector_spaces:
            parts = [t for source in space.sources if (t := texts.get(source)) is not None]
            if not parts:
                continue
            text = "\n".join(parts)
            if space.kind is SpaceKind.SPARSE:
                terms = await self._encoders.terms.encode_document(text, collection.language)
                # An empty sparse vector would count as present and lift unrelated items.
                if len(terms):
                    panels.vectors[space.name] = terms
                continue
            first = next(s for s in space.sources if texts.get(s) is not None)
            where = f"{path}.{first.value}"
            tokens = await self._encode_text(collection, space, text, panels, where)
            panels.tokens[space.name] = tokens

    async def _encode_text(
        self, collection: Collection, space: VectorSpace, text: str, panels: Panels, path: str
    ) -> TokenUse:
        encoder = self._encoders.of(collection, space)
        if space.windows is None:
            single = await encoder.encode_text(text)
            panels.vectors[space.name] = single.vector
            if single.tokens.truncated:
                panels.notices.append(truncation(single.tokens, f"vector {space.name!r}", path))
            return single.tokens
        windowed = await encoder.encode_windows(text, space.windows)
        panels.vectors[space.name] = windowed.vectors
        if windowed.windows_cut:
            panels.notices.append(
                Notice(
                    WarningCode.WINDOWS_CUT,
                    f"vector {space.name!r} keeps {space.windows.max_windows} windows; "
                    f"{windowed.windows_cut} more were left out",
                    path,
                )
            )
        return windowed.tokens


def in_pixels_of(sheet: Picture, found: OcrReading) -> OcrReading:
    """``found`` in ``sheet``, with its boxes in pixels of the picture as it came, upright."""
    if sheet.scale == 1:
        return found
    words = tuple(replace(word, box=_scaled_up(word.box, sheet)) for word in found.words)
    return replace(found, words=words)


def _scaled_up(box: Box, sheet: Picture) -> Box:
    left, top = box.left * sheet.scale, box.top * sheet.scale
    return Box(
        left,
        top,
        min(box.width * sheet.scale, sheet.info.width - left),
        min(box.height * sheet.scale, sheet.info.height - top),
    )


def cannot_read(path: str) -> Notice:
    """The warning for a picture whose words are wanted where the server can't read any."""
    return Notice(
        WarningCode.OCR_FAILED,
        "the picture was not read: this server has no Tesseract, or has it in neither the "
        "collection's language nor its own default",
        f"{path}.image",
    )


def truncation(tokens: TokenUse, reader: str, path: str) -> Notice:
    """The warning for a text longer than ``reader``, an encoder or a vector's, reads."""
    return Notice(
        WarningCode.TEXT_TRUNCATED,
        f"{reader}: {tokens.tokens_used} of {tokens.token_count} tokens were used",
        path,
    )
